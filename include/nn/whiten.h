/*
 * whiten: weights of a convolution that make the patches of its input uncorrelated, with
 * a variance of 1.
 *
 * Of the patches p (R, S, C) of some images, M = mean(p p^T) = V diag(lambda) V^T. With
 * h = min(K / 2, R S C), filter k < h is row k of V / sqrt(lambda + epsilon), the largest
 * lambda first; filter h + k is its negative, so that an activation behind it loses
 * nothing. Filters left over stay as they are. After K. Jordan, "94% on CIFAR-10 in 3.29
 * seconds on a single GPU", 2024, section 3.1 (epsilon 5e-4, 5,000 images).
 *
 * The order of the sums is fixed: the patches of WHITEN_CHUNK images, row by row, then
 * the chunks in order. So threads may share the chunks, and every rank gets the same
 * bits.
 */
#ifndef LOCKSTEP_NN_WHITEN_H
#define LOCKSTEP_NN_WHITEN_H

#include "nn/model.h"

#define WHITEN_EPSILON 5e-4
#define WHITEN_IMAGES  5000
#define WHITEN_CHUNK   32  /* images */
#define WHITEN_MOST    128 /* values of a patch */

/* The first layer from `layer` on with init=whiten; model->layers: none. Such a layer
   reads the network's input. */
int whiten_next(const struct model *model, int layer);

/* Doubles of a sum of products over the patches of this layer. */
size_t whiten_size(const struct layer *layer);

/* sum (whiten_size) += p p^T over the patches of an image x (in). Any thread. */
void whiten_add(const struct layer *layer, double *sum, const float *x);

/* The layer's weights, in the flat vector, from the sum over `images` images. */
void whiten_weights(const struct layer *layer, const double *sum, uint64_t images,
                    float *params);

#endif
