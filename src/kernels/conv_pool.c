#include "kernels/conv_pool.h"

#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "base/div.h"
#include "conv_pool_scratch.h"
#include "kernels/cpu.h"
#include "share.h"

#define FORWARD_PANEL 64    /* output channels: the inner loop is fastest with 64 */
#define ROOMY_CACHE   40960 /* bytes: the weights of 64 filters for 16 channels, and dx */
#define FRAME_CACHE   393216 /* of the second-level cache: what backward goes through */

void conv_pool_complete(struct conv_pool_shape *shape)
{
    shape->p = (shape->h + 2 * shape->pad - 2) / 2;
    shape->q = (shape->w + 2 * shape->pad - 2) / 2;
    shape->narrow = cpu_cache(1) < ROOMY_CACHE;
}

void conv_pool_choose(struct conv_pool_shape *shape, const struct kernel_policy *policy)
{
    enum { WINOGRAD_CHANNELS = 16 };
    shape->winograd = shape->c >= WINOGRAD_CHANNELS && policy->bits != POLICY_BLAS &&
                      policy->winograd != POLICY_WINOGRAD_OFF;
}

/* --- packed weights --- */

size_t conv_pool_packed_back(const struct conv_pool_shape *shape)
{
    int width = conv_pool_data_kernels(shape)->vector;
    return (size_t)(div_up(shape->c, width) * width) * 9 * (size_t)shape->k;
}

size_t conv_pool_packed(const struct conv_pool_shape *shape)
{
    if (shape->winograd)
        return conv_pool_winograd_packed(shape);
    return (size_t)conv_pool_groups(shape->k) * KERNELS_GROUP * 9 * (size_t)shape->c;
}

/* weight (K, 9 C) to (groups of K, 9 C, KERNELS_GROUP), zeros where K ends. */
static void conv_pool_pack_direct(const struct team *team,
                                  const struct conv_pool_shape *shape, float *packed,
                                  const float *weight)
{
    int begin, end, taps = 9 * shape->c;
    team_split(team, conv_pool_groups(shape->k), &begin, &end);
    for (int group = begin; group < end; group++) {
        float *to = packed + (size_t)group * (size_t)taps * KERNELS_GROUP;
        for (int j = 0; j < KERNELS_GROUP; j++) {
            int k = group * KERNELS_GROUP + j;
            const float *from = weight + (size_t)k * (size_t)taps;
            for (int t = 0; t < taps; t++)
                to[(size_t)t * KERNELS_GROUP + (size_t)j] = k < shape->k ? from[t] : 0.0f;
        }
    }
}

/* weight (K, 9, C) to (vectors of C, K, 9, vector), zeros where C ends. */
static void conv_pool_pack_back(const struct team *team,
                                const struct conv_pool_shape *shape, float *packed,
                                const float *weight)
{
    int begin, end, width = conv_pool_data_kernels(shape)->vector, rows = 9 * shape->k;
    team_split(team, div_up(shape->c, width), &begin, &end);
    for (int vector = begin; vector < end; vector++) {
        float *to = packed + (size_t)vector * (size_t)(rows * width);
        int c = vector * width, left = shape->c - c, lanes = left < width ? left : width;
        for (int i = 0; i < rows; i++, to += width)
            for (int j = 0; j < width; j++)
                to[j] = j < lanes ? weight[i * shape->c + c + j] : 0.0f;
    }
}

void conv_pool_pack(const struct team *team, const struct conv_pool_shape *shape,
                    float *packed, float *back, const float *weight)
{
    if (back)
        conv_pool_pack_back(team, shape, back, weight);
    if (shape->winograd)
        conv_pool_winograd_pack(team, shape, packed, weight);
    else
        conv_pool_pack_direct(team, shape, packed, weight);
    team_barrier(team);
}

/* --- scratch --- */

/* The next `words` of 4 bytes. */
static void *conv_pool_take(struct arena *arena, size_t words)
{
    return arena_take(arena, words * sizeof(float));
}

size_t conv_pool_lay_out(const struct conv_pool_shape *shape, void *scratch,
                         struct conv_pool_buffers *b)
{
    struct arena arena = {.memory = scratch};
    size_t n = (size_t)shape->n, group = KERNELS_GROUP;
    bool thin = shape->c <= CONV_POOL_THIN;
    size_t bordered =
        conv_pool_borders(shape) ? n * conv_pool_padded_size(shape) + CONV_POOL_SLACK : 0;
    size_t wide = (size_t)(thin ? shape->k : shape->c),
           other = (size_t)(thin ? shape->c : shape->k);
    b->x = conv_pool_take(&arena, bordered);
    b->sum =
        conv_pool_take(&arena, (size_t)conv_pool_groups((int)wide) * group * 9 * other);
    bool slopes = shape->activation != CONV_POOL_NONE;
    b->g = conv_pool_take(&arena, slopes ? n * conv_pool_output_size(shape) : 0);
    b->bias = conv_pool_take(&arena, (size_t)shape->k);
    b->corner = conv_pool_take(&arena, n * conv_pool_windows(shape));
    return arena.used;
}

struct conv_pool_frame conv_pool_frame(const struct conv_pool_shape *shape)
{
    struct conv_pool_frame frame = {2 * shape->p + 2, 2 * shape->q + 2, 0};
    if (shape->c <= CONV_POOL_THIN) { /* windows have the same corners in x */
        frame.rows = shape->h + 2 * shape->pad;
        frame.columns = shape->w + 2 * shape->pad;
    }
    size_t pixels = (size_t)frame.rows * (size_t)frame.columns;
    /* g, argmax and place for each output. */
    size_t output = conv_pool_output_size(shape) * (sizeof(float) + 2);
    size_t images = FRAME_CACHE / (pixels * KERNELS_GROUP * sizeof(float) + output);
    frame.images = images < 1 ? 1 : images < (size_t)shape->n ? (int)images : shape->n;
    return frame;
}

size_t conv_pool_lay_out_member(const struct conv_pool_shape *shape, void *scratch,
                                struct conv_pool_member *m)
{
    struct arena arena = {.memory = scratch};
    const struct conv_pool_frame frame = conv_pool_frame(shape);
    size_t images = (size_t)frame.images;
    size_t pixels = images * (size_t)frame.rows * (size_t)frame.columns;
    size_t blocks = (size_t)div_up(shape->k, CONV_POOL_FILTERS);
    m->frames = conv_pool_take(&arena, pixels * KERNELS_GROUP);
    m->place = arena_take(&arena, images * conv_pool_windows(shape) * blocks * 4 *
                                      sizeof *m->place);
    return arena.used;
}

size_t conv_pool_scratch(const struct conv_pool_shape *shape)
{
    struct conv_pool_buffers unused;
    return conv_pool_lay_out(shape, NULL, &unused);
}

size_t conv_pool_scratch_member(const struct conv_pool_shape *shape)
{
    struct conv_pool_member unused;
    size_t forward = shape->winograd ? conv_pool_winograd_scratch(shape) : 0;
    size_t backward = conv_pool_lay_out_member(shape, NULL, &unused);
    return forward > backward ? forward : backward;
}

static void conv_pool_add_border(const struct conv_pool_shape *shape, float *to,
                                 const float *x)
{
    size_t row = (size_t)shape->w * (size_t)shape->c, pad = (size_t)shape->c;
    memset(to, 0, conv_pool_padded_size(shape) * sizeof *to);
    for (int h = 0; h < shape->h; h++)
        memcpy(to + (size_t)(h + 1) * (row + 2 * pad) + pad, x + (size_t)h * row,
               row * sizeof *to);
}

void conv_pool_add_borders(const struct team *team, const struct conv_pool_shape *shape,
                           const struct conv_pool_buffers *b, const float *x)
{
    size_t size = (size_t)shape->h * (size_t)shape->w * (size_t)shape->c;
    int begin, end;
    team_split(team, conv_pool_borders(shape) ? shape->n : 0, &begin, &end);
    for (int i = begin; i < end; i++)
        conv_pool_add_border(shape, b->x + (size_t)i * conv_pool_padded_size(shape),
                             x + (size_t)i * size);
}

/* --- forward --- */

static void conv_pool_direct(const struct team *team, const struct conv_pool_shape *shape,
                             const struct conv_pool_result *result, const float *x,
                             const float *packed, const float *bias, void *scratch)
{
    struct conv_pool_buffers b;
    conv_pool_lay_out(shape, scratch, &b);
    conv_pool_add_borders(team, shape, &b, x);
    team_barrier(team);
    const float *images = conv_pool_inputs(shape, &b, x);
    size_t out = conv_pool_output_size(shape);
    const struct share_extent extent = {shape->n, shape->p, shape->k};
    int panel = team->split == SPLIT_CHANNEL ? KERNELS_GROUP : FORWARD_PANEL;
    struct share share = share_begin(team, &extent, panel);
    while (share_next(&share)) {
        size_t i = (size_t)share.image;
        const struct conv_pool_result image = {
            .y = result->y + i * out,
            .argmax = result->argmax ? result->argmax + i * out : NULL,
            .slope = result->slope ? result->slope + i * out : NULL,
        };
        kernels()->conv_pool->direct(shape, share.rows, share.channels, &image,
                                     images + i * conv_pool_padded_size(shape), packed,
                                     bias);
    }
    team_barrier(team);
}

void conv_pool_forward(const struct team *team, const struct conv_pool_shape *shape,
                       const struct conv_pool_result *result, const float *x,
                       const float *packed, const float *bias, void *scratch)
{
    if (shape->winograd)
        conv_pool_winograd(team, shape, result, x, packed, bias, scratch);
    else
        conv_pool_direct(team, shape, result, x, packed, bias, scratch);
}

struct split_sets conv_pool_splits(const struct conv_pool_shape *shape)
{
    unsigned channel = shape->k > KERNELS_GROUP ? SPLIT_BIT(SPLIT_CHANNEL) : 0;
    unsigned filter = shape->c > CONV_POOL_THIN ? SPLIT_BIT(SPLIT_FILTER) : 0;
    unsigned hybrid = SPLIT_BIT(SPLIT_HYBRID);
    return (struct split_sets){
        .forward = channel | hybrid | SPLIT_BIT(SPLIT_BATCH) | SPLIT_BIT(SPLIT_SPATIAL),
        .backward = channel | hybrid | filter,
    };
}
