/* The tables of one instruction set. */
#include "simd_lab.h"

extern const struct kernels SIMD(kernels);
extern const struct lab_kernels SIMD(lab_kernels);

const struct kernels SIMD(kernels) = {
    .relu_forward = SIMD(relu_forward),
    .relu_backward = SIMD(relu_backward),
    .gelu_forward = SIMD(gelu_forward),
    .gelu_backward = SIMD(gelu_backward),
    .activate = SIMD(activate),
    .activate_back = SIMD(activate_back),
    .depthwise_forward = SIMD(depthwise_forward),
    .depthwise_data = SIMD(depthwise_data),
    .depthwise_weight = SIMD(depthwise_weight),
    .dropout_apply = SIMD(dropout_apply),
    .logsoftmax_forward = SIMD(logsoftmax_forward),
    .logsoftmax_backward = SIMD(logsoftmax_backward),
    .add = SIMD(add),
    .multiply = SIMD(multiply),
    .scale_rows = SIMD(scale_rows),
    .sum_products = SIMD(sum_products),
    .sum_channels = SIMD(sum_channels),
    .sum_squares = SIMD(sum_squares),
    .sum_gradients = SIMD(sum_gradients),
    .normalise = SIMD(normalise),
    .normalise_backward = SIMD(normalise_backward),
    .maxpool_forward = SIMD(maxpool_forward),
    .maxpool_backward = SIMD(maxpool_backward),
    .avgpool_forward = SIMD(avgpool_forward),
    .avgpool_backward = SIMD(avgpool_backward),
    .im2col = SIMD(im2col),
    .col2im = SIMD(col2im),
    .linear_forward = SIMD(linear_forward),
    .linear_weight = SIMD(linear_weight),
    .linear_data = SIMD(linear_data),
    .fill_rows = SIMD(fill_rows),
    .sum_rows = SIMD(sum_rows),
    .direct_forward = SIMD(direct_forward),
    .direct_backward_weight = SIMD(direct_backward_weight),
    .conv_pool_forward = SIMD(conv_pool_forward),
    .conv_pool_weight = SIMD(conv_pool_weight),
    .conv_pool_weight_thin = SIMD(conv_pool_weight_thin),
    .conv_pool_data = SIMD(conv_pool_data),
    .update_sgd = SIMD(update_sgd),
    .update_adamw = SIMD(update_adamw),
    .square_sum = SIMD(square_sum),
};

const struct lab_kernels SIMD(lab_kernels) = {
    .multiply_add = SIMD(multiply_add),
    .triad = SIMD(triad),
    .layout_nchw = SIMD(layout_nchw),
    .layout_nhwc = SIMD(layout_nhwc),
    .layout_blocked = SIMD(layout_blocked),
};
