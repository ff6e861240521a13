/*
 * conv_im2col: the algorithm "im2col" of kernels/conv_algorithm.h.
 */
#ifndef LOCKSTEP_KERNELS_CONV_IM2COL_H
#define LOCKSTEP_KERNELS_CONV_IM2COL_H

#include "kernels/conv_algorithm.h"

extern const struct conv_algorithm conv_im2col_forward, conv_im2col_data,
    conv_im2col_weight;

#endif
