/*
 * config_parameters: the keys of a config, for programs that show or compare runs (train
 * --json, TensorBoard's hyper-parameters).
 */
#ifndef LOCKSTEP_APP_CONFIG_CONFIG_PARAMETERS_H
#define LOCKSTEP_APP_CONFIG_CONFIG_PARAMETERS_H

#include "app/config/config.h"
#include "train/trainer.h"

/* All keys but the layers and [group NAME], in the order of the table; (*count), which
   config_parameters_free frees. */
struct run_parameter *config_parameters(const struct config *config, int *count);
void config_parameters_free(struct run_parameter *parameter, int count);

#endif
