/*
 * loss: what training minimises, from the log-probabilities of a grain. This is for
 * images of one class; nn/loss_set.h for images with several classes, or none.
 *
 *   cross-entropy: -sum_k t_k logp_k, with targets t = (1 - s) one-hot + s / classes for
 *   label smoothing s (C. Szegedy et al., "Rethinking the Inception architecture", CVPR
 *   2016, section 7).
 *
 *   focal: -sum_k t_k (1 - p_k)^gamma logp_k: what is right already counts less
 *   (T.-Y. Lin et al., "Focal loss for dense object detection", ICCV 2017, equation 4).
 *   gamma 0 is cross-entropy, to the bit.
 *
 *   class weights: each sample's loss times the weight of its class.
 *
 *   mixed images: share * loss(label) + (1 - share) * loss(mixed), each with its class's
 *   weight (H. Zhang et al., "mixup: Beyond empirical risk minimization", ICLR 2018,
 *   equation 1).
 *
 * Elementary functions are those of base/portable_math.h: the same bits on every CPU.
 */
#ifndef LOCKSTEP_NN_LOSS_H
#define LOCKSTEP_NN_LOSS_H

#include <stdint.h>

struct loss {
    float label_smoothing;     /* 0..1 */
    float focal;               /* gamma; 0: cross-entropy */
    const float *class_weight; /* borrowed: (classes); NULL: all 1 */
};

/* What a sample should be taken for. */
struct target {
    int label; /* its class */
    int mixed; /* the class of the image that is mixed in */
    /* Instead, if it has several classes or none: borrowed, base/label_set.h; or NULL. */
    const uint8_t *set, *mixed_set;
    float share;  /* of label, 0..1; 1: nothing is mixed in */
    float weight; /* of the sample's loss */
};

/* Nothing is mixed in, and the weight is 1. */
struct target target_of_class(int label);

/* The loss of a sample. logp: (classes); delta: (classes) its gradient with respect to
   logp, or NULL. */
double loss_of_sample(const struct loss *loss, const float *logp, int classes,
                      const struct target *target, float *delta);

#endif
