#include "kernels/conv_pool.h"

#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "conv_pool_scratch.h"
#include "share.h"

#define FORWARD_PANEL 64 /* output channels: the inner loop is fastest with 64 */

void conv_pool_complete(struct conv_pool_shape *shape)
{
    shape->p = (shape->h + 2 * shape->pad - 2) / 2;
    shape->q = (shape->w + 2 * shape->pad - 2) / 2;
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
    size_t n = (size_t)shape->n;
    size_t bordered = shape->pad ? n * conv_pool_padded_size(shape) + CONV_POOL_SLACK : 0;
    size_t forward =
        (size_t)conv_pool_groups(shape->k) * KERNELS_GROUP * 9 * (size_t)shape->c;
    size_t backward =
        (size_t)conv_pool_groups(shape->c) * KERNELS_GROUP * 9 * (size_t)shape->k;
    b->weight = conv_pool_take(&arena, forward > backward ? forward : backward);
    b->x = conv_pool_take(&arena, bordered);
    b->dx = conv_pool_take(&arena, bordered);
    b->thin = conv_pool_take(&arena, shape->c <= CONV_POOL_THIN ? forward : 0);
    bool slopes = shape->activation != CONV_POOL_NONE;
    b->g = conv_pool_take(&arena, slopes ? n * conv_pool_output_size(shape) : 0);
    b->bias = conv_pool_take(&arena, (size_t)shape->k);
    b->corner = conv_pool_take(&arena, n * (size_t)shape->p * (size_t)shape->q);
    return arena.used;
}

size_t conv_pool_scratch(const struct conv_pool_shape *shape)
{
    struct conv_pool_buffers unused;
    return conv_pool_lay_out(shape, NULL, &unused);
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
    team_split(team, shape->pad ? shape->n : 0, &begin, &end);
    for (int i = begin; i < end; i++)
        conv_pool_add_border(shape, b->x + (size_t)i * conv_pool_padded_size(shape),
                             x + (size_t)i * size);
}

/* --- forward --- */

/* weight (K, 9 C) to (groups of K, 9 C, KERNELS_GROUP), zeros where K ends. */
static void conv_pool_pack_forward(const struct team *team,
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

void conv_pool_forward(const struct team *team, const struct conv_pool_shape *shape,
                       const struct conv_pool_result *result, const float *x,
                       const float *weight, const float *bias, void *scratch)
{
    struct conv_pool_buffers b;
    conv_pool_lay_out(shape, scratch, &b);
    conv_pool_pack_forward(team, shape, b.weight, weight);
    conv_pool_add_borders(team, shape, &b, x);
    if (!bias && team->index == 0)
        memset(b.bias, 0, (size_t)shape->k * sizeof *b.bias);
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
        kernels()->conv_pool_forward(shape, share.rows, share.channels, &image,
                                     images + i * conv_pool_padded_size(shape), b.weight,
                                     bias ? bias : b.bias);
    }
    team_barrier(team);
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
