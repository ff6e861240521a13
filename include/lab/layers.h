/*
 * layers: the time of each layer of a network, pass by pass, on one core.
 */
#ifndef LOCKSTEP_LAB_LAYERS_H
#define LOCKSTEP_LAB_LAYERS_H

#include "kernels/conv_algorithm.h"
#include "nn/model.h"

/* One operation of the network (a layer, or a block of several). Medians over repeated
   passes of one grain, CPU time of the thread divided by the images. The data is warm, as
   in training. */
struct layer_time {
    char name[3 * LAYER_NAME]; /* "conv1+maxpool1+gelu1" */
    double forward, backward;  /* seconds per image */
    struct model_work work;
    size_t stored; /* bytes per image from forward to backward (workspace_stored) */
    /* The algorithms of a convolution outside blocks; NULL for other layers, and for
       passes that it does not have. */
    const struct conv_algorithm *algorithm[CONV_PASSES];
};

/* Fills times[model->ops]. params is any set of weights; x (grain, in) any input. */
void layers_measure(const struct model *model, const float *params, const float *x,
                    struct layer_time *times);

/* Seconds of a grain, forward and backward, through a unit of a model (model_part) on one
   core: the median of a few. */
double layers_unit_seconds(const struct model *unit);

#endif
