/*
 * trial: what the commands that measure train on: a network and the built-in letters.
 */
#ifndef LOCKSTEP_APP_TRIAL_H
#define LOCKSTEP_APP_TRIAL_H

#include "app/config.h"
#include "data/dataset.h"

struct comm;

/* The network of the config file `path`, or the reference network (NULL); grain > 0
   replaces the config's. */
enum status trial_read_config(const char *path, long long grain,
                              struct config *config) MUST_CHECK;

/* Collective. At least `least` images for training, a whole number of batches. */
enum status trial_open_letters(struct comm *comm, int least, int batch,
                               struct dataset *dataset) MUST_CHECK;

/* "1,2,4" */
#define TRIAL_LIST 16
struct trial_list {
    int count, value[TRIAL_LIST];
};
enum status trial_read_list(const char *option, const char *text,
                            struct trial_list *list) MUST_CHECK;

#endif
