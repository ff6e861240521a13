/*
 * trial_config: the network and the options of the commands that only measure: a config
 * file's, or those of the reference network (configs/letters.conf), trained plainly.
 */
#ifndef LOCKSTEP_APP_RUN_TRIAL_CONFIG_H
#define LOCKSTEP_APP_RUN_TRIAL_CONFIG_H

#include "app/config/config.h"
#include "lab/trial.h"

/* path NULL: the reference network. grain > 0 replaces the config's; image_size: as
   --image-size, or NULL. Initialises config; the caller releases it, also after a
   failure. */
enum status trial_config_read(const char *path, long long grain, const char *image_size,
                              struct config *config) MUST_CHECK;

/* The images of a data set, or, if data is NULL, letters of the size and the channels
   that the config imports pictures in. */
struct trial_source trial_config_source(const struct config *config, const char *data);

#endif
