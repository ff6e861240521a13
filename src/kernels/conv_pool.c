#include "kernels/conv_pool.h"

#include <string.h>

#include "base/status.h"
#include "kernels/kernels.h"

#define GROUP         KERNELS_GROUP
#define FORWARD_PANEL 64   /* output channels that one member takes at a time */
#define ORDER_BLOCK   64   /* filters whose weights stay in the first cache in dx */
#define THIN          4    /* so few input channels make bad vectors */
#define BLOCK_FLOATS  8192 /* of x, that stay in the first cache in dweight */

static int groups(int channels)
{
    return (channels + GROUP - 1) / GROUP;
}

void conv_pool_complete(struct conv_pool_shape *shape)
{
    shape->p = (shape->h + 2 * shape->pad - 2) / 2;
    shape->q = (shape->w + 2 * shape->pad - 2) / 2;
}

/* Elements of one image with its border. */
static size_t padded_size(const struct conv_pool_shape *shape)
{
    return (size_t)(shape->h + 2 * shape->pad) * (size_t)(shape->w + 2 * shape->pad) *
           (size_t)shape->c;
}

static size_t output_size(const struct conv_pool_shape *shape)
{
    return (size_t)shape->p * (size_t)shape->q * (size_t)shape->k;
}

static int order_blocks(const struct conv_pool_shape *shape)
{
    return (shape->k + ORDER_BLOCK - 1) / ORDER_BLOCK;
}

/* Images whose inputs are swept together in dweight. */
static int block_images(const struct conv_pool_shape *shape)
{
    size_t images = BLOCK_FLOATS / padded_size(shape);
    return images > 1 ? (int)images : 1;
}

/* The parts of scratch; every count in 4-byte words, rounded to cache lines. */
struct buffers {
    float *weight;   /* packed for forward, or for dx */
    float *x, *dx;   /* with borders; unused without padding */
    float *thin;     /* dweight (C, 9, K in whole groups) */
    float *g;        /* (N, P, Q, K): gradient at the maxima */
    float *g_turned; /* (block, K, windows) */
    int32_t *place;  /* the same: where in the block's x the patch begins */
    float *order_g;  /* (N, ORDER blocks, windows, filters by argmax) */
    int32_t *order_filter, *order_bound;
};

/* The next `words` of scratch; with base NULL they are only counted. */
static void *take(float *base, size_t *used, size_t words)
{
    size_t at = *used;
    *used += (words + 15) / 16 * 16;
    return base ? base + at : NULL;
}

/* Returns the bytes used. */
static size_t lay_out(const struct conv_pool_shape *shape, void *scratch,
                      struct buffers *b)
{
    size_t n = (size_t)shape->n, used = 0, outputs = n * output_size(shape);
    size_t bordered = shape->pad ? n * padded_size(shape) + CONV_POOL_SLACK : 0;
    size_t forward = (size_t)groups(shape->k) * GROUP * 9 * (size_t)shape->c;
    size_t backward = (size_t)groups(shape->c) * GROUP * 9 * (size_t)shape->k;
    size_t lists = n * (size_t)(shape->p * shape->q * order_blocks(shape));
    b->weight = take(scratch, &used, forward > backward ? forward : backward);
    b->x = take(scratch, &used, bordered);
    b->dx = take(scratch, &used, bordered);
    b->thin = take(scratch, &used, shape->c <= THIN ? forward : 0);
    b->g = take(scratch, &used, outputs);
    b->g_turned = take(scratch, &used, outputs);
    b->place = take(scratch, &used, outputs);
    b->order_g = take(scratch, &used, outputs);
    b->order_filter = take(scratch, &used, outputs);
    b->order_bound = take(scratch, &used, 5 * lists);
    return used * sizeof(float);
}

size_t conv_pool_scratch(const struct conv_pool_shape *shape)
{
    struct buffers unused;
    return lay_out(shape, NULL, &unused);
}

/* --- borders --- */

/* Image i with zeros around it, if it needs any. */
static const float *bordered_image(const struct conv_pool_shape *shape, float *border,
                                   const float *x, int i)
{
    size_t row = (size_t)shape->w * (size_t)shape->c, pad = (size_t)shape->c;
    const float *image = x + (size_t)i * (size_t)shape->h * row;
    if (!shape->pad)
        return image;
    float *to = border + (size_t)i * padded_size(shape);
    memset(to, 0, padded_size(shape) * sizeof *to);
    for (int h = 0; h < shape->h; h++)
        memcpy(to + (size_t)(h + 1) * (row + 2 * pad) + pad, image + (size_t)h * row,
               row * sizeof *to);
    return to;
}

static void cut_border(const struct conv_pool_shape *shape, float *dx,
                       const float *border)
{
    size_t row = (size_t)shape->w * (size_t)shape->c, pad = (size_t)shape->c;
    for (int h = 0; h < shape->h; h++)
        memcpy(dx + (size_t)h * row, border + (size_t)(h + 1) * (row + 2 * pad) + pad,
               row * sizeof *dx);
}

static const float *inputs(const struct conv_pool_shape *shape, const struct buffers *b,
                           const float *x)
{
    return shape->pad ? b->x : x;
}

static void add_borders(const struct team *team, const struct conv_pool_shape *shape,
                        const struct buffers *b, const float *x)
{
    int begin, end;
    team_split(team, shape->pad ? shape->n : 0, &begin, &end);
    for (int i = begin; i < end; i++)
        bordered_image(shape, b->x, x, i);
}

/* --- forward --- */

/* weight (K, 9 C) to (groups of K, 9 C, GROUP), zeros where K ends. */
static void pack_forward(const struct team *team, const struct conv_pool_shape *shape,
                         float *packed, const float *weight)
{
    int begin, end, taps = 9 * shape->c;
    team_split(team, groups(shape->k), &begin, &end);
    for (int group = begin; group < end; group++) {
        float *to = packed + (size_t)group * (size_t)taps * GROUP;
        for (int j = 0; j < GROUP; j++) {
            int k = group * GROUP + j;
            const float *from = weight + (size_t)k * (size_t)taps;
            for (int t = 0; t < taps; t++)
                to[(size_t)t * GROUP + (size_t)j] = k < shape->k ? from[t] : 0.0f;
        }
    }
}

void conv_pool_forward(const struct team *team, const struct conv_pool_shape *shape,
                       float *y, uint8_t *argmax, float *slope, const float *x,
                       const float *weight, const float *bias, void *scratch)
{
    struct buffers b;
    lay_out(shape, scratch, &b);
    pack_forward(team, shape, b.weight, weight);
    add_borders(team, shape, &b, x);
    team_barrier(team);
    const float *images = inputs(shape, &b, x);
    size_t out = output_size(shape);
    int panels = (shape->k + FORWARD_PANEL - 1) / FORWARD_PANEL, begin, end;
    team_split(team, panels * shape->n, &begin, &end);
    for (int unit = begin; unit < end; unit++) {
        size_t i = (size_t)(unit % shape->n);
        struct span channels = {unit / shape->n * FORWARD_PANEL, shape->k};
        if (channels.end > channels.begin + FORWARD_PANEL)
            channels.end = channels.begin + FORWARD_PANEL;
        kernels()->conv_pool_forward(shape, channels, y + i * out,
                                     argmax ? argmax + i * out : NULL,
                                     slope ? slope + i * out : NULL,
                                     images + i * padded_size(shape), b.weight, bias);
    }
    team_barrier(team);
}

/* --- backward --- */

/* A stretch of images [first, first + count) whose gradients are prepared and used
   together. */
struct block {
    const struct conv_pool_shape *shape;
    const struct conv_pool_gradient *gradient;
    const struct buffers *b;
    int first, count;
};

/* Image i's gradient at the maxima, turned to (K, windows of the block), with the place
   in the block's x where each patch begins. */
static void turn(const struct block *block, int i)
{
    const struct conv_pool_shape *shape = block->shape;
    int windows = shape->p * shape->q, all = windows * block->count;
    size_t from = (size_t)i * output_size(shape);
    size_t to = (size_t)block->first * output_size(shape) +
                (size_t)((i - block->first) * windows);
    int row = (shape->w + 2 * shape->pad) * shape->c;
    int image = (i - block->first) * (int)padded_size(shape);
    for (int j = 0; j < windows; j++) {
        int corner = image + 2 * (j / shape->q) * row + 2 * (j % shape->q) * shape->c;
        const int place[4] = {corner, corner + shape->c, corner + row,
                              corner + row + shape->c};
        const float *g = block->b->g + from + (size_t)j * (size_t)shape->k;
        const uint8_t *argmax =
            block->gradient->argmax + from + (size_t)j * (size_t)shape->k;
        for (int k = 0; k < shape->k; k++) {
            size_t at = to + (size_t)k * (size_t)all + (size_t)j;
            block->b->g_turned[at] = g[k];
            block->b->place[at] = place[argmax[k]];
        }
    }
}

static struct conv_pool_order order_of(const struct conv_pool_shape *shape,
                                       const struct buffers *b, int i)
{
    size_t lists = (size_t)(shape->p * shape->q * order_blocks(shape));
    return (struct conv_pool_order){
        .blocks = order_blocks(shape),
        .g = b->order_g + (size_t)i * output_size(shape),
        .filter = b->order_filter + (size_t)i * output_size(shape),
        .bound = b->order_bound + 5 * (size_t)i * lists,
    };
}

/* One list: filters [begin, end) of a window, stably sorted by the place of the maximum.
 */
static void sort_list(int begin, int end, const float *g, const uint8_t *argmax,
                      const struct conv_pool_order *order, int first, int32_t *bound)
{
    int32_t next[4] = {0, 0, 0, 0};
    for (int k = begin; k < end; k++)
        next[argmax[k]]++;
    bound[0] = first;
    for (int a = 0; a < 4; a++) {
        bound[a + 1] = bound[a] + next[a];
        next[a] = bound[a];
    }
    for (int k = begin; k < end; k++) {
        int32_t at = next[argmax[k]]++;
        order->g[at] = g[k];
        order->filter[at] = k * 9 * GROUP;
    }
}

static void sort_image(const struct block *block, int i)
{
    const struct conv_pool_shape *shape = block->shape;
    const struct conv_pool_order order = order_of(shape, block->b, i);
    const float *g = block->b->g + (size_t)i * output_size(shape);
    const uint8_t *argmax = block->gradient->argmax + (size_t)i * output_size(shape);
    int windows = shape->p * shape->q, first = 0;
    int32_t *bound = order.bound;
    for (int begin = 0; begin < shape->k; begin += ORDER_BLOCK) {
        int end = begin + ORDER_BLOCK < shape->k ? begin + ORDER_BLOCK : shape->k;
        for (int j = 0; j < windows; j++, bound += 5) {
            size_t at = (size_t)j * (size_t)shape->k;
            sort_list(begin, end, g + at, argmax + at, &order, first, bound);
            first += end - begin;
        }
    }
}

static void prepare_image(const struct block *block, int i)
{
    const struct conv_pool_shape *shape = block->shape;
    size_t at = (size_t)i * output_size(shape);
    /* gelu_backward is the product with the slope, whatever the activation */
    kernels()->gelu_backward(block->b->g + at, block->gradient->dy + at,
                             block->gradient->slope + at, output_size(shape));
    if (shape->c > THIN)
        turn(block, i);
    if (block->gradient->dx)
        sort_image(block, i);
}

static void add_bias(const struct block *block, struct span channels)
{
    const struct conv_pool_shape *shape = block->shape;
    size_t windows = (size_t)(block->count * shape->p * shape->q);
    const float *g = block->b->g + (size_t)block->first * output_size(shape);
    for (size_t j = 0; j < windows; j++)
        for (int k = channels.begin; k < channels.end; k++)
            block->gradient->dbias[k] += g[j * (size_t)shape->k + (size_t)k];
}

static void add_weights(const struct block *block, struct span channels)
{
    const struct conv_pool_shape *shape = block->shape;
    const float *x = inputs(shape, block->b, block->gradient->x);
    size_t first = (size_t)block->first;
    add_bias(block, channels);
    if (shape->c > THIN) {
        size_t at = first * output_size(shape);
        kernels()->conv_pool_weight(shape, channels, block->gradient->dweight,
                                    x + first * padded_size(shape),
                                    block->b->g_turned + at, block->b->place + at,
                                    block->count * shape->p * shape->q);
        return;
    }
    for (size_t i = first; i < first + (size_t)block->count; i++)
        kernels()->conv_pool_weight_thin(
            shape, channels, block->b->thin, x + i * padded_size(shape),
            block->b->g + i * output_size(shape),
            block->gradient->argmax + i * output_size(shape));
}

static void data_image(const struct block *block, int i)
{
    const struct conv_pool_shape *shape = block->shape;
    size_t size = (size_t)shape->h * (size_t)shape->w * (size_t)shape->c;
    float *dx = block->gradient->dx + (size_t)i * size;
    float *to = shape->pad ? block->b->dx + (size_t)i * padded_size(shape) : dx;
    const struct conv_pool_order order = order_of(shape, block->b, i);
    memset(to, 0, padded_size(shape) * sizeof *to);
    kernels()->conv_pool_data(shape, (struct span){0, shape->c}, to, block->b->weight,
                              &order);
    if (shape->pad)
        cut_border(shape, dx, to);
}

/* weight (K, 9, C) to (groups of C, K, 9, GROUP), zeros where C ends. */
static void pack_data(const struct team *team, const struct conv_pool_shape *shape,
                      float *packed, const float *weight)
{
    int begin, end, rows = 9 * shape->k;
    team_split(team, groups(shape->c), &begin, &end);
    for (int group = begin; group < end; group++) {
        float *to = packed + (size_t)group * (size_t)rows * GROUP;
        int left = shape->c - group * GROUP;
        size_t lanes = left < GROUP ? (size_t)left : GROUP;
        for (int i = 0; i < rows; i++, to += GROUP) {
            memset(to, 0, GROUP * sizeof *to);
            memcpy(to, weight + (size_t)i * (size_t)shape->c + (size_t)group * GROUP,
                   lanes * sizeof *to);
        }
    }
}

/* This member's output channels, in whole groups, and zeros in their gradients. */
static struct span own_channels(const struct team *team,
                                const struct conv_pool_shape *shape,
                                const struct conv_pool_gradient *gradient,
                                const struct buffers *b)
{
    struct span own;
    int padded = groups(shape->k) * GROUP;
    team_split(team, groups(shape->k), &own.begin, &own.end);
    own.begin *= GROUP;
    own.end = own.end * GROUP < shape->k ? own.end * GROUP : shape->k;
    if (own.end <= own.begin)
        return (struct span){0, 0};
    size_t count = (size_t)(own.end - own.begin), row = 9 * (size_t)shape->c;
    memset(gradient->dbias + own.begin, 0, count * sizeof(float));
    memset(gradient->dweight + (size_t)own.begin * row, 0, count * row * sizeof(float));
    size_t width = (size_t)(groups(own.end) * GROUP - own.begin);
    for (size_t t = 0; shape->c <= THIN && t < row; t++)
        memset(b->thin + t * (size_t)padded + own.begin, 0, width * sizeof(float));
    return own;
}

/* thin (C, 9, K) to dweight (K, 9, C). */
static void turn_thin(const struct conv_pool_shape *shape, struct span channels,
                      float *dweight, const float *thin)
{
    int padded = groups(shape->k) * GROUP;
    for (int k = channels.begin; k < channels.end; k++)
        for (int t = 0; t < 9; t++)
            for (int c = 0; c < shape->c; c++)
                dweight[(k * 9 + t) * shape->c + c] = thin[(c * 9 + t) * padded + k];
}

/* One team member alone goes block by block, so that a block stays in the first cache
   from preparation to use; a team does each part for all blocks, with a barrier between.
 */
void conv_pool_backward(const struct team *team, const struct conv_pool_shape *shape,
                        const struct conv_pool_gradient *gradient, void *scratch)
{
    struct buffers b;
    lay_out(shape, scratch, &b);
    add_borders(team, shape, &b, gradient->x);
    if (gradient->dx)
        pack_data(team, shape, b.weight, gradient->weight);
    struct span own = own_channels(team, shape, gradient, &b);
    team_barrier(team);
    int size = block_images(shape), wave = team->size == 1 ? size : shape->n;
    for (int first = 0; first < shape->n; first += wave) {
        int last = first + wave < shape->n ? first + wave : shape->n, begin, end;
        struct block block = {shape, gradient, &b, first, 0};
        team_split(team, last - first, &begin, &end);
        for (int i = first + begin; i < first + end; i++) {
            block.first = i / size * size;
            block.count = block.first + size < shape->n ? size : shape->n - block.first;
            prepare_image(&block, i);
        }
        team_barrier(team);
        for (int i = first; i < last && own.end > own.begin; i += size) {
            block.first = i;
            block.count = i + size < shape->n ? size : shape->n - i;
            add_weights(&block, own);
        }
        for (int i = first + begin; gradient->dx && i < first + end; i++)
            data_image(&block, i);
    }
    if (shape->c <= THIN)
        turn_thin(shape, own, gradient->dweight, b.thin);
    team_barrier(team);
}
