/* The list of all kinds of layers. */
#include "nn/layer.h"

const struct layer_ops *const layer_kinds[] = {
    &layer_conv,        &layer_depthwise,     &layer_linear,      &layer_maxpool,
    &layer_avgpool,     &layer_globalavgpool, &layer_padchannels, &layer_flatten,
    &layer_batchnorm,   &layer_groupnorm,     &layer_relu,        &layer_relu6,
    &layer_gelu,        &layer_silu,          &layer_hardswish,   &layer_sigmoid,
    &layer_hardsigmoid, &layer_dropout,       &layer_droppath,    &layer_scale,
    &layer_add,         &layer_mul,           &layer_logsoftmax,  NULL,
};
