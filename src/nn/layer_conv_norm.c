/* A convolution, the frozen batchnorm behind it, and a relu or relu6 behind that, as one
 * op: with weights and a bias that do the norm's work. Config, printed table and files
 * know only its layers.
 *
 *   scale = weight_n / sqrt(variance + epsilon)       of channel k, as everything here
 *   w' = scale w,  bias' = bias_n + scale (bias - mean)
 *   y = w' x + bias'
 *
 * and backward, with g the gradient of w' and b = sum(dy) that of bias':
 *
 *   dx = w'^T dy,  dw = scale g,  dbias_n = b,  dbias = scale b
 *   dweight_n = (<g, w> + (bias - mean) b) / sqrt(variance + epsilon)
 *
 * for <g, w> is the sum of dy w x. The norm's input is never stored, nor is it read
 * again. The activation is written over y, and backward first multiplies dy by its
 * slopes, in place: what reads y is the only one that gave a gradient, and has no use for
 * it any more. b is summed on the way, image by image, whatever the blocks of a leg.
 */
#include <math.h>
#include <string.h>

#include "base/div.h"
#include "base/mem.h"
#include "kernels/conv.h"
#include "layer_conv.h"
#include "layer_impl.h"
#include "layer_norm.h"
#include "nn/model.h"

#define CONV_NORM_ALIGN 16 /* floats */

struct conv_norm_state {
    struct layer_conv_state conv;
    int norm; /* the norm's first tensor: weight, then bias, mean, variance */
    double epsilon;
    /* Where in packed what is; `filters`, what forward reads, is behind `weight`, w'. */
    size_t scale, bias, weight, filters;
};

static const struct conv_norm_state *conv_norm_state(const struct layer *layer)
{
    return (const struct conv_norm_state *)layer;
}

/* Row k of the weights in memory: every `stride`-th float of `count` from the first. */
struct conv_norm_row {
    size_t first, stride, count;
};

static struct conv_norm_row conv_norm_row(const struct conv_shape *shape, int k)
{
    size_t taps = conv_taps(shape);
    if (conv_is_depthwise(shape))
        return (struct conv_norm_row){(size_t)k, (size_t)shape->k, taps};
    return (struct conv_norm_row){(size_t)k * taps, 1, taps};
}

static double conv_norm_inverse(const struct layer *layer, const float *params, int k)
{
    const struct conv_norm_state *state = conv_norm_state(layer);
    const float *variance = params + layer->tensor[state->norm + 3].offset;
    return 1.0 / sqrt((double)variance[k] + state->epsilon);
}

/* Of the convolution: its own, or one that fold.c gave it. */
static bool conv_norm_has_bias(const struct layer *layer)
{
    return conv_norm_state(layer)->norm > 1;
}

/* bias - mean */
static double conv_norm_shift(const struct layer *layer, const float *params, int k)
{
    const struct conv_norm_state *state = conv_norm_state(layer);
    const float *mean = params + layer->tensor[state->norm + 2].offset;
    double bias = conv_norm_has_bias(layer)
                      ? (double)params[layer->tensor[1].offset + (size_t)k]
                      : 0.0;
    return bias - (double)mean[k];
}

static void conv_norm_fold(const struct layer *layer, const struct team *team,
                           float *packed, const float *params)
{
    const struct conv_norm_state *state = conv_norm_state(layer);
    const float *weight = params + layer->tensor[0].offset;
    const float *norm = params + layer->tensor[state->norm].offset;
    const float *shift = params + layer->tensor[state->norm + 1].offset;
    int begin, end;
    team_split(team, layer->out.c, &begin, &end);
    for (int k = begin; k < end; k++) {
        const struct conv_norm_row row = conv_norm_row(&state->conv.shape, k);
        double scale = (double)norm[k] * conv_norm_inverse(layer, params, k);
        packed[state->scale + (size_t)k] = (float)scale;
        packed[state->bias + (size_t)k] =
            (float)((double)shift[k] + scale * conv_norm_shift(layer, params, k));
        for (size_t i = 0; i < row.count; i++) {
            size_t at = row.first + i * row.stride;
            packed[state->weight + at] = (float)(scale * (double)weight[at]);
        }
    }
    team_barrier(team);
}

static void conv_norm_pack(const struct layer *layer, const struct team *team,
                           float *packed, float *packed_back, const float *params)
{
    const struct conv_norm_state *state = conv_norm_state(layer);
    const struct conv_algorithm *const *algorithm = state->conv.algorithm;
    const float *weight = packed + state->weight;
    conv_norm_fold(layer, team, packed, params);
    if (algorithm[CONV_FORWARD]->packed)
        algorithm[CONV_FORWARD]->pack(team, &state->conv.shape, packed + state->filters,
                                      weight);
    if (packed_back && algorithm[CONV_DATA]->packed)
        algorithm[CONV_DATA]->pack(team, &state->conv.shape, packed_back, weight);
}

static void conv_norm_run(const struct layer *layer, const struct pass *pass,
                          enum conv_pass which, struct conv_operands *operands)
{
    const struct conv_norm_state *state = conv_norm_state(layer);
    const struct conv_algorithm *algorithm = state->conv.algorithm[which];
    struct conv_shape shape = state->conv.shape;
    shape.n = pass->n;
    if (!algorithm->packed)
        operands->packed = pass->packed + state->weight;
    operands->scratch = pass->scratch;
    algorithm->run(&pass->team, &shape, operands);
}

static void conv_norm_forward(const struct layer *layer, const struct pass *pass)
{
    const struct conv_norm_state *state = conv_norm_state(layer);
    struct conv_operands operands = {.out = pass->y,
                                     .in = pass->x,
                                     .packed = pass->packed + state->filters,
                                     .bias = pass->packed + state->bias};
    bool activates = state->conv.algorithm[CONV_FORWARD]->activates;
    if (activates)
        operands.activation = state->conv.activation;
    conv_norm_run(layer, pass, CONV_FORWARD, &operands);
    if (!activates && state->conv.activation != ACTIVATION_NONE)
        activation_forward(&pass->team, state->conv.activation, pass->y, NULL, pass->y,
                           (size_t)pass->n * (size_t)shape_size(layer->out));
}

/* Of the pass's images, which follow those that it had before. */
static void conv_norm_sum(const struct layer *layer, const struct pass *pass)
{
    const struct conv_norm_state *state = conv_norm_state(layer);
    const struct activation_shape shape = {pass->n, layer->out.h * layer->out.w,
                                           layer->out.c};
    float *sum = pass->grads + layer->tensor[state->norm + 1].offset;
    if (pass->first == 0 && pass->team.index == 0)
        memset(sum, 0, (size_t)layer->out.c * sizeof *sum);
    team_barrier(&pass->team);
    activation_backward_sum(&pass->team, state->conv.activation, &shape, pass->dy,
                            pass->y, sum);
}

static void conv_norm_backward(const struct layer *layer, const struct pass *pass)
{
    struct conv_operands operands = {
        .out = pass->dx, .in = pass->dy, .packed = pass->packed_back};
    conv_norm_sum(layer, pass);
    if (pass->dx)
        conv_norm_run(layer, pass, CONV_DATA, &operands);
}

/* From those of w' and bias', which are in place of those of w and bias_n. */
static void conv_norm_unfold(const struct layer *layer, const struct pass *pass, int k)
{
    const struct conv_norm_state *state = conv_norm_state(layer);
    const struct conv_norm_row row = conv_norm_row(&state->conv.shape, k);
    const struct layer_tensor *norm = &layer->tensor[state->norm];
    const float *weight = pass->params + layer->tensor[0].offset;
    float *dweight = pass->grads + layer->tensor[0].offset;
    float scale = pass->packed[state->scale + (size_t)k];
    double product = 0, sum = (double)pass->grads[norm[1].offset + (size_t)k];
    for (size_t i = 0; i < row.count; i++) {
        size_t at = row.first + i * row.stride;
        product += (double)dweight[at] * (double)weight[at];
        dweight[at] *= scale;
    }
    product += sum * conv_norm_shift(layer, pass->params, k);
    pass->grads[norm[0].offset + (size_t)k] =
        (float)(product * conv_norm_inverse(layer, pass->params, k));
    if (conv_norm_has_bias(layer))
        pass->grads[layer->tensor[1].offset + (size_t)k] = (float)(sum * (double)scale);
    pass->grads[norm[2].offset + (size_t)k] = 0; /* the statistics stay as they are */
    pass->grads[norm[3].offset + (size_t)k] = 0;
}

static void conv_norm_gradients(const struct layer *layer, const struct pass *pass)
{
    struct conv_operands operands = {.out = pass->grads + layer->tensor[0].offset,
                                     .in = pass->x,
                                     .dy = pass->dy,
                                     .goes_on = pass->first > 0};
    int begin, end;
    conv_norm_run(layer, pass, CONV_WEIGHT, &operands);
    if (pass->first + pass->n < pass->all)
        return;
    team_split(&pass->team, layer->out.c, &begin, &end);
    for (int k = begin; k < end; k++)
        conv_norm_unfold(layer, pass, k);
    team_barrier(&pass->team);
}

static bool conv_norm_gradients_go_on(const struct layer *layer)
{
    return conv_weight_goes_on(&conv_norm_state(layer)->conv);
}

static struct split_sets conv_norm_splits(const struct layer *layer)
{
    return conv_splits(&conv_norm_state(layer)->conv.shape);
}

#define CONV_NORM_OPS                                                           \
    .kind = "conv block", .bytes = sizeof(struct conv_norm_state), .inputs = 1, \
    .blocks = true, .pack = conv_norm_pack, .forward = conv_norm_forward,       \
    .backward = conv_norm_backward, .gradients = conv_norm_gradients,           \
    .gradients_go_on = conv_norm_gradients_go_on, .splits = conv_norm_splits

static const struct layer_ops layer_conv_norm = {
    CONV_NORM_OPS,
    .keeps = LAYER_KEEPS_INPUTS,
};

static const struct layer_ops layer_conv_norm_activated = {
    CONV_NORM_OPS,
    .keeps = LAYER_KEEPS_INPUTS | LAYER_KEEPS_OUTPUT,
};

/* --- which layers --- */

static bool conv_norm_learns(const struct layer *layer, int tensors)
{
    for (int t = 0; t < tensors; t++)
        if (!(RANGES_TRAINED & RANGE_BIT(layer->tensor[t].rule)))
            return false;
    return true;
}

/* A block of norm, activation and perhaps a sum saves as much; and an activation whose
   slope does not follow from its output is computed twice there instead of being kept. */
static bool conv_norm_stands_alone(struct layer *const *layers, int norm, int count)
{
    const struct layer *next = norm + 1 < count ? layers[norm + 1] : NULL;
    if (layers[norm]->readers != 1)
        return true;
    for (int l = norm + 1; l < count; l++)
        for (int i = 0; i < layers[l]->inputs; i++)
            if (layers[l]->input[i] == norm + 1 && layers[l]->ops == &layer_add)
                return false;
    enum activation behind = next && next->inputs == 1 && next->input[0] == norm + 1
                                 ? layer_activation(next)
                                 : ACTIVATION_NONE;
    return behind == ACTIVATION_NONE || behind == ACTIVATION_RELU ||
           behind == ACTIVATION_RELU6;
}

static bool conv_norm_is(struct layer *const *layers, int first, int count)
{
    const struct layer *conv = layers[first];
    const struct layer *norm = first + 1 < count ? layers[first + 1] : NULL;
    return layer_convolves(conv) && norm && norm->ops == &layer_batchnorm_given &&
           conv->readers == 1 && norm->input[0] == first + 1 && norm->tensors == 4 &&
           conv_norm_learns(conv, conv->tensors) && conv_norm_learns(norm, 2) &&
           conv_norm_stands_alone(layers, first + 1, count);
}

/* Does the one reader of layer l's output make a gradient of its own, not that of its
   output? Behind the end of a part (nn/model.h) it does: a layer with parameters begins
   the next one. */
static bool conv_norm_owns_gradient(struct layer *const *layers, int l, int count)
{
    for (int reader = l + 1; reader < count; reader++)
        for (int i = 0; i < layers[reader]->inputs; i++)
            if (layers[reader]->input[i] == l + 1)
                return layers[l]->readers == 1 &&
                       layers[reader]->ops->passes_gradient == 0;
    return layers[l]->readers == 1;
}

/* What is done behind the norm. */
static enum activation conv_norm_activation(struct layer *const *layers, int norm,
                                            int count)
{
    enum activation kind = layer_rectified(layers, norm, count);
    return kind != ACTIVATION_NONE && conv_norm_owns_gradient(layers, norm + 1, count)
               ? kind
               : ACTIVATION_NONE;
}

static size_t conv_norm_place(size_t *used, size_t floats)
{
    size_t at = *used;
    *used += div_round_up(floats, CONV_NORM_ALIGN);
    return at;
}

struct layer *layer_conv_norm_create(struct layer *const *layers, int first, int count,
                                     int *taken)
{
    if (!conv_norm_is(layers, first, count))
        return NULL;
    struct conv_norm_state *state = mem_zeroed(1, sizeof *state);
    struct layer *layer = &state->conv.layer;
    const struct layer_batchnorm_state *norm =
        (const struct layer_batchnorm_state *)layers[first + 1];
    memcpy(&state->conv, layers[first], sizeof state->conv);
    state->norm = layer->tensors;
    state->conv.activation = conv_norm_activation(layers, first + 1, count);
    bool activated = state->conv.activation != ACTIVATION_NONE;
    layer->ops = activated ? &layer_conv_norm_activated : &layer_conv_norm;
    state->epsilon = norm->epsilon;
    for (int t = 0; t < norm->layer.tensors; t++)
        layer->tensor[layer->tensors++] = norm->layer.tensor[t];
    size_t channels = (size_t)layer->out.c, used = 0;
    state->scale = conv_norm_place(&used, channels);
    state->bias = conv_norm_place(&used, channels);
    state->weight = conv_norm_place(&used, layer->tensor[0].count);
    state->filters = conv_norm_place(&used, layer->packed.floats);
    layer->packed.floats = used;
    *taken = activated ? 3 : 2;
    return layer;
}
