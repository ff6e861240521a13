/*
 * trial_config: the network and the options of the commands that only measure: a config
 * file's, or those of the reference network (configs/letters.conf), trained plainly.
 */
#ifndef LOCKSTEP_APP_RUN_TRIAL_CONFIG_H
#define LOCKSTEP_APP_RUN_TRIAL_CONFIG_H

#include "app/config/config.h"

/* path NULL: the reference network. grain > 0 replaces the config's. Initialises config;
   the caller releases it, also after a failure. */
enum status trial_config_read(const char *path, long long grain,
                              struct config *config) MUST_CHECK;

#endif
