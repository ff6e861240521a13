/*
 * label_kind: a config and a data set, whose images have one class each, or several or
 * none.
 */
#ifndef LOCKSTEP_APP_RUN_LABEL_KIND_H
#define LOCKSTEP_APP_RUN_LABEL_KIND_H

#include "app/config/config.h"
#include "data/dataset.h"

/* Before the network is made. For a multi-label set, a network that ends in logsoftmax
   ends in logsigmoid from here on, and train.metric = accuracy becomes average_precision.
   ST_USAGE if the network, or the metric, is of the other kind. name: of the config. */
enum status label_kind_apply(struct config *config, const char *name,
                             const struct dataset_info *data) MUST_CHECK;

#endif
