/* onnx_build: every kind of layer in ONNX's operators
   (https://github.com/onnx/onnx/blob/main/docs/Operators.md). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/groupnorm.h"
#include "kernels/pool.h"
#include "nn/layer_shape.h"
#include "onnx_build.h"

#define FORM_DIMS 4 /* of an image */

/* --- operators with windows --- */

static void form_windows(struct onnx_node *node, const struct layer *layer)
{
    const struct window *r = &layer->rows, *s = &layer->columns;
    const int64_t size[] = {r->size, s->size}, stride[] = {r->stride, s->stride};
    const int64_t pads[] = {r->pad, s->pad, r->pad + r->extra, s->pad + s->extra};
    onnx_node_ints(node, "kernel_shape", 2, size);
    onnx_node_ints(node, "strides", 2, stride);
    onnx_node_ints(node, "pads", 4, pads);
}

static void form_conv(struct onnx_build *build, const struct layer *layer,
                      const struct onnx_form *form)
{
    const int64_t dilations[] = {window_dilation(&layer->rows),
                                 window_dilation(&layer->columns)};
    const char *x = onnx_build_input(build, layer, 0, ONNX_IMAGE);
    const char *weight = onnx_build_weights(build, layer, 0);
    const char *bias = layer->tensors > 1 ? onnx_build_weights(build, layer, 1) : NULL;
    struct onnx_node *node = onnx_build_node(build, form->op, layer->name, NULL,
                                             ONNX_NODE_INPUTS(x, weight, bias));
    form_windows(node, layer);
    onnx_node_ints(node, "dilations", 2, dilations);
    onnx_node_int(node, "group", layer->in.c / layer->tensor[0].dim[1]);
    onnx_build_output(build, node->output, ONNX_IMAGE);
}

static void form_pool(struct onnx_build *build, const struct layer *layer,
                      const struct onnx_form *form)
{
    const char *x = onnx_build_input(build, layer, 0, ONNX_IMAGE);
    struct onnx_node *node =
        onnx_build_node(build, form->op, layer->name, NULL, ONNX_NODE_INPUTS(x));
    form_windows(node, layer);
    if (layer->ops == &layer_avgpool)
        onnx_node_int(node, "count_include_pad", !layer_pool_shape(layer)->inside);
    onnx_build_output(build, node->output, ONNX_IMAGE);
}

static void form_globalavgpool(struct onnx_build *build, const struct layer *layer,
                               const struct onnx_form *form)
{
    const char *x = onnx_build_input(build, layer, 0, ONNX_IMAGE);
    const struct onnx_node *node =
        onnx_build_node(build, form->op, layer->name, NULL, ONNX_NODE_INPUTS(x));
    onnx_build_output(build, node->output, ONNX_IMAGE);
}

/* --- of shapes --- */

static void form_linear(struct onnx_build *build, const struct layer *layer,
                        const struct onnx_form *form)
{
    const char *x = onnx_build_input(build, layer, 0, ONNX_FLAT);
    const char *weight = onnx_build_weights(build, layer, 0);
    const char *bias = layer->tensors > 1 ? onnx_build_weights(build, layer, 1) : NULL;
    struct onnx_node *node = onnx_build_node(build, form->op, layer->name, NULL,
                                             ONNX_NODE_INPUTS(x, weight, bias));
    onnx_node_int(node, "transB", 1);
    onnx_build_output(build, node->output, ONNX_FLAT);
}

/* Values are channel-first in the graph, so that the order is PyTorch's, as here. */
static void form_flatten(struct onnx_build *build, const struct layer *layer,
                         const struct onnx_form *form)
{
    (void)form;
    onnx_build_output(build, onnx_build_input(build, layer, 0, ONNX_FLAT), ONNX_FLAT);
}

/* A layer that does nothing in evaluation, such as dropout. */
static void form_nothing(struct onnx_build *build, const struct layer *layer,
                         const struct onnx_form *form)
{
    (void)form;
    onnx_build_output(build, onnx_build_input(build, layer, 0, ONNX_AS_IT_IS),
                      onnx_build_rank(build, layer, 0));
}

static void form_padchannels(struct onnx_build *build, const struct layer *layer,
                             const struct onnx_form *form)
{
    enum onnx_rank rank = onnx_build_rank(build, layer, 0);
    int more = layer->out.c - layer->in.c;
    int64_t pads[2 * FORM_DIMS] = {0, more / 2};
    pads[(int)rank + 1] = more - more / 2;
    const char *x = onnx_build_input(build, layer, 0, rank);
    const char *list = onnx_build_ints(build, layer->name, "pads", 2 * (int)rank, pads);
    const struct onnx_node *node =
        onnx_build_node(build, form->op, layer->name, NULL, ONNX_NODE_INPUTS(x, list));
    onnx_build_output(build, node->output, rank);
}

/* --- norms --- */

/* y = factor x + offset, one of each for a channel; x: the name of a value. */
static void form_line(struct onnx_build *build, const struct layer *layer, const char *x,
                      const char *factor, const char *offset)
{
    const char *product =
        onnx_build_node(build, "Mul", layer->name, "Mul", ONNX_NODE_INPUTS(x, factor))
            ->output;
    const char *y = onnx_build_node(build, "Add", layer->name, NULL,
                                    ONNX_NODE_INPUTS(product, offset))
                        ->output;
    onnx_build_output(build, y, onnx_build_rank(build, layer, 0));
}

/* Only for norms that could not be folded. */
static void form_batchnorm(struct onnx_build *build, const struct layer *layer,
                           const struct onnx_form *form)
{
    (void)form;
    enum onnx_rank rank = onnx_build_rank(build, layer, 0);
    size_t channels = (size_t)layer->in.c;
    double *line = mem_zeroed(2 * channels, sizeof *line);
    float *values = mem_zeroed(2 * channels, sizeof *values);
    layer->ops->line(layer, build->params, line, line + channels);
    for (size_t c = 0; c < 2 * channels; c++)
        values[c] = (float)line[c];
    const char *x = onnx_build_input(build, layer, 0, rank);
    const char *factor =
        onnx_build_channels(build, layer->name, "factor", rank, layer->in.c, values);
    const char *offset = onnx_build_channels(build, layer->name, "offset", rank,
                                             layer->in.c, values + channels);
    form_line(build, layer, x, factor, offset);
    free(line);
    free(values);
}

/* A tensor of one number a channel, of the shape that values of this rank need. */
static const char *form_channel_weights(struct onnx_build *build,
                                        const struct layer *layer, int t,
                                        enum onnx_rank rank)
{
    return onnx_build_channels(build, layer->name, layer->tensor[t].name, rank,
                               layer->in.c, build->params + layer->tensor[t].offset);
}

static const char *form_reshape(struct onnx_build *build, const struct layer *layer,
                                const char *part, const char *x, int dims,
                                const int64_t *dim)
{
    const char *shape = onnx_build_ints(build, layer->name, part, dims, dim);
    return onnx_build_node(build, "Reshape", layer->name, part,
                           ONNX_NODE_INPUTS(x, shape))
        ->output;
}

/* Groups become channels, normalised as InstanceNormalization does. 0: as before. */
static void form_groupnorm(struct onnx_build *build, const struct layer *layer,
                           const struct onnx_form *form)
{
    const struct groupnorm_shape *shape = layer_groupnorm_shape(layer);
    enum onnx_rank rank = onnx_build_rank(build, layer, 0);
    const int64_t grouped[] = {0, shape->groups, -1};
    const int64_t whole[] = {0, layer->in.c, layer->in.h, layer->in.w};
    float *ones = mem_zeroed((size_t)shape->groups, sizeof *ones);
    float *zeros = mem_zeroed((size_t)shape->groups, sizeof *zeros);
    for (int i = 0; i < shape->groups; i++)
        ones[i] = 1;
    const char *one =
        onnx_build_channels(build, layer->name, "one", ONNX_FLAT, shape->groups, ones);
    const char *zero =
        onnx_build_channels(build, layer->name, "zero", ONNX_FLAT, shape->groups, zeros);
    const char *x = onnx_build_input(build, layer, 0, rank);
    x = form_reshape(build, layer, "groups", x, 3, grouped);
    struct onnx_node *node = onnx_build_node(build, form->op, layer->name, form->op,
                                             ONNX_NODE_INPUTS(x, one, zero));
    onnx_node_real(node, "epsilon", shape->epsilon);
    x = form_reshape(build, layer, "channels", node->output, (int)rank, whole);
    form_line(build, layer, x, form_channel_weights(build, layer, 0, rank),
              form_channel_weights(build, layer, 1, rank));
    free(ones);
    free(zeros);
}

/* --- element by element --- */

static const char *form_curve(struct onnx_build *build, const struct layer *layer,
                              const struct onnx_form *form, const char *part,
                              const char *x)
{
    struct onnx_node *node =
        onnx_build_node(build, form->op, layer->name, part, ONNX_NODE_INPUTS(x));
    if (layer->ops == &layer_hardsigmoid || layer->ops == &layer_hardswish) {
        onnx_node_real(node, "alpha", 1.0f / 6);
        onnx_node_real(node, "beta", 0.5f);
    }
    return node->output;
}

static void form_activation(struct onnx_build *build, const struct layer *layer,
                            const struct onnx_form *form)
{
    const char *x = onnx_build_input(build, layer, 0, ONNX_AS_IT_IS);
    onnx_build_output(build, form_curve(build, layer, form, NULL, x),
                      onnx_build_rank(build, layer, 0));
}

/* x times a curve. */
static void form_gated(struct onnx_build *build, const struct layer *layer,
                       const struct onnx_form *form)
{
    const char *x = onnx_build_input(build, layer, 0, ONNX_AS_IT_IS);
    const char *gate = form_curve(build, layer, form, form->op, x);
    const struct onnx_node *node =
        onnx_build_node(build, "Mul", layer->name, NULL, ONNX_NODE_INPUTS(x, gate));
    onnx_build_output(build, node->output, onnx_build_rank(build, layer, 0));
}

static void form_relu6(struct onnx_build *build, const struct layer *layer,
                       const struct onnx_form *form)
{
    const char *x = onnx_build_input(build, layer, 0, ONNX_AS_IT_IS);
    const char *least = onnx_build_number(build, layer->name, "min", 0);
    const char *most = onnx_build_number(build, layer->name, "max", 6);
    const struct onnx_node *node = onnx_build_node(build, form->op, layer->name, NULL,
                                                   ONNX_NODE_INPUTS(x, least, most));
    onnx_build_output(build, node->output, onnx_build_rank(build, layer, 0));
}

/* x (1 + erf(x / sqrt 2)) / 2, in the order in which ONNX Runtime knows it. */
static void form_gelu(struct onnx_build *build, const struct layer *layer,
                      const struct onnx_form *form)
{
    const char *const name = layer->name;
    const char *x = onnx_build_input(build, layer, 0, ONNX_AS_IT_IS);
    const char *root = onnx_build_number(build, name, "root", (float)M_SQRT2);
    const char *one = onnx_build_number(build, name, "one", 1);
    const char *half = onnx_build_number(build, name, "half", 0.5f);
    const char *y =
        onnx_build_node(build, "Div", name, "Div", ONNX_NODE_INPUTS(x, root))->output;
    y = onnx_build_node(build, form->op, name, form->op, ONNX_NODE_INPUTS(y))->output;
    y = onnx_build_node(build, "Add", name, "Add", ONNX_NODE_INPUTS(y, one))->output;
    y = onnx_build_node(build, "Mul", name, "Mul", ONNX_NODE_INPUTS(x, y))->output;
    y = onnx_build_node(build, "Mul", name, NULL, ONNX_NODE_INPUTS(y, half))->output;
    onnx_build_output(build, y, onnx_build_rank(build, layer, 0));
}

static void form_scale(struct onnx_build *build, const struct layer *layer,
                       const struct onnx_form *form)
{
    const char *x = onnx_build_input(build, layer, 0, ONNX_AS_IT_IS);
    const char *by =
        onnx_build_number(build, layer->name, "by", layer_scale_factor(layer));
    const struct onnx_node *node =
        onnx_build_node(build, form->op, layer->name, NULL, ONNX_NODE_INPUTS(x, by));
    onnx_build_output(build, node->output, onnx_build_rank(build, layer, 0));
}

/* A second input of one value a channel, (N, C, 1, 1), is broadcast. */
static void form_combine(struct onnx_build *build, const struct layer *layer,
                         const struct onnx_form *form)
{
    bool flat = onnx_build_rank(build, layer, 0) == ONNX_FLAT &&
                onnx_build_rank(build, layer, 1) == ONNX_FLAT;
    enum onnx_rank rank = flat ? ONNX_FLAT : ONNX_IMAGE;
    const char *a = onnx_build_input(build, layer, 0, rank);
    const char *b = onnx_build_input(build, layer, 1, rank);
    const struct onnx_node *node =
        onnx_build_node(build, form->op, layer->name, NULL, ONNX_NODE_INPUTS(a, b));
    onnx_build_output(build, node->output, rank);
}

/* A log-softmax that is not the last layer. */
static void form_logsoftmax(struct onnx_build *build, const struct layer *layer,
                            const struct onnx_form *form)
{
    const char *x = onnx_build_input(build, layer, 0, ONNX_AS_IT_IS);
    struct onnx_node *node =
        onnx_build_node(build, form->op, layer->name, NULL, ONNX_NODE_INPUTS(x));
    onnx_node_int(node, "axis", 1);
    onnx_build_output(build, node->output, onnx_build_rank(build, layer, 0));
}

static const struct onnx_form onnx_forms[] = {
    {&layer_conv, form_conv, "Conv", NULL},
    {&layer_depthwise, form_conv, "Conv", NULL},
    {&layer_linear, form_linear, "Gemm", NULL},
    {&layer_maxpool, form_pool, "MaxPool", NULL},
    {&layer_avgpool, form_pool, "AveragePool", NULL},
    {&layer_globalavgpool, form_globalavgpool, "GlobalAveragePool", NULL},
    {&layer_padchannels, form_padchannels, "Pad", NULL},
    {&layer_flatten, form_flatten, NULL, NULL},
    {&layer_batchnorm, form_batchnorm, NULL, NULL},
    {&layer_groupnorm, form_groupnorm, "InstanceNormalization", NULL},
    {&layer_relu, form_activation, "Relu", NULL},
    {&layer_relu6, form_relu6, "Clip", NULL},
    {&layer_gelu, form_gelu, "Erf", NULL},
    {&layer_silu, form_gated, "Sigmoid", NULL},
    {&layer_hardswish, form_gated, "HardSigmoid", NULL},
    {&layer_sigmoid, form_activation, "Sigmoid", NULL},
    {&layer_hardsigmoid, form_activation, "HardSigmoid", NULL},
    {&layer_dropout, form_nothing, NULL, NULL},
    {&layer_droppath, form_nothing, NULL, NULL},
    {&layer_scale, form_scale, "Mul", NULL},
    {&layer_add, form_combine, "Add", NULL},
    {&layer_mul, form_combine, "Mul", NULL},
    {&layer_logsoftmax, form_logsoftmax, "LogSoftmax", "Softmax"},
    {&layer_logsigmoid, NULL, NULL, "Sigmoid"},
};

const struct onnx_form *onnx_form_of(const struct layer_ops *ops)
{
    for (size_t i = 0; i < sizeof onnx_forms / sizeof *onnx_forms; i++)
        if (ops && strcmp(onnx_forms[i].ops->kind, ops->kind) == 0) /* frozen or not */
            return &onnx_forms[i];
    return NULL;
}
