/* strategy: filter and channel. Blocks of (output, input) channel pairs of a convolution
   or a linear layer. The blocks depend on the layer alone, and so does the order in which
   their partial sums are added; threads take contiguous ranges of blocks. Channel is the
   same with one block of output channels for each thread, and all inputs in one block. */
#include <stdlib.h>
#include <string.h>

#include "base/div.h"
#include "base/mem.h"
#include "base/timer.h"
#include "kernels/lab.h"
#include "kernels/linear.h"
#include "kernels/vector.h"
#include "nn/layer_shape.h"
#include "strategy_impl.h"

#define FILTER_BLOCK_CHANNELS 16 /* least of a block: a cache line */
#define FILTER_BLOCKS         4  /* of inputs, and of outputs */

/* Channels divided into blocks of equal width; the last one may be narrower. */
struct filter_cut {
    int channels, width, count;
};

/* Buffers of one thread. */
struct filter_buffers {
    float *weight, *bias, *grads, *gbias;
    void *scratch;
};

struct strategy_filter {
    struct conv_shape shape;
    bool linear;
    struct filter_cut in, out;
    float **x, **dy;                /* [block]: only its channels */
    float **partial;                /* [out * in.count + in]: of y, or of dx */
    struct filter_buffers *buffers; /* [thread] */
    int threads;
};

static struct filter_cut filter_cut_init(int channels, int most)
{
    int lines = div_up(channels, FILTER_BLOCK_CHANNELS);
    int count = lines < most ? lines : most;
    int width = div_up(lines, count) * FILTER_BLOCK_CHANNELS;
    return (struct filter_cut){channels, width, div_up(channels, width)};
}

static int filter_cut_width(const struct filter_cut *cut, int block)
{
    int left = cut->channels - block * cut->width;
    return left < cut->width ? left : cut->width;
}

static struct conv_shape filter_pair_shape(const struct strategy_filter *f, int out,
                                           int in)
{
    struct conv_shape shape = f->shape;
    shape.c = filter_cut_width(&f->in, in);
    shape.k = filter_cut_width(&f->out, out);
    return shape;
}

static size_t filter_input_pixels(const struct conv_shape *shape)
{
    return (size_t)shape->n * (size_t)shape->h * (size_t)shape->w;
}

static size_t filter_output_pixels(const struct conv_shape *shape)
{
    return (size_t)shape->n * (size_t)shape->p * (size_t)shape->q;
}

/* Copies the columns of one block from a matrix; filter_scatter copies them back. */
static void filter_gather(float *block, const float *whole, size_t begin, size_t end,
                          const struct filter_cut *cut, int index)
{
    size_t width = (size_t)filter_cut_width(cut, index), ld = (size_t)cut->channels;
    const float *from = whole + (size_t)index * (size_t)cut->width;
    for (size_t i = begin; i < end; i++)
        memcpy(block + i * width, from + i * ld, width * sizeof *block);
}

static void filter_scatter(float *whole, const float *block, size_t begin, size_t end,
                           const struct filter_cut *cut, int index, bool add)
{
    size_t width = (size_t)filter_cut_width(cut, index), ld = (size_t)cut->channels;
    float *to = whole + (size_t)index * (size_t)cut->width;
    for (size_t i = begin; i < end; i++) {
        if (add)
            vector_add(to + i * ld, block + i * width, width);
        else
            memcpy(to + i * ld, block + i * width, width * sizeof *block);
    }
}

/* This member's pixels of all blocks. A single block is the matrix itself: no copy. */
static void filter_gather_blocks(const struct team *team, float **blocks,
                                 const float *whole, size_t pixels,
                                 const struct filter_cut *cut)
{
    int begin, end;
    team_split(team, (int)pixels, &begin, &end);
    for (int i = 0; cut->count > 1 && i < cut->count; i++)
        filter_gather(blocks[i], whole, (size_t)begin, (size_t)end, cut, i);
}

static void filter_gather_all(const struct strategy *s, const struct strategy_filter *f,
                              const struct team *team)
{
    filter_gather_blocks(team, f->x, s->task.x, filter_input_pixels(&f->shape), &f->in);
    if (s->task.pass == STRATEGY_BACKWARD)
        filter_gather_blocks(team, f->dy, s->task.dy, filter_output_pixels(&f->shape),
                             &f->out);
}

static const float *filter_block_of(float *const *blocks, const float *whole,
                                    const struct filter_cut *cut, int index)
{
    return cut->count > 1 ? blocks[index] : whole;
}

/* The weights (K, R S, C) of a pair, as a matrix of K R S rows and C columns. */
static void filter_gather_weight(const struct strategy_filter *f, float *to,
                                 const float *weight, int out, int in)
{
    size_t taps = (size_t)f->shape.r.size * (size_t)f->shape.s.size;
    size_t first = (size_t)out * (size_t)f->out.width * taps;
    filter_gather(to, weight + first * (size_t)f->in.channels, 0,
                  (size_t)filter_cut_width(&f->out, out) * taps, &f->in, in);
}

static void filter_pair_forward(const struct strategy *s, const struct strategy_filter *f,
                                const struct filter_buffers *b, int out, int in)
{
    static const struct team alone = {.size = 1};
    struct conv_shape shape = filter_pair_shape(f, out, in);
    struct linear_shape linear = {shape.n, shape.c, shape.k};
    const float *bias = layer_bias(s->layer, s->params);
    const float *x = filter_block_of(f->x, s->task.x, &f->in, in);
    float *y = f->partial[out * f->in.count + in];
    memset(b->bias, 0, (size_t)shape.k * sizeof *b->bias);
    if (bias && in == 0)
        memcpy(b->bias, bias + (size_t)out * (size_t)f->out.width,
               (size_t)shape.k * sizeof *b->bias);
    filter_gather_weight(f, b->weight, s->params, out, in);
    if (f->linear)
        linear_forward(&alone, &linear, y, x, b->weight, b->bias);
    else
        conv_forward(&alone, &shape, y, x, b->weight, b->bias, b->scratch);
}

/* A pair gives its part of dweight complete, and one of the partial sums of dx. */
static void filter_pair_backward(const struct strategy *s,
                                 const struct strategy_filter *f,
                                 const struct filter_buffers *b, int out, int in)
{
    static const struct team alone = {.size = 1};
    struct conv_shape shape = filter_pair_shape(f, out, in);
    struct linear_shape linear = {shape.n, shape.c, shape.k};
    size_t taps = (size_t)shape.r.size * (size_t)shape.s.size;
    size_t first = (size_t)out * (size_t)f->out.width;
    const float *x = filter_block_of(f->x, s->task.x, &f->in, in);
    const float *dy = filter_block_of(f->dy, s->task.dy, &f->out, out);
    float *dx = f->partial[out * f->in.count + in];
    if (f->linear)
        linear_backward_weight(&alone, &linear, b->grads, b->gbias, x, dy);
    else
        conv_backward_weight(&alone, &shape, b->grads, b->gbias, x, dy, b->scratch);
    filter_scatter(s->grads + first * taps * (size_t)f->in.channels, b->grads, 0,
                   (size_t)shape.k * taps, &f->in, in, false);
    if (in == 0 && s->layer->tensors > 1)
        memcpy(s->grads + s->layer->tensor[1].offset + first, b->gbias,
               (size_t)shape.k * sizeof(float));
    if (!s->task.dx)
        return;
    filter_gather_weight(f, b->weight, s->params, out, in);
    if (f->linear)
        linear_backward_data(&alone, &linear, dx, dy, b->weight);
    else
        conv_backward_data(&alone, &shape, dx, dy, b->weight, b->scratch);
}

/* Adds this member's pixels of the partial sums: of y over the blocks of inputs, of dx
   over the blocks of outputs. */
static void filter_sum_partials(const struct strategy *s, const struct strategy_filter *f,
                                const struct team *team)
{
    bool forward = s->task.pass == STRATEGY_FORWARD;
    size_t pixels =
        forward ? filter_output_pixels(&f->shape) : filter_input_pixels(&f->shape);
    float *to = forward ? s->task.y : s->task.dx;
    int begin, end;
    team_split(team, to ? (int)pixels : 0, &begin, &end);
    for (int out = 0; out < f->out.count; out++)
        for (int in = 0; in < f->in.count; in++)
            filter_scatter(to, f->partial[out * f->in.count + in], (size_t)begin,
                           (size_t)end, forward ? &f->out : &f->in, forward ? out : in,
                           (forward ? in : out) > 0);
}

static void filter_run(struct strategy *s, const struct team *team)
{
    const struct strategy_filter *f = s->own;
    int begin, end;
    filter_gather_all(s, f, team);
    team_barrier(team);
    team_split(team, f->out.count * f->in.count, &begin, &end);
    for (int pair = begin; pair < end; pair++) {
        int out = pair / f->in.count, in = pair % f->in.count;
        if (s->task.pass == STRATEGY_FORWARD)
            filter_pair_forward(s, f, &f->buffers[team->index], out, in);
        else
            filter_pair_backward(s, f, &f->buffers[team->index], out, in);
    }
    team_barrier(team);
    double since = timer_now();
    filter_sum_partials(s, f, team);
    team_barrier(team);
    if (team->index == 0)
        s->sum_seconds += timer_now() - since;
}

static void filter_free_blocks(float **blocks, int count)
{
    for (int i = 0; i < count; i++)
        free(blocks[i]);
    free(blocks);
}

static void filter_free(void *own)
{
    struct strategy_filter *f = own;
    filter_free_blocks(f->x, f->in.count);
    filter_free_blocks(f->dy, f->out.count);
    filter_free_blocks(f->partial, f->out.count * f->in.count);
    for (int t = 0; t < f->threads; t++) {
        free(f->buffers[t].weight);
        free(f->buffers[t].bias);
        free(f->buffers[t].grads);
        free(f->buffers[t].gbias);
        free(f->buffers[t].scratch);
    }
    free(f->buffers);
    free(f);
}

static void filter_buffers_init(struct filter_buffers *b, const struct strategy_filter *f)
{
    struct conv_shape largest = filter_pair_shape(f, 0, 0);
    size_t weights = (size_t)largest.k * conv_taps(&largest);
    b->weight = mem_aligned(weights, sizeof(float));
    b->bias = mem_aligned((size_t)largest.k, sizeof(float));
    b->grads = mem_aligned(weights, sizeof(float));
    b->gbias = mem_aligned((size_t)largest.k, sizeof(float));
    size_t scratch = 0;
    for (int pair = 0; pair < f->out.count * f->in.count; pair++) {
        struct conv_shape shape =
            filter_pair_shape(f, pair / f->in.count, pair % f->in.count);
        size_t bytes = conv_scratch(&shape, 1);
        scratch = bytes > scratch ? bytes : scratch;
    }
    b->scratch = mem_aligned(scratch + 1, 1);
}

/* A buffer for each block of a tensor with `pixels` pixels. */
static float **filter_blocks(const struct filter_cut *cut, size_t pixels)
{
    float **blocks = mem_zeroed((size_t)cut->count, sizeof *blocks);
    for (int i = 0; cut->count > 1 && i < cut->count; i++)
        blocks[i] =
            mem_aligned(pixels * (size_t)filter_cut_width(cut, i), sizeof **blocks);
    return blocks;
}

static float **filter_partials(const struct strategy_filter *f, bool forward)
{
    int count = f->out.count * f->in.count;
    float **blocks = mem_zeroed((size_t)count, sizeof *blocks);
    for (int i = 0; i < count; i++) {
        struct conv_shape shape = filter_pair_shape(f, i / f->in.count, i % f->in.count);
        size_t floats = forward ? filter_output_pixels(&shape) * (size_t)shape.k
                                : filter_input_pixels(&shape) * (size_t)shape.c;
        blocks[i] = mem_aligned(floats, sizeof **blocks);
    }
    return blocks;
}

void strategy_filter_setup(struct strategy *s)
{
    struct strategy_filter *f = mem_zeroed(1, sizeof *f);
    ASSERT(strategy_conv(&s->task, &f->shape));
    f->linear = layer_conv_shape(s->layer) == NULL;
    bool channel = s->split == SPLIT_CHANNEL;
    f->in = filter_cut_init(f->shape.c, channel ? 1 : FILTER_BLOCKS);
    f->out = filter_cut_init(f->shape.k, channel ? s->threads : FILTER_BLOCKS);
    f->x = filter_blocks(&f->in, filter_input_pixels(&f->shape));
    f->dy = filter_blocks(&f->out, filter_output_pixels(&f->shape));
    f->partial = filter_partials(f, s->task.pass == STRATEGY_FORWARD);
    f->threads = s->threads;
    f->buffers = mem_zeroed((size_t)f->threads, sizeof *f->buffers);
    for (int t = 0; t < f->threads; t++)
        filter_buffers_init(&f->buffers[t], f);
    s->pieces = f->in.count * f->out.count;
    s->own = f;
    s->own_free = filter_free;
    s->run = filter_run;
}
