/* batchnorm: every channel normalised over the grain ("ghost" batch normalisation: E.
   Hoffer et al., "Train longer, generalize better", NIPS 2017), so that no bit depends on
   how grains are shared among ranks and threads. Evaluation uses running statistics. */
#include <math.h>
#include <string.h>

#include "layer_norm.h"
#include "layer_spec.h"

enum batchnorm_affine { AFFINE_OFF, AFFINE_ON, AFFINE_BIAS };
static const char *const batchnorm_affine_words[] = {"off", "on", "bias", NULL};

static const char *const batchnorm_options[] = {"eps",    "momentum", "affine",
                                                "frozen", "init",     NULL};

static const struct layer_batchnorm_state *batchnorm_state(const struct layer *layer)
{
    return (const struct layer_batchnorm_state *)layer;
}

/* The index of the first statistic among the tensors. */
static int batchnorm_mean(const struct layer *layer)
{
    return layer->tensors - 2;
}

/* The tensors of weight and bias; NULL: it has none. */
static const struct layer_tensor *batchnorm_weight(const struct layer *layer)
{
    return batchnorm_state(layer)->affine == AFFINE_ON ? &layer->tensor[0] : NULL;
}

static const struct layer_tensor *batchnorm_bias(const struct layer *layer)
{
    bool has = batchnorm_state(layer)->affine != AFFINE_OFF;
    return has ? &layer->tensor[batchnorm_mean(layer) - 1] : NULL;
}

static void batchnorm_add_tensor(struct layer *layer, const char *name,
                                 enum range_rule rule)
{
    layer->tensor[layer->tensors++] =
        (struct layer_tensor){.name = name,
                              .dims = 1,
                              .dim = {layer->in.c},
                              .count = (size_t)layer->in.c,
                              .rule = rule,
                              .statistic = rule == RANGE_STATISTIC};
}

static void batchnorm_freeze_statistics(struct layer *layer)
{
    int mean = batchnorm_mean(layer);
    ((struct layer_batchnorm_state *)layer)->frozen = 1;
    layer->ops = &layer_batchnorm_given;
    layer->tensor[mean].rule = layer->tensor[mean + 1].rule = RANGE_FROZEN;
    layer->statistic = (struct layer_statistic){0};
}

static enum status batchnorm_setup(struct layer *layer, const struct layer_spec *spec)
{
    struct layer_batchnorm_state *norm = (struct layer_batchnorm_state *)layer;
    double momentum = 0.1;
    norm->epsilon = 1e-5;
    norm->affine = AFFINE_ON;
    TRY(layer_spec_only(spec, false, batchnorm_options));
    TRY(layer_spec_real(spec, "eps", 1e-12, 1, &norm->epsilon));
    TRY(layer_spec_real(spec, "momentum", 0, 1, &momentum));
    TRY(layer_spec_word(spec, "affine", batchnorm_affine_words, &norm->affine));
    TRY(layer_spec_word(spec, "frozen", layer_off_on, &norm->frozen));
    TRY(layer_spec_word(spec, "init", layer_norm_inits, &norm->init));
    if (norm->affine != AFFINE_ON && norm->init == LAYER_NORM_ZERO)
        FAIL(ST_USAGE, "%s: %s: affine=%s has no weight for init=zero", spec->where,
             spec->name, batchnorm_affine_words[norm->affine]);
    norm->shape = (struct batchnorm_shape){
        .n = layer->grain, .pixels = layer->in.h * layer->in.w, .c = layer->in.c};
    layer->out = layer->in;
    if (norm->affine == AFFINE_ON)
        batchnorm_add_tensor(layer, "weight", RANGE_TRAIN);
    if (norm->affine != AFFINE_OFF)
        batchnorm_add_tensor(layer, "bias", RANGE_TRAIN);
    batchnorm_add_tensor(layer, "running_mean", RANGE_STATISTIC);
    batchnorm_add_tensor(layer, "running_var", RANGE_STATISTIC);
    layer->statistic = (struct layer_statistic){
        .tensor = batchnorm_mean(layer),
        .momentum = momentum,
        .values_per_sample = norm->shape.pixels,
    };
    if (norm->frozen)
        batchnorm_freeze_statistics(layer);
    layer->save_grain = 2 * (size_t)layer->in.c * sizeof(float); /* mean, variance */
    layer->room = batchnorm_room_bytes(&norm->shape);
    layer->element_forward = 8.0 * shape_size(layer->out);
    layer->element_backward = 9.0 * shape_size(layer->out);
    return ST_OK;
}

static void batchnorm_init(const struct layer *layer, int t, struct rng *rng,
                           float *values)
{
    (void)rng;
    const struct layer_batchnorm_state *norm = batchnorm_state(layer);
    bool weight = norm->affine == AFFINE_ON && t == 0, variance = t == layer->tensors - 1;
    bool ones = variance || (weight && norm->init == LAYER_NORM_ONE);
    for (size_t i = 0; i < layer->tensor[t].count; i++)
        values[i] = ones ? 1.0f : 0.0f;
}

static struct batchnorm_shape batchnorm_grain(const struct layer *layer,
                                              const struct pass *pass)
{
    struct batchnorm_shape shape = batchnorm_state(layer)->shape;
    shape.n = pass->all;
    return shape;
}

/* Are the grain's mean and variance computed, into save? */
static bool batchnorm_measures(const struct layer *layer, const struct pass *pass)
{
    return (pass->train || pass->measure) && !batchnorm_state(layer)->frozen;
}

/* The statistics of one sample say little of the next one, and one value has no variance:
   then, too, the running statistics are used. */
static bool batchnorm_uses_running(const struct layer *layer, const struct pass *pass)
{
    return !batchnorm_measures(layer, pass) || pass->all == 1;
}

/* What normalises this pass: the running statistics, or those in save. */
static struct batchnorm_by batchnorm_by_what(const struct layer *layer,
                                             const struct pass *pass)
{
    const struct layer_batchnorm_state *norm = batchnorm_state(layer);
    const struct layer_tensor *tensor = layer->tensor;
    const struct layer_tensor *weight = batchnorm_weight(layer),
                              *bias = batchnorm_bias(layer);
    const float *saved = pass->save, *params = pass->params;
    bool running = batchnorm_uses_running(layer, pass);
    int mean = batchnorm_mean(layer);
    return (struct batchnorm_by){
        .mean = running ? params + tensor[mean].offset : saved,
        .variance = running ? params + tensor[mean + 1].offset : saved + layer->in.c,
        .weight = weight ? params + weight->offset : NULL,
        .bias = bias ? params + bias->offset : NULL,
        .epsilon = (float)norm->epsilon,
        .activation = norm->activation,
    };
}

/* The grain's part of the step's statistics (nn/statistic.h). */
static void batchnorm_write_statistics(const struct layer *layer, const struct pass *pass)
{
    const struct layer_tensor *tensor = &layer->tensor[batchnorm_mean(layer)];
    const float *running = pass->params + tensor[0].offset, *saved = pass->save;
    float *mean = pass->grads + tensor[0].offset,
          *square = pass->grads + tensor[1].offset;
    bool frozen = batchnorm_state(layer)->frozen;
    for (int c = 0; c < layer->in.c; c++) {
        double variance = frozen ? 0.0 : (double)saved[layer->in.c + c];
        double shift = frozen ? 0.0 : (double)saved[c] - (double)running[c];
        mean[c] = (float)(pass->all * shift);
        square[c] = (float)(pass->all * (variance + shift * shift));
    }
}

static struct span batchnorm_images(const struct pass *pass)
{
    return (struct span){pass->first, pass->first + pass->n};
}

void layer_batchnorm_gather(const struct layer *layer, const struct pass *pass)
{
    struct batchnorm_shape shape = batchnorm_grain(layer, pass);
    if (batchnorm_measures(layer, pass))
        batchnorm_gather(&pass->team, &shape, batchnorm_images(pass), pass->x,
                         pass->room);
}

void layer_batchnorm_settle(const struct layer *layer, const struct pass *pass)
{
    struct batchnorm_shape shape = batchnorm_grain(layer, pass);
    float *saved = pass->save;
    if (batchnorm_measures(layer, pass))
        batchnorm_settle(&pass->team, &shape, saved, saved + layer->in.c, pass->room);
    if (pass->measure && pass->team.index == 0)
        batchnorm_write_statistics(layer, pass);
    struct batchnorm_by by = batchnorm_by_what(layer, pass);
    batchnorm_set_line(&pass->team, &shape, &by, pass->room);
}

void layer_batchnorm_forward(const struct layer *layer, const struct pass *pass)
{
    struct batchnorm_shape shape = batchnorm_grain(layer, pass);
    struct batchnorm_by by = batchnorm_by_what(layer, pass);
    const struct batchnorm_values values = {pass->y, pass->x, pass->x2};
    batchnorm_emit(&pass->team, &shape, batchnorm_images(pass), &values, &by, pass->room);
}

static struct batchnorm_gradient batchnorm_gradient_of(const struct layer *layer,
                                                       const struct pass *pass)
{
    const struct layer_tensor *weight = batchnorm_weight(layer),
                              *bias = batchnorm_bias(layer);
    return (struct batchnorm_gradient){
        .dx = pass->dx,
        .dz = pass->dx2,
        .dweight = weight ? pass->grads + weight->offset : NULL,
        .dbias = bias ? pass->grads + bias->offset : NULL,
        .x = pass->x,
        .dy = pass->dy,
        .y = layer->ops->keeps & LAYER_KEEPS_OUTPUT ? pass->y : NULL,
        .given = batchnorm_uses_running(layer, pass),
    };
}

void layer_batchnorm_gather_back(const struct layer *layer, const struct pass *pass)
{
    struct batchnorm_shape shape = batchnorm_grain(layer, pass);
    struct batchnorm_by by = batchnorm_by_what(layer, pass);
    const struct batchnorm_gradient gradient = batchnorm_gradient_of(layer, pass);
    if (pass->first == 0)
        batchnorm_set_line(&pass->team, &shape, &by, pass->room);
    batchnorm_gather_back(&pass->team, &shape, batchnorm_images(pass), &gradient, &by,
                          pass->room);
}

void layer_batchnorm_settle_back(const struct layer *layer, const struct pass *pass)
{
    struct batchnorm_shape shape = batchnorm_grain(layer, pass);
    struct batchnorm_by by = batchnorm_by_what(layer, pass);
    const struct batchnorm_gradient gradient = batchnorm_gradient_of(layer, pass);
    if (pass->team.index == 0)
        batchnorm_write_statistics(layer, pass);
    batchnorm_settle_back(&pass->team, &shape, &gradient, &by, pass->room);
}

void layer_batchnorm_backward(const struct layer *layer, const struct pass *pass)
{
    struct batchnorm_shape shape = batchnorm_grain(layer, pass);
    struct batchnorm_by by = batchnorm_by_what(layer, pass);
    const struct batchnorm_gradient gradient = batchnorm_gradient_of(layer, pass);
    if (pass->dx)
        batchnorm_emit_back(&pass->team, &shape, batchnorm_images(pass), &gradient, &by,
                            pass->room);
}

/* --- with statistics that stay as they are: samples do not affect each other --- */

void layer_batchnorm_forward_given(const struct layer *layer, const struct pass *pass)
{
    struct batchnorm_shape shape = batchnorm_grain(layer, pass);
    struct batchnorm_by by = batchnorm_by_what(layer, pass);
    if (pass->first == 0 && pass->measure && pass->team.index == 0)
        batchnorm_write_statistics(layer, pass);
    if (pass->first == 0)
        batchnorm_set_line(&pass->team, &shape, &by, pass->room);
    layer_batchnorm_forward(layer, pass);
}

void layer_batchnorm_backward_given(const struct layer *layer, const struct pass *pass)
{
    struct batchnorm_shape shape = batchnorm_grain(layer, pass);
    struct batchnorm_by by = batchnorm_by_what(layer, pass);
    const struct batchnorm_gradient gradient = batchnorm_gradient_of(layer, pass);
    if (pass->first == 0)
        batchnorm_set_line(&pass->team, &shape, &by, pass->room);
    batchnorm_back_given(&pass->team, &shape, batchnorm_images(pass), &gradient, &by,
                         pass->room);
}

/* Backward has the sums. */
void layer_batchnorm_gradients_given(const struct layer *layer, const struct pass *pass)
{
    if (pass->first + pass->n == pass->all)
        layer_batchnorm_settle_back(layer, pass);
}

bool layer_batchnorm_go_on(const struct layer *layer)
{
    (void)layer;
    return true;
}

/* In use: (x - mean) weight / sqrt(variance + epsilon) + bias. */
static void batchnorm_line(const struct layer *layer, const float *params, double *factor,
                           double *offset)
{
    const struct pass pass = {.params = params};
    struct batchnorm_by by = batchnorm_by_what(layer, &pass);
    for (int c = 0; c < layer->in.c; c++) {
        double weight = by.weight ? (double)by.weight[c] : 1.0;
        double bias = by.bias ? (double)by.bias[c] : 0.0;
        factor[c] = weight / sqrt((double)by.variance[c] + (double)by.epsilon);
        offset[c] = bias - (double)by.mean[c] * factor[c];
    }
}

struct split_sets layer_batchnorm_splits(const struct layer *layer)
{
    return batchnorm_splits(&batchnorm_state(layer)->shape);
}

#define BATCHNORM_OPS                                                     \
    .kind = "batchnorm",                                                  \
    .help = "batchnorm [eps=1e-5] [momentum=0.1] [affine=on|off|bias] "   \
            "[frozen=off] [init=one|zero]",                               \
    .bytes = sizeof(struct layer_batchnorm_state), .inputs = 1,           \
    .keeps = LAYER_KEEPS_INPUTS, .line = batchnorm_line, .follows = true, \
    .blocks = true, .overwrites = true, .setup = batchnorm_setup,         \
    .init = batchnorm_init, .freeze_statistics = batchnorm_freeze_statistics

const struct layer_ops layer_batchnorm = {BATCHNORM_OPS, LAYER_BATCHNORM_MEASURED};
const struct layer_ops layer_batchnorm_given = {BATCHNORM_OPS, LAYER_BATCHNORM_GIVEN};
