#include "lab/strategy.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/timer.h"
#include "comm/tree.h"
#include "kernels/vector.h"
#include "nn/layer_shape.h"
#include "strategy_impl.h"

#define LANE_TEAM        2 /* threads of a lane of hybrid */
#define STRATEGY_THREADS 64

const char *strategy_pass_name(enum strategy_pass pass)
{
    return pass == STRATEGY_FORWARD ? "forward" : "backward";
}

/* --- the kernels' own splits --- */

static bool strategy_kernel_knows_split(const struct strategy_task *task,
                                        enum split split)
{
    if (!task->layer->ops->splits)
        return false;
    struct split_sets known = task->layer->ops->splits(task->layer);
    unsigned mask = task->pass == STRATEGY_FORWARD ? known.forward : known.backward;
    return (mask & SPLIT_BIT(split)) != 0;
}

static struct pass strategy_lane_pass(const struct strategy *s,
                                      const struct strategy_lane *lane,
                                      const struct team *team)
{
    const struct strategy_task *task = &s->task;
    size_t first = (size_t)lane->begin, in = (size_t)shape_size(s->layer->in);
    size_t in2 = (size_t)shape_size(s->layer->in2);
    size_t out = (size_t)shape_size(s->layer->out);
    return (struct pass){.team = *team,
                         .n = lane->end - lane->begin,
                         .train = true,
                         .x = task->x + first * in,
                         .x2 = task->x2 ? task->x2 + first * in2 : NULL,
                         .y = task->y + first * out,
                         .dy = task->dy ? task->dy + first * out : NULL,
                         .dx = task->dx ? task->dx + first * in : NULL,
                         .dx2 = task->dx2 ? task->dx2 + first * in2 : NULL,
                         .params = s->params,
                         .packed = s->packed,
                         .packed_back = s->packed_back,
                         .grads = lane->grads,
                         .save = lane->save,
                         .room = lane->room,
                         .scratch = lane->scratch,
                         .sample = task->sample + first};
}

static void strategy_lane_run(const struct strategy *s, const struct strategy_lane *lane,
                              const struct team *team, enum strategy_pass direction)
{
    struct pass pass = strategy_lane_pass(s, lane, team);
    if (pass.n == 0)
        return;
    if (direction == STRATEGY_FORWARD)
        layer_forward(s->layer, &pass);
    else
        layer_backward(s->layer, &pass);
}

static void strategy_run_kernel(struct strategy *s, const struct team *team)
{
    struct team own = *team;
    own.split = s->split;
    strategy_lane_run(s, &s->lane[0], &own, s->task.pass);
}

/* --- lanes: batch and hybrid --- */

/* Threads of one lane; their indices are consecutive. */
static int strategy_lane_members(const struct strategy *s)
{
    return s->threads / s->lanes;
}

/* terms[0] = the tree over terms[0 .. count), elements [begin, end). The other terms are
   overwritten. */
static void strategy_tree_sum(float *const *terms, int count, size_t begin, size_t end)
{
    struct tree_stack stack;
    float *vector[TREE_NODES_MAX]; /* [level] */
    int to, from;
    if (begin >= end)
        return;
    tree_stack_init(&stack, count);
    for (int i = 0; i < count; i++) {
        struct tree_chain chain = tree_stack_push(&stack, (struct tree_node){i, i + 1});
        vector[chain.top] = terms[i] + begin;
        while (tree_chain_next(&chain, &to, &from))
            vector_add(vector[to], vector[from], end - begin);
    }
}

static void strategy_sum_lanes(struct strategy *s, const struct team *team)
{
    float *terms[STRATEGY_THREADS];
    int used = 0;
    size_t begin, end;
    for (int i = 0; i < s->lanes; i++)
        if (s->lane[i].end > s->lane[i].begin)
            terms[used++] = s->lane[i].grads;
    strategy_share(team, strategy_weights(s->layer), &begin, &end);
    strategy_tree_sum(terms, used, begin, end);
}

static void strategy_run_lanes(struct strategy *s, const struct team *team)
{
    int members = strategy_lane_members(s);
    struct strategy_lane *lane = &s->lane[team->index / members];
    struct team own = {
        .size = members, .index = team->index % members, .shared = &lane->shared};
    strategy_lane_run(s, lane, &own, s->task.pass);
    team_barrier(team);
    if (s->task.pass == STRATEGY_FORWARD || s->layer->tensors == 0)
        return;
    double begin = timer_now();
    strategy_sum_lanes(s, team);
    team_barrier(team);
    if (team->index == 0)
        s->sum_seconds += timer_now() - begin;
}

/* Lane 0 writes to the task's own gradient. */
static void strategy_lanes_setup(struct strategy *s, int lanes)
{
    struct team images = {.size = lanes};
    s->lanes = lanes;
    s->lane = mem_aligned((size_t)lanes, sizeof *s->lane);
    for (int i = 0; i < lanes; i++) {
        struct strategy_lane *lane = &s->lane[i];
        images.index = lanes - 1 - i; /* mirrored: the larger shares first */
        team_split(&images, s->task.n, &lane->begin, &lane->end);
        int count = lane->end - lane->begin;
        lane->begin = s->task.n - lane->end;
        lane->end = lane->begin + count;
        lane->scratch =
            mem_aligned(layer_scratch_bytes(s->layer, s->threads / lanes) + 1, 1);
        lane->room = mem_aligned(s->layer->room + 1, 1);
        lane->save = mem_aligned(layer_save_bytes(s->layer, count) + 1, 1);
        lane->grads =
            i ? mem_aligned(strategy_weights(s->layer) + 1, sizeof(float)) : s->grads;
        if (s->task.pass == STRATEGY_BACKWARD)
            strategy_lane_run(s, lane, &(struct team){.size = 1}, STRATEGY_FORWARD);
    }
}

/* --- which strategies there are --- */

/* Is the split done by lanes, rather than by the kernel? */
static bool strategy_in_lanes(const struct strategy_task *task, enum split split,
                              int threads)
{
    if (task->layer->ops->couples)
        return false;
    bool sums = task->pass == STRATEGY_BACKWARD && task->layer->tensors > 0;
    if (split == SPLIT_BATCH)
        return sums || !strategy_kernel_knows_split(task, split);
    return split == SPLIT_HYBRID && threads >= 2 * LANE_TEAM &&
           threads % LANE_TEAM == 0 && task->layer->tensors > 0;
}

bool strategy_applies(const struct strategy_task *task, enum split split, int threads)
{
    struct conv_shape shape;
    if (split == SPLIT_AUTO || (split == SPLIT_SEQUENTIAL) != (threads == 1))
        return false;
    if (split == SPLIT_SEQUENTIAL || strategy_kernel_knows_split(task, split) ||
        strategy_in_lanes(task, split, threads))
        return true;
    if (!strategy_conv(task, &shape))
        return false;
    return split == SPLIT_FILTER ||
           (layer_conv_shape(task->layer) &&
            (split == SPLIT_CHANNEL || (split == SPLIT_SPATIAL && shape.p > 1)));
}

static int strategy_count_pieces(const struct strategy *s)
{
    switch (s->split) {
    case SPLIT_BATCH:
        return s->task.n;
    case SPLIT_SPATIAL:
        return s->layer->out.h;
    case SPLIT_SEQUENTIAL:
        return 1;
    default:
        return 0;
    }
}

static void strategy_pack(struct strategy *s)
{
    const struct team alone = {.size = 1};
    const struct layer *layer = s->layer;
    s->packed = mem_aligned(layer->packed.floats, sizeof *s->packed);
    s->packed_back = mem_aligned(layer->packed_back.floats, sizeof *s->packed_back);
    if (layer->ops->pack)
        layer->ops->pack(layer, &alone, s->packed, s->packed_back, s->params);
}

struct strategy *strategy_create(const struct strategy_task *task, enum split split,
                                 int threads)
{
    ASSERT(strategy_applies(task, split, threads) && threads <= STRATEGY_THREADS);
    struct strategy *s = mem_zeroed(1, sizeof *s);
    *s = (struct strategy){.task = *task, .split = split, .threads = threads};
    s->layer = mem_zeroed(1, task->layer->ops->bytes);
    memcpy(s->layer, task->layer, task->layer->ops->bytes);
    size_t first = s->layer->tensors ? s->layer->tensor[0].offset : 0;
    for (int t = 0; t < s->layer->tensors; t++)
        s->layer->tensor[t].offset -= first;
    s->params = task->params + first;
    s->grads = task->grads ? task->grads + first : NULL;
    s->pieces = strategy_count_pieces(s);
    strategy_pack(s);
    bool lanes = strategy_in_lanes(task, split, threads);
    if (lanes || split == SPLIT_SEQUENTIAL || strategy_kernel_knows_split(task, split)) {
        strategy_lanes_setup(s, !lanes                  ? 1
                                : split == SPLIT_HYBRID ? threads / LANE_TEAM
                                                        : threads);
        s->run = lanes ? strategy_run_lanes : strategy_run_kernel;
    } else if (split == SPLIT_SPATIAL) {
        strategy_spatial_setup(s);
    } else {
        strategy_filter_setup(s);
    }
    return s;
}

void strategy_free(struct strategy *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->lanes; i++) {
        free(s->lane[i].save);
        free(s->lane[i].scratch);
        free(s->lane[i].room);
        if (i)
            free(s->lane[i].grads);
    }
    if (s->own)
        s->own_free(s->own);
    free(s->lane);
    free(s->packed);
    free(s->packed_back);
    free(s->layer);
    free(s);
}

void strategy_run(struct strategy *s, const struct team *team)
{
    s->run(s, team);
}

int strategy_pieces(const struct strategy *s)
{
    return s->pieces;
}

double strategy_sum_seconds(const struct strategy *s)
{
    return s->sum_seconds;
}
