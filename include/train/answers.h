/*
 * answers: what is kept of a network's answer to each image of a split, if an image has
 * one class, and figures that need more than counts (train/confusion.h).
 *
 * All figures are sums over integers, or over the images in their order: the same bits
 * for any ranks and threads.
 */
#ifndef LOCKSTEP_TRAIN_ANSWERS_H
#define LOCKSTEP_TRAIN_ANSWERS_H

#include <stddef.h>
#include <stdint.h>

/* Plain data, merged over the ranks as bytes. */
struct answer {
    float logprob;      /* of the predicted class */
    float margin;       /* logprob of class 1 less that of class 0 */
    uint16_t predicted; /* the class with the largest logprob, the first of equal ones */
    uint16_t rank;      /* classes that come before the label; 0: it is predicted */
};

/* logprobs: (classes), classes >= 2. */
struct answer answer_of(const float *logprobs, int classes, int label);

/* Bytes of the answers to so many images, whole words as comm_merge wants them. */
size_t answers_bytes(uint64_t count);

/* The share of images whose label is among the k most likely classes, 0..1. */
double answers_top(const struct answer *answer, uint64_t count, int k);

/* For networks with two classes: the area under the ROC curve, which is the probability
   that an image of class 1 has a larger margin than one of class 0 (ties count half).
   NAN if one class has no image. */
double answers_auc(const struct answer *answer, uint64_t count);

/* Expected calibration error, 0..1: the mean over the images of the distance between
   accuracy and mean probability in ANSWERS_BINS bins of equal width of the predicted
   class's probability (Guo and others, On Calibration of Modern Neural Networks, 2017,
   section 2). */
#define ANSWERS_BINS 15
double answers_calibration_error(const struct answer *answer, uint64_t count);

/* The 95 % interval of a share of which `right` of `count` > 0 were seen (Wilson
   1927). */
struct answers_interval {
    double low, high; /* 0..1 */
};
struct answers_interval answers_interval(uint64_t right, uint64_t count);

#endif
