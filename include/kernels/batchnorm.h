/*
 * batchnorm: normalisation of every channel over a grain: S. Ioffe and C. Szegedy, "Batch
 * Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
 * Shift", ICML 2015.
 *
 *   mean = sum(x) / M, variance = sum((x - mean)^2) / M      over the M = N pixels values
 *   inverse = 1 / sqrt(variance + epsilon)
 *   y = activation((x - mean) inverse weight + bias + z)     z: another value, or 0
 *
 *   dz = dy times the activation's slope
 *   dbias = sum(dz), dweight = inverse sum(dz (x - mean))
 *   dx = weight inverse (dz - dbias / M - (x - mean) inverse dweight / M)
 *   dx = weight inverse dz                    if mean and variance are given
 *
 * x, y, z: (N, pixels, C); all others (C).
 *
 * A pass has phases, so that it may go through the grain a block of images at a time,
 * while these are in the cache. gather reads the block, then settle follows once for the
 * grain, then emit writes the block; what gather and settle leave for the next phases is
 * in `memory`. The phases of blocks take `images`, which of the grain's the block has;
 * their x, y, z, dx, dy and dz begin with the block's first image.
 *
 *   forward:  gather, settle (or mean and variance are given), set_line, emit
 *   backward: set_line, gather_back, settle_back, emit_back (or nobody needs dx);
 *             of given mean and variance set_line, back_given, settle_back
 *
 * The order of every sum follows from the shape. Moments: the pixels of an image in
 * chunks of BATCHNORM_CHUNK, each about a float near its own mean, merged in double one
 * after the other (T. Chan, G. Golub and R. LeVeque, "Updating formulae and a pairwise
 * algorithm for computing sample variances", 1979), then the images. Gradients: each
 * chunk a chain of floats, the chunks and then the images in double. Members of a team
 * take images or channels, so the bits do not depend on them.
 *
 * Every member of the team calls with the same arguments; each function ends with a
 * barrier.
 */
#ifndef LOCKSTEP_KERNELS_BATCHNORM_H
#define LOCKSTEP_KERNELS_BATCHNORM_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/activation.h"
#include "kernels/matrix.h"
#include "kernels/team.h"

#define BATCHNORM_CHUNK 64

struct batchnorm_shape {
    int n, pixels, c;
};

/* Bytes of `memory`, aligned to 64, for either pass of a grain of this shape. */
size_t batchnorm_room_bytes(const struct batchnorm_shape *shape);

/* The splits that the kernel supports. */
struct split_sets batchnorm_splits(const struct batchnorm_shape *shape);

void batchnorm_gather(const struct team *team, const struct batchnorm_shape *shape,
                      struct span images, const float *x, void *memory);

/* Mean and variance of the grain. */
void batchnorm_settle(const struct team *team, const struct batchnorm_shape *shape,
                      float *mean, float *variance, void *memory);

/* What normalises, (C) each, and what stands behind it. A weight that is NULL is 1, a
   bias 0. */
struct batchnorm_by {
    const float *mean, *variance, *weight, *bias;
    float epsilon;
    enum activation activation;
};

/* What every channel is multiplied by and shifted. */
void batchnorm_set_line(const struct team *team, const struct batchnorm_shape *shape,
                        const struct batchnorm_by *by, void *memory);

struct batchnorm_values {
    float *y;
    const float *x, *z; /* z NULL: nothing is added */
};

void batchnorm_emit(const struct team *team, const struct batchnorm_shape *shape,
                    struct span images, const struct batchnorm_values *values,
                    const struct batchnorm_by *by, void *memory);

struct batchnorm_gradient {
    float *dx;              /* may be dy; NULL: not needed */
    float *dz;              /* the gradient of z; NULL: not needed */
    float *dweight, *dbias; /* (C); NULL: there is none */
    const float *x, *dy;
    const float *y; /* the output; NULL: the slopes follow from x, nothing was added */
    bool given;     /* mean and variance are not those of x, but constants */
};

/* With y, the slopes must follow from the output: no activation, relu, relu6, sigmoid,
   hardsigmoid. Writes dz, and dz to dx if it is dear to compute. */
void batchnorm_gather_back(const struct team *team, const struct batchnorm_shape *shape,
                           struct span images, const struct batchnorm_gradient *gradient,
                           const struct batchnorm_by *by, void *memory);

/* dweight and dbias. */
void batchnorm_settle_back(const struct team *team, const struct batchnorm_shape *shape,
                           const struct batchnorm_gradient *gradient,
                           const struct batchnorm_by *by, void *memory);

/* In place of gather_back and emit_back where mean and variance are constants (given): dx
   of an image does not depend on the others, and each value is read once. Writes dz and
   dx. settle_back may follow at any time. */
void batchnorm_back_given(const struct team *team, const struct batchnorm_shape *shape,
                          struct span images, const struct batchnorm_gradient *gradient,
                          const struct batchnorm_by *by, void *memory);

/* dx */
void batchnorm_emit_back(const struct team *team, const struct batchnorm_shape *shape,
                         struct span images, const struct batchnorm_gradient *gradient,
                         const struct batchnorm_by *by, void *memory);

#endif
