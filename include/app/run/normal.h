/*
 * normal: the mean and the deviation that images are normalised by, as users write them:
 * in units of pixels, 0 to 255, one number or one for each channel.
 */
#ifndef LOCKSTEP_APP_RUN_NORMAL_H
#define LOCKSTEP_APP_RUN_NORMAL_H

#include "app/config/config.h"
#include "data/dataset.h"

/* Reads "127" or "124,116,104" into value[0..channels), in units of white, 0 to 1. `what`
   for messages: "data.mean". ST_USAGE if it is something else; a deviation is above 0. */
enum status normal_read(const char *what, const char *text, int channels, bool deviation,
                        double value[DATASET_CHANNELS]) MUST_CHECK;
/* The reverse, up to rounding; the caller frees. */
char *normal_text(const double *value, int channels);

/* Sets the data set's mean and deviation to those of the config, if it has them. */
enum status normal_apply(const struct data_options *options,
                         struct dataset_info *data) MUST_CHECK;

#endif
