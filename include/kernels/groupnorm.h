/*
 * groupnorm: normalisation over groups of the channels of each sample: Y. Wu and K. He,
 * "Group normalization", ECCV 2018.
 *
 * As batchnorm.h, but the sums run over the pixels and the C / groups channels of one
 * sample. x, y (N, pixels, C); moments (N, 2, C): mean and variance, each channel's those
 * of its group; weight and bias (C). Sums: each channel's pixels in chunks of
 * BATCHNORM_CHUNK, each a chain of floats, the chunks and then the channels of a group in
 * order, in double; for dweight and dbias the samples in order.
 *
 * Every member of the team calls with the same arguments; each function ends with a
 * barrier. Members take samples.
 */
#ifndef LOCKSTEP_KERNELS_GROUPNORM_H
#define LOCKSTEP_KERNELS_GROUPNORM_H

#include <stddef.h>

#include "kernels/team.h"

struct groupnorm_shape {
    int n, pixels, c;
    int groups; /* divides c */
    float epsilon;
};

/* Bytes of scratch for both passes. */
size_t groupnorm_scratch(const struct groupnorm_shape *shape);

struct groupnorm_values {
    float *y, *moments; /* written */
    const float *x, *weight, *bias;
};

void groupnorm_forward(const struct team *team, const struct groupnorm_shape *shape,
                       const struct groupnorm_values *values, void *scratch);

struct groupnorm_gradient {
    float *dx;              /* NULL: not needed */
    float *dweight, *dbias; /* (C) */
    const float *x, *dy, *moments, *weight;
};

void groupnorm_backward(const struct team *team, const struct groupnorm_shape *shape,
                        const struct groupnorm_gradient *gradient, void *scratch);

#endif
