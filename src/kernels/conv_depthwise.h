/*
 * conv_depthwise: the algorithm "depthwise" of kernels/conv_algorithm.h.
 */
#ifndef LOCKSTEP_KERNELS_CONV_DEPTHWISE_H
#define LOCKSTEP_KERNELS_CONV_DEPTHWISE_H

#include "kernels/conv_algorithm.h"

extern const struct conv_algorithm conv_depthwise_forward, conv_depthwise_data,
    conv_depthwise_weight;

#endif
