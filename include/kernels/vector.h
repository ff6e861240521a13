/*
 * vector: elementwise work on flat float vectors.
 */
#ifndef LOCKSTEP_KERNELS_VECTOR_H
#define LOCKSTEP_KERNELS_VECTOR_H

#include <stdbool.h>
#include <stddef.h>

/* y += x; they must not overlap. */
void vector_add(float *y, const float *x, size_t n);

/* Are all elements finite (no NaN, no infinity)? */
bool vector_finite(const float *x, size_t n);

/* The index of the largest element, the first of equal ones; n >= 1. */
int vector_argmax(const float *x, size_t n);

#endif
