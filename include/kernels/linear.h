/*
 * linear: y = x w^T + bias; x (N, in), w (out, in), y (N, out).
 *
 * The value of each result is one chain of fused multiply-adds, the same on every CPU
 * that has them, for any team:
 *
 *   y: from bias[k], with the inputs ascending
 *
 *   dx: from 0, with the outputs ascending
 *
 *   dweight: from 0, with the images ascending
 *
 * Every member of the team calls with the same arguments; each function ends with a
 * barrier. The members share the features of the result.
 */
#ifndef LOCKSTEP_KERNELS_LINEAR_H
#define LOCKSTEP_KERNELS_LINEAR_H

#include "kernels/team.h"

struct linear_shape {
    int n, in, out;
};

void linear_forward(const struct team *team, const struct linear_shape *shape, float *y,
                    const float *x, const float *weight, const float *bias);

/* dweight and dbias are written, not added to. Above, bias NULL is 0; dbias NULL is not
   wanted. */
void linear_backward_weight(const struct team *team, const struct linear_shape *shape,
                            float *dweight, float *dbias, const float *x,
                            const float *dy);

void linear_backward_data(const struct team *team, const struct linear_shape *shape,
                          float *dx, const float *dy, const float *weight);

/* The three passes: those above, or by OpenBLAS, whose bits belong to the kind of CPU. */
struct linear_passes {
    void (*forward)(const struct team *team, const struct linear_shape *shape, float *y,
                    const float *x, const float *weight, const float *bias);
    void (*backward_weight)(const struct team *team, const struct linear_shape *shape,
                            float *dweight, float *dbias, const float *x,
                            const float *dy);
    void (*backward_data)(const struct team *team, const struct linear_shape *shape,
                          float *dx, const float *dy, const float *weight);
};

extern const struct linear_passes linear_portable, linear_blas;

#endif
