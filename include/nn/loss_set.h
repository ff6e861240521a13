/*
 * loss_set: what training minimises if an image has several classes, or none: binary
 * cross-entropy, summed over the classes. PyTorch's BCEWithLogitsLoss is the mean over
 * them. The gradient of the sum is p - t in each logit, as that of cross-entropy is, so
 * that learning rates for images of one class serve here, too, for any number of classes.
 *
 * With logits x, log p = log sigmoid(x) (layer logsigmoid), and targets t = 1 - s / 2 for
 * the classes of the image and s / 2 for the others, s: label smoothing,
 *
 *   loss = -sum_k (w_k t_k log p_k + (1 - t_k) log(1 - p_k))
 *
 * where w, the class weights, are the loss's pos_weight in PyTorch: factors of the terms
 * of images that have the class. In the focal loss (nn/loss.h) these terms have the
 * factor (1 - p)^gamma, and the others p^gamma. Of mixed images, t is
 * share * t(set) + (1 - share) * t(mixed_set), which is the same as to mix the losses.
 *
 * log(1 - p) comes from log p, which is a float: it is -88 at least.
 *
 * The gradient is that with respect to x, p - t where w is 1, and not to log p, from
 * which it cannot be had where p is near 1. Layer logsigmoid passes it on.
 *
 * Elementary functions are those of base/portable_math.h: the same bits on every CPU.
 */
#ifndef LOCKSTEP_NN_LOSS_SET_H
#define LOCKSTEP_NN_LOSS_SET_H

#include <stdbool.h>

#include "nn/loss.h"

/* The loss of a sample. logp: (classes); delta: (classes) the gradient, or NULL. */
double loss_of_set(const struct loss *loss, const float *logp, int classes,
                   const struct target *target, float *delta);

/* Are the classes with p >= 1/2 exactly those of the target? */
bool loss_set_is_right(const float *logp, int classes, const struct target *target);

/* x = log p - log(1 - p), from log p. */
float loss_set_logit(float logp);

#endif
