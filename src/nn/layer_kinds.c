/* The list of all kinds of layers. */
#include "nn/layer.h"

const struct layer_ops *const layer_kinds[] = {
    &layer_conv,      &layer_maxpool,    &layer_avgpool, &layer_relu, &layer_gelu,
    &layer_dropout,   &layer_flatten,    &layer_linear,  &layer_add,  &layer_mul,
    &layer_batchnorm, &layer_logsoftmax, NULL,
};
