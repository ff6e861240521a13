/*
 * simd: shared by the sources of this folder. Each is compiled once for every instruction
 * set; SIMD_LEVEL is the suffix of its symbols (plain, v2, v3, v4).
 *
 * The order of every sum depends on the shapes alone.
 */
#ifndef LOCKSTEP_KERNELS_SIMD_SIMD_H
#define LOCKSTEP_KERNELS_SIMD_SIMD_H

#include "kernels/kernels.h"
#include "vector.h"

#define SIMD_JOIN_(a, b) a##_##b
#define SIMD_JOIN(a, b)  SIMD_JOIN_(a, b)
#define SIMD(op)         SIMD_JOIN(op, SIMD_LEVEL)

/* Declares op_LEVEL with the type that it has in the table. */
#define SIMD_DECLARE(op)      extern __typeof__(*((struct kernels *)0)->op) SIMD(op)
#define SIMD_DECLARE_NORM(op) extern __typeof__(*((struct norm_kernels *)0)->op) SIMD(op)

/* One table of all transforms (kernels/winograd.h). */
extern const struct winograd_transforms SIMD(winograd2), SIMD(winograd4);
extern const struct conv_pool_kernels SIMD(conv_pool);

SIMD_DECLARE(relu_forward);
SIMD_DECLARE(relu_backward);
SIMD_DECLARE(gelu_forward);
SIMD_DECLARE(gelu_backward);
SIMD_DECLARE(activate);
SIMD_DECLARE(activate_back);
SIMD_DECLARE(activate_back_sum);
SIMD_DECLARE(depthwise_forward);
SIMD_DECLARE(depthwise_data);
SIMD_DECLARE(depthwise_weight);
SIMD_DECLARE(dropout_apply);
SIMD_DECLARE(logsigmoid_forward);
SIMD_DECLARE(logsoftmax_forward);
SIMD_DECLARE(logsoftmax_backward);
SIMD_DECLARE(add);
SIMD_DECLARE(multiply);
SIMD_DECLARE(scale_rows);
SIMD_DECLARE(sum_products);
SIMD_DECLARE_NORM(sum_channels);
SIMD_DECLARE_NORM(sum_squares);
SIMD_DECLARE_NORM(moments);
SIMD_DECLARE_NORM(normalise);
SIMD_DECLARE_NORM(normalise_sums);
SIMD_DECLARE_NORM(normalise_backward);
SIMD_DECLARE(maxpool_forward);
SIMD_DECLARE(maxpool_backward);
SIMD_DECLARE(avgpool_forward);
SIMD_DECLARE(avgpool_backward);
SIMD_DECLARE(im2col);
SIMD_DECLARE(col2im);
SIMD_DECLARE(linear_forward);
SIMD_DECLARE(linear_weight);
SIMD_DECLARE(linear_data);
SIMD_DECLARE(fill_rows);
SIMD_DECLARE(sum_rows);
SIMD_DECLARE(product_forward);
SIMD_DECLARE(product_weight);
SIMD_DECLARE(prologue_copy);
SIMD_DECLARE(update_average);
SIMD_DECLARE(update_sgd);
SIMD_DECLARE(update_adamw);
SIMD_DECLARE(update_lamb_moments);
SIMD_DECLARE(update_lamb);
SIMD_DECLARE(update_lookahead);
SIMD_DECLARE(square_sum);

#endif
