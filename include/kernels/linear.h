/*
 * linear: y = x w^T + bias; x (N, in), w (out, in), y (N, out).
 *
 * Every member of the team calls with the same arguments; each function ends with a
 * barrier. Results are cut into panels of features that do not depend on the team.
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

#endif
