/*
 * blend: the answers to several views of an image become one: their weighted mean.
 *
 * The mean is that of the network's outputs before the log-softmax: log-probabilities
 * differ from these by a number for each image, which the log-softmax of the mean takes
 * out again. So it is with the log-sigmoid, of which the outputs are found again.
 */
#ifndef LOCKSTEP_TRAIN_BLEND_H
#define LOCKSTEP_TRAIN_BLEND_H

#include "nn/model.h"

/* sum += weight times the outputs from which logprobs were computed; both (rows,
   classes). Only classes and multi_label of the model are used. */
void blend_add(const struct model *model, float *sum, const float *logprobs, int rows,
               float weight);

/* logprobs = the log-softmax of each row of sum, or the log-sigmoid; both (rows,
   classes). */
void blend_finish(const struct model *model, float *logprobs, const float *sum, int rows);

#endif
