/*
 * conv_blas: the algorithm "blas" of kernels/conv_algorithm.h.
 */
#ifndef LOCKSTEP_KERNELS_CONV_BLAS_H
#define LOCKSTEP_KERNELS_CONV_BLAS_H

#include "kernels/conv_algorithm.h"

extern const struct conv_algorithm conv_blas_forward, conv_blas_data, conv_blas_weight;

#endif
