/*
 * blend: the answers to several views of an image become one: their weighted mean.
 *
 * The mean is that of the network's outputs before the log-softmax: log-probabilities
 * differ from these by a number for each image, which the log-softmax of the mean takes
 * out again.
 */
#ifndef LOCKSTEP_TRAIN_BLEND_H
#define LOCKSTEP_TRAIN_BLEND_H

#include <stddef.h>

/* sum += weight logprobs. */
void blend_add(float *sum, const float *logprobs, size_t count, float weight);

/* logprobs = the log-softmax of each row of sum; both (rows, classes). */
void blend_finish(float *logprobs, const float *sum, int rows, int classes);

#endif
