/*
 * layers: how fast each layer of a network is, pass by pass, on one core.
 */
#ifndef LOCKSTEP_LAB_LAYERS_H
#define LOCKSTEP_LAB_LAYERS_H

#include "nn/model.h"

/* One step of the network (a layer, or a block of several). Medians over repeated passes
   of one grain, whose data a run has just made; per image. */
struct layer_time {
    char name[64];            /* "conv1+maxpool1+gelu1" */
    double forward, backward; /* seconds */
    struct model_work work;
};

/* Fills times[model->ops]. params is any set of weights; x (grain, in) any input. */
void layers_measure(const struct model *model, const float *params, const float *x,
                    struct layer_time *times);

/* Of a unit of a model (model_part): seconds of a grain forward and backward on one core,
   the median of a few. */
double layers_unit_seconds(const struct model *unit);

#endif
