#include "nn/optim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/div.h"
#include "base/mem.h"
#include "base/portable_math.h"
#include "kernels/kernels.h"
#include "nn/model.h"

const struct optim_ops *const optim_kinds[] = {
    [OPTIM_SGD] = &optim_sgd,   [OPTIM_ADAMW] = &optim_adamw, [OPTIM_LARS] = &optim_lars,
    [OPTIM_LAMB] = &optim_lamb, [OPTIM_KINDS] = NULL,
};

const char *const optim_words[] = {
    [OPTIM_SGD] = optim_sgd.name,   [OPTIM_ADAMW] = optim_adamw.name,
    [OPTIM_LARS] = optim_lars.name, [OPTIM_LAMB] = optim_lamb.name,
    [OPTIM_KINDS] = NULL,
};

static const struct optim_ops *optim_ops_of(const struct optim_options *options)
{
    ASSERT(options->kind >= 0 && options->kind < OPTIM_KINDS);
    return optim_kinds[options->kind];
}

int optim_states(const struct optim_options *options)
{
    return optim_ops_of(options)->states + (options->lookahead > 0);
}

const char *optim_state_name(const struct optim_options *options, int i)
{
    const struct optim_ops *ops = optim_ops_of(options);
    ASSERT(i >= 0 && i < optim_states(options));
    return i < ops->states ? ops->state_name[i] : OPTIM_SLOW;
}

unsigned optim_state_rules(const char *name)
{
    return strcmp(name, OPTIM_SLOW) == 0 ? RANGES_SUMMED : RANGES_TRAINED;
}

/* --- segments --- */

static int optim_segment_chunks(const struct optim_segment *segment)
{
    return (int)div_up_u64(segment->end - segment->begin, OPTIM_CHUNK);
}

/* May the two neighbours be one segment? */
static bool optim_segments_join(const struct optim_segment *a,
                                const struct optim_segment *b)
{
    return a->end == b->begin && a->statistic == b->statistic && a->lr == b->lr &&
           a->decay == b->decay && a->from == b->from && a->epochs == b->epochs;
}

/* Exactly 1 without layer_decay. */
static double optim_depth_factor(const struct optim_options *options, int depth)
{
    double factor = 1;
    for (int i = 0; i < depth && options->layer_decay > 0; i++)
        factor *= options->layer_decay;
    return factor;
}

static struct optim_segment optim_segment_of(const struct optim *optim, size_t begin,
                                             size_t end, enum range_rule rule,
                                             const struct param_group *group, int depth)
{
    static const struct param_group none = {.lr = 1, .weight_decay = 1};
    const struct param_group *by = group ? group : &none;
    bool decays = rule == RANGE_TRAIN_DECAY, statistic = rule == RANGE_STATISTIC;
    if (statistic)
        return (struct optim_segment){.begin = begin, .end = end, .statistic = true};
    return (struct optim_segment){
        .begin = begin,
        .end = end,
        .lr = by->lr * optim_depth_factor(optim->options, depth),
        .decay = decays || by->decay == PARAM_DECAY_ALL ? by->weight_decay : 0.0,
        .from = by->from,
        .epochs = by->epochs,
        .adapts = optim_ops_of(optim->options)->measure && decays,
        .chunk = optim->chunks,
    };
}

void optim_add(struct optim *optim, size_t begin, size_t end, enum range_rule rule,
               const struct param_group *group, int depth)
{
    struct optim_segment *last =
        optim->segments ? &optim->segment[optim->segments - 1] : NULL;
    struct optim_segment segment =
        optim_segment_of(optim, begin, end, rule, group, depth);
    bool norms = optim_ops_of(optim->options)->measure && !segment.statistic;
    bool kept = segment.statistic ? optim->options->lookahead > 0
                                  : RANGES_TRAINED & RANGE_BIT(rule);
    if (!kept || begin == end)
        return;
    if (!norms && last && optim_segments_join(last, &segment)) {
        last->end = end;
        return;
    }
    optim->segment =
        mem_resize(optim->segment, (size_t)optim->segments + 1, sizeof *optim->segment);
    optim->segment[optim->segments++] = segment;
    if (!norms)
        return;
    optim->chunks += optim_segment_chunks(&segment);
    optim->squares =
        mem_resize(optim->squares, (size_t)optim->chunks, sizeof *optim->squares);
}

/* The next tensor of the model behind *layer's tensor *t; false: there is none. */
static bool optim_next_tensor(const struct model *model, int *layer, int *t)
{
    for (++*t; *layer < model->layers; ++*layer, *t = 0)
        if (*t < model->layer[*layer]->tensors)
            return true;
    return false;
}

void optim_init(struct optim *optim, const struct optim_options *options,
                const struct model *model)
{
    int l = 0, t = -1;
    *optim = (struct optim){.options = options};
    for (bool more = optim_next_tensor(model, &l, &t); more;) {
        const struct layer *layer = model->layer[l];
        const struct layer_tensor *tensor = &layer->tensor[t];
        more = optim_next_tensor(model, &l, &t);
        optim_add(optim, tensor->offset,
                  more ? model->layer[l]->tensor[t].offset : model->params, tensor->rule,
                  param_groups_find(&options->groups, layer, tensor), layer->depth);
    }
}

void optim_release(struct optim *optim)
{
    free(optim->segment);
    free(optim->squares);
    *optim = (struct optim){0};
}

void optim_begin(const struct optim *optim, const float *params, float *const state[])
{
    if (optim->options->lookahead == 0)
        return;
    float *slow = state[optim_ops_of(optim->options)->states];
    for (int s = 0; s < optim->segments; s++) {
        const struct optim_segment *segment = &optim->segment[s];
        memcpy(slow + segment->begin, params + segment->begin,
               (segment->end - segment->begin) * sizeof *slow);
    }
}

/* The first segment that ends behind `at`. */
static int optim_segment_at(const struct optim *optim, size_t at)
{
    int low = 0, high = optim->segments;
    while (low < high) {
        int middle = (low + high) / 2;
        if (optim->segment[middle].end <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The least number of steps that are so many epochs: n / epoch_steps >= epochs. As one
   function, so that a group's end is another one's begin however the product rounds. */
static uint64_t optim_steps(double epochs, uint64_t epoch_steps)
{
    double all = (double)epoch_steps, n = floor(epochs * all);
    while (n > 0 && (n - 1) / all >= epochs)
        n--;
    while (n / all < epochs)
        n++;
    return (uint64_t)n;
}

/* The step, from 1, in which the segment begins to learn. */
static uint64_t optim_first_step(const struct optim_segment *segment,
                                 uint64_t epoch_steps)
{
    return segment->from > 0 ? 1 + optim_steps(segment->from, epoch_steps) : 1;
}

static bool optim_rests(const struct optim_segment *segment, uint64_t step,
                        uint64_t epoch_steps)
{
    return step < optim_first_step(segment, epoch_steps) ||
           (segment->epochs > 0 && step > optim_steps(segment->epochs, epoch_steps));
}

/* As the segment sees it: steps count from its first one. */
static struct optim_update optim_own_update(const struct optim_segment *segment,
                                            const struct optim_update *update)
{
    struct optim_update own = *update;
    own.step -= optim_first_step(segment, update->epoch_steps) - 1;
    return own;
}

void optim_drop_resting(const struct optim *optim, uint64_t step, uint64_t epoch_steps,
                        float *grads, size_t begin, size_t end)
{
    for (int s = optim_segment_at(optim, begin);
         s < optim->segments && optim->segment[s].begin < end; s++) {
        const struct optim_segment *segment = &optim->segment[s];
        size_t from = segment->begin > begin ? segment->begin : begin;
        size_t to = segment->end < end ? segment->end : end;
        if (optim_rests(segment, step, epoch_steps))
            memset(grads + from, 0, (to - from) * sizeof *grads);
    }
}

/* --- an update --- */

static struct update_vectors optim_vectors(const struct optim *optim,
                                           const struct optim_update *update)
{
    const struct optim_ops *ops = optim_ops_of(optim->options);
    return (struct update_vectors){
        .w = update->params,
        .g = update->grads,
        .first = update->state[0],
        .second = ops->states > 1 ? update->state[1] : NULL,
        .slow = optim->options->lookahead > 0 ? update->state[ops->states] : NULL,
        .ema = update->ema,
    };
}

/* Without its trust ratio. */
static struct optim_scales optim_segment_scales(const struct optim *optim,
                                                const struct optim_update *update,
                                                const struct optim_segment *segment)
{
    return (struct optim_scales){.lr = update->lr * segment->lr,
                                 .decay = optim->options->weight_decay * segment->decay,
                                 .trust = 1.0};
}

bool optim_measure(struct optim *optim, const struct optim_update *update,
                   const struct team *team)
{
    const struct optim_ops *ops = optim_ops_of(optim->options);
    if (!ops->measure)
        return false;
    const struct update_vectors vectors = optim_vectors(optim, update);
    long long chunks = optim->chunks;
    int first = (int)(chunks * team->index / team->size);
    int last = (int)(chunks * (team->index + 1) / team->size);
    for (int s = 0; s < optim->segments && optim->segment[s].chunk < last; s++) {
        const struct optim_segment *segment = &optim->segment[s];
        int count = optim_segment_chunks(segment);
        if (segment->chunk + count <= first || segment->statistic ||
            optim_rests(segment, update->step, update->epoch_steps))
            continue;
        const struct optim_update own = optim_own_update(segment, update);
        struct optim_scales scales = optim_segment_scales(optim, update, segment);
        struct update_factors factors = ops->prepare(optim->options, &own, &scales);
        for (int c = 0; c < count; c++) {
            size_t begin = segment->begin + (size_t)c * OPTIM_CHUNK;
            size_t end = c + 1 < count ? begin + OPTIM_CHUNK : segment->end;
            if (segment->chunk + c >= first && segment->chunk + c < last)
                optim->squares[segment->chunk + c] =
                    ops->measure(&factors, &vectors, begin, end);
        }
    }
    return true;
}

static double optim_segment_trust(const struct optim *optim,
                                  const struct optim_update *update,
                                  const struct optim_segment *segment,
                                  const struct optim_scales *scales)
{
    struct optim_squares sum = {0};
    if (!segment->adapts)
        return 1.0;
    for (int c = 0; c < optim_segment_chunks(segment); c++) {
        sum.weights += optim->squares[segment->chunk + c].weights;
        sum.step += optim->squares[segment->chunk + c].step;
    }
    if (!(sum.weights > 0.0 && sum.step > 0.0))
        return 1.0;
    return optim_ops_of(optim->options)
        ->trust(optim->options, update, scales, sqrt(sum.weights), sqrt(sum.step));
}

/* How far the slow weights follow after this step; below 0: this is no such step. */
static double optim_slow_share(const struct optim_options *options,
                               const struct optim_update *update)
{
    bool fades = options->lookahead_power > 0;
    if (options->lookahead == 0)
        return -1;
    if (update->step % (uint64_t)options->lookahead != 0)
        return fades && update->step == update->total ? 0 : -1;
    if (!fades)
        return options->lookahead_alpha;
    /* a measurement may go on behind the last step of the run */
    double done = fmin(1, (double)update->step / (double)update->total);
    return 1 -
           (1 - options->lookahead_alpha) * portable_pow(done, options->lookahead_power);
}

static void optim_train(const struct optim *optim, const struct optim_update *update,
                        const struct optim_segment *segment,
                        struct update_factors *factors,
                        const struct update_vectors *vectors, size_t begin, size_t end)
{
    const struct optim_ops *ops = optim_ops_of(optim->options);
    const struct optim_update own = optim_own_update(segment, update);
    struct optim_scales scales = optim_segment_scales(optim, update, segment);
    scales.trust = optim_segment_trust(optim, &own, segment, &scales);
    *factors = ops->prepare(optim->options, &own, &scales);
    factors->one_minus_ema = (float)(1.0 - update->ema_decay);
    ops->apply(factors, vectors, begin, end);
}

/* Floats [begin, end) of the segment. The average is that of the weights which the step
   ends with; statistics have none here. */
static void optim_apply_segment(const struct optim *optim,
                                const struct optim_update *update,
                                const struct optim_segment *segment, size_t begin,
                                size_t end)
{
    struct update_factors factors = {.one_minus_ema = (float)(1.0 - update->ema_decay)};
    struct update_vectors vectors = optim_vectors(optim, update);
    double slow_share = optim_slow_share(optim->options, update);
    if (segment->statistic)
        vectors.ema = NULL;
    if (optim_rests(segment, update->step, update->epoch_steps)) {
        kernels()->update_average(&factors, &vectors, begin, end);
        return;
    }
    float *ema = vectors.ema;
    if (slow_share >= 0)
        vectors.ema = NULL;
    if (!segment->statistic)
        optim_train(optim, update, segment, &factors, &vectors, begin, end);
    if (slow_share < 0)
        return;
    vectors.ema = ema;
    factors.slow_share = (float)slow_share;
    kernels()->update_lookahead(&factors, &vectors, begin, end);
}

void optim_apply(const struct optim *optim, const struct optim_update *update,
                 size_t begin, size_t end)
{
    if (update->statistics)
        statistics_update(update->statistics, update->params, update->grads,
                          update->samples, begin, end);
    for (int s = optim_segment_at(optim, begin);
         s < optim->segments && optim->segment[s].begin < end; s++) {
        const struct optim_segment *segment = &optim->segment[s];
        optim_apply_segment(optim, update, segment,
                            segment->begin > begin ? segment->begin : begin,
                            segment->end < end ? segment->end : end);
    }
}

double optim_square_sum(const float *values, size_t count)
{
    return kernels()->square_sum(values, count);
}
