/*
 * simd_lab: declares the kernels of kernels/lab.h for one instruction set, as simd.h does
 * for the kernels of training.
 */
#ifndef LOCKSTEP_KERNELS_SIMD_SIMD_LAB_H
#define LOCKSTEP_KERNELS_SIMD_SIMD_LAB_H

#include "kernels/lab.h"
#include "simd.h"

#define SIMD_DECLARE_LAB(op) extern __typeof__(*((struct lab_kernels *)0)->op) SIMD(op)

SIMD_DECLARE_LAB(multiply_add);
SIMD_DECLARE_LAB(triad);
SIMD_DECLARE_LAB(layout_nchw);
SIMD_DECLARE_LAB(layout_nhwc);
SIMD_DECLARE_LAB(layout_blocked);

#endif
