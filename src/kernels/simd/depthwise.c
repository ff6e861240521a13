/*
 * Depthwise convolution and its input gradient (kernels/depthwise.h).
 *
 * Both are a walk over taps: an output at `row` and `column` is a chain over some of the
 * taps, which lie at equal distances, as do the values that they meet. A tile is up to
 * TILE outputs of a row for one vector of channels, in registers; each value of a row is
 * loaded once and multiplied by all taps that meet it. The input gradient walks
 * backwards, so its taps ascend too; with a stride, columns of the same remainder meet
 * the same taps and are a walk of their own.
 */
#include "simd.h"

#define TILE 8 /* sums, with 5 taps and a value in 16 registers */

/* Vectors of neighbouring channels that a tile computes one after the other. */
#define TILE_CHANNELS 64

struct depthwise_tile {
    float *to;
    const float *from, *weight, *bias; /* from: the value at the first tap */
    ptrdiff_t to_step;                 /* from output to output */
    ptrdiff_t row, column;             /* from tap to tap, of the values */
    ptrdiff_t tap_row, tap_column;     /* and of the weights */
    struct span rows;                  /* taps inside the image */
    struct span columns;               /* values inside the image, from the first tap's */
    int channels;                      /* at least a vector, or only one output */
};

/* `width` outputs; `stride` columns lie between their first taps. */
SIMD_INLINE void depthwise_tile(const struct depthwise_tile *p, int size, int stride,
                                int width, int inside)
{
    struct span rows = p->rows, columns = p->columns;
    ptrdiff_t column = p->column;
    for (int k = 0; k < p->channels; k += SIMD_WIDTH) {
        /* The last vector may overlap the one before: lanes are computed twice. */
        int c = k + SIMD_WIDTH <= p->channels ? k : p->channels - SIMD_WIDTH;
        simd_float sum[TILE];
        simd_float start = p->bias ? simd_full(p->bias + c) : (simd_float){0};
#pragma GCC unroll 8
        for (int i = 0; i < width; i++)
            sum[i] = start;
        for (int r = rows.begin; r < rows.end; r++) {
            const float *from = p->from + r * p->row + c;
            const float *weight = p->weight + r * p->tap_row + c;
            simd_float tap[5];
#pragma GCC unroll 5
            for (int s = 0; s < size; s++)
                tap[s] = simd_full(weight + s * p->tap_column);
#pragma GCC unroll 20
            for (int j = 0; j < (width - 1) * stride + size; j++, from += column) {
                from = simd_opaque(from);
                if (!inside && (j < columns.begin || j >= columns.end))
                    continue;
                simd_float value = simd_full(from);
#pragma GCC unroll 5
                for (int s = 0; s < size; s++)
                    if ((j - s) % stride == 0 && j >= s && (j - s) / stride < width)
                        sum[(j - s) / stride] = simd_multiply_add(
                            value, tap[s], sum[(j - s) / stride]);
            }
        }
        float *to = p->to + c;
#pragma GCC unroll 8
        for (int i = 0; i < width; i++, to += p->to_step)
            simd_store(to, sum[i], SIMD_WIDTH);
    }
}

/* One output of any size, for any number of channels. */
static void depthwise_one(const struct depthwise_tile *p)
{
    for (int c = 0; c < p->channels; c += SIMD_WIDTH) {
        int lanes = p->channels - c;
        simd_float sum = p->bias ? simd_load(p->bias + c, lanes) : (simd_float){0};
        for (int r = p->rows.begin; r < p->rows.end; r++)
            for (int s = p->columns.begin; s < p->columns.end; s++)
                sum = simd_multiply_add(
                    simd_load(p->from + r * p->row + s * p->column + c, lanes),
                    simd_load(p->weight + r * p->tap_row + s * p->tap_column + c, lanes),
                    sum);
        simd_store(p->to + c, sum, lanes);
    }
}

typedef void depthwise_tile_function(const struct depthwise_tile *p);

#define TILE_FUNCTION(size, stride, width)                                                \
    static void tile_##size##_##stride##_##width(const struct depthwise_tile *p)          \
    {                                                                                     \
        if (p->columns.begin <= 0 && p->columns.end >= (width - 1) * stride + size)       \
            depthwise_tile(p, size, stride, width, 1);                                    \
        else                                                                              \
            depthwise_tile(p, size, stride, width, 0);                                    \
    }
#define TILES(size, stride)                                                               \
    TILE_FUNCTION(size, stride, 1)                                                        \
    TILE_FUNCTION(size, stride, 2)                                                        \
    TILE_FUNCTION(size, stride, 3)                                                        \
    TILE_FUNCTION(size, stride, 4)                                                        \
    TILE_FUNCTION(size, stride, 5)                                                        \
    TILE_FUNCTION(size, stride, 6)                                                        \
    TILE_FUNCTION(size, stride, 7)                                                        \
    TILE_FUNCTION(size, stride, 8)                                                        \
    static depthwise_tile_function *const tiles_##size##_##stride[TILE] = {               \
        tile_##size##_##stride##_1, tile_##size##_##stride##_2,                           \
        tile_##size##_##stride##_3, tile_##size##_##stride##_4,                           \
        tile_##size##_##stride##_5, tile_##size##_##stride##_6,                           \
        tile_##size##_##stride##_7, tile_##size##_##stride##_8};

TILES(1, 1)
TILES(2, 1)
TILES(3, 1)
TILES(5, 1)
TILES(3, 2)
TILES(5, 2)

/* NULL: one by one. */
static depthwise_tile_function *const *depthwise_tiles(int size, int stride, int channels)
{
    static depthwise_tile_function *const *const of[2][6] = {
        {NULL, tiles_1_1, tiles_2_1, tiles_3_1, NULL, tiles_5_1},
        {NULL, NULL, NULL, tiles_3_2, NULL, tiles_5_2}};
    bool any = size < 6 && stride >= 1 && stride <= 2 && channels >= SIMD_WIDTH;
    return any ? of[stride - 1][size] : NULL;
}

/* One side of the image: where the taps of each output lie. */
struct depthwise_axis {
    const struct window *window;
    bool back; /* the outputs are the window's inputs */
    int outputs, inputs;
    int step, tap_step; /* from tap to tap: of the inputs, and of the window's taps */
};

static struct depthwise_axis depthwise_axis(const struct window *window, int outputs,
                                            int inputs, bool back)
{
    struct depthwise_axis axis = {window, back, outputs, inputs, window_dilation(window),
                                  1};
    int common = axis.step; /* the greatest common divisor */
    while (back && (axis.step % common != 0 || window->stride % common != 0))
        common--;
    if (back) {
        axis.step /= -common;
        axis.tap_step = window->stride / common;
    }
    return axis;
}

struct depthwise_taps {
    int first; /* the input at the first tap, maybe outside the image */
    int tap, count;
};

static struct depthwise_taps depthwise_taps(const struct depthwise_axis *axis, int output)
{
    const struct window *window = axis->window;
    if (!axis->back)
        return (struct depthwise_taps){window_first(window, output), 0, window->size};
    for (int tap = 0; tap < axis->tap_step && tap < window->size; tap++) {
        int from = output + window->pad - tap * window_dilation(window);
        if (from % window->stride == 0)
            return (struct depthwise_taps){from / window->stride, tap,
                                           (window->size - tap + axis->tap_step - 1) /
                                               axis->tap_step};
    }
    return (struct depthwise_taps){0, 0, 0};
}

/* Which of `count` inputs, `step` apart from the first, are inside the image. */
static struct span depthwise_inside(const struct depthwise_axis *axis, int first,
                                    int count)
{
    int step = axis->step < 0 ? -axis->step : axis->step;
    int from = axis->step < 0 ? axis->inputs - 1 - first : first; /* reflected */
    const struct window line = {count, 1, 0, 0, step};
    return window_inside(&line, from, axis->inputs);
}

struct depthwise_pass {
    struct depthwise_axis r, s;
    float *to;
    const float *from, *weight, *bias;
    ptrdiff_t c;
};

/* The outputs of a row that are begin, begin + every, ...; they meet the same taps. */
static void depthwise_columns(const struct depthwise_pass *d, struct depthwise_tile tile,
                              int begin, int every)
{
    const struct depthwise_axis *s = &d->s;
    struct depthwise_taps taps = depthwise_taps(s, begin);
    int stride = s->back ? 1 : s->window->stride;
    int count = (s->outputs - begin + every - 1) / every;
    depthwise_tile_function *const *functions =
        s->step * s->step == 1 ? depthwise_tiles(taps.count, stride, tile.channels) : NULL;
    int most = functions ? TILE : 1, tiles = (count + most - 1) / most;
    int width = (count + tiles - 1) / tiles;
    const float *from = tile.from;
    float *to = tile.to;
    tile.to_step = s->back ? -every * d->c : d->c;
    tile.column = s->step * d->c;
    tile.weight += taps.tap * d->c;
    tile.tap_column = s->tap_step * d->c;
    for (int t = 0; t < tiles; t++) {
        /* The last tile may overlap the one before. */
        int i = t == tiles - 1 ? count - width : t * width;
        int origin = begin + (s->back ? i + width - 1 : i) * every;
        int first = depthwise_taps(s, origin).first;
        tile.columns =
            depthwise_inside(s, first, (width - 1) * stride + taps.count);
        tile.from = from + first * d->c;
        tile.to = to + origin * d->c;
        if (functions)
            functions[width - 1](&tile);
        else
            depthwise_one(&tile);
    }
}

static void depthwise_rows(const struct depthwise_pass *d, struct span rows,
                           struct span channels)
{
    int every = d->s.back ? d->s.window->stride : 1;
    ptrdiff_t input_row = d->s.inputs * d->c, tap_row = d->s.window->size * d->c;
    for (int row = rows.begin; row < rows.end; row++) {
        struct depthwise_taps taps = depthwise_taps(&d->r, row);
        struct depthwise_tile tile = {
            .rows = depthwise_inside(&d->r, taps.first, taps.count),
            .row = d->r.step * input_row,
            .tap_row = d->r.tap_step * tap_row};
        for (int k = channels.begin; k < channels.end; k += tile.channels) {
            int left = channels.end - k;
            tile.channels = left < TILE_CHANNELS + SIMD_WIDTH ? left : TILE_CHANNELS;
            tile.to = d->to + row * d->s.outputs * d->c + k;
            tile.from = d->from + taps.first * input_row + k;
            tile.weight = d->weight + taps.tap * tap_row + k;
            tile.bias = d->bias ? d->bias + k : NULL;
            for (int begin = 0; begin < every && begin < d->s.outputs; begin++)
                depthwise_columns(d, tile, begin, every);
        }
    }
}

void SIMD(depthwise_forward)(const struct conv_shape *shape, struct span rows,
                             struct span channels, float *y, const float *x,
                             const float *weight, const float *bias)
{
    const struct depthwise_pass pass = {
        depthwise_axis(&shape->r, shape->p, shape->h, false),
        depthwise_axis(&shape->s, shape->q, shape->w, false),
        y, x, weight, bias, shape->c};
    depthwise_rows(&pass, rows, channels);
}

void SIMD(depthwise_data)(const struct conv_shape *shape, struct span rows,
                          struct span channels, float *dx, const float *dy,
                          const float *weight)
{
    const struct depthwise_pass pass = {
        depthwise_axis(&shape->r, shape->h, shape->p, true),
        depthwise_axis(&shape->s, shape->w, shape->q, true),
        dx, dy, weight, NULL, shape->c};
    depthwise_rows(&pass, rows, channels);
}
