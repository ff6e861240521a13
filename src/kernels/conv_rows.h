/*
 * conv_rows: the algorithm "direct" of kernels/conv_algorithm.h.
 */
#ifndef LOCKSTEP_KERNELS_CONV_ROWS_H
#define LOCKSTEP_KERNELS_CONV_ROWS_H

#include "kernels/conv_algorithm.h"

extern const struct conv_algorithm conv_rows_forward, conv_rows_data, conv_rows_weight;

#endif
