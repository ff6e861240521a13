/*
 * layer_tensor: the tensors of a layer: their shapes, their places in the flat vector,
 * the running statistics among them, and the weights as kernels read them.
 */
#ifndef LOCKSTEP_NN_LAYER_TENSOR_H
#define LOCKSTEP_NN_LAYER_TENSOR_H

#include <stdbool.h>
#include <stddef.h>

#include "nn/range.h"

/* Weight and bias, and those of a norm: weight, bias, running mean and variance. */
#define LAYER_TENSORS 6

/* One parameter tensor of a layer. dim is its shape in files, which is PyTorch's: conv
   (K, C, R, S), linear (out, in), bias (out). Its order in memory may differ (to_file,
   from_file). */
struct layer_tensor {
    const char *name; /* "weight", "bias" */
    int dims;
    int dim[4];
    size_t offset;        /* in the model's flat parameter vector, in floats */
    size_t count;         /* floats */
    enum range_rule rule; /* weights decay, biases do not */
    bool statistic;       /* a running mean or variance, frozen or not: no parameter */
};

/* Running statistics (nn/statistic.h): the mean is a tensor, the variance the next
   one. */
struct layer_statistic {
    int tensor;
    double momentum, values_per_sample; /* 0: the layer has none */
};

/* The weights in the layouts that kernels read (layer_ops.pack). */
struct layer_packed {
    size_t floats; /* 0: the kernels read the weights as they are */
    size_t offset; /* in the model's packed vector */
};

#endif
