/*
 * Depthwise convolution and its input gradient (kernels/depthwise.h).
 *
 * Both are a walk over taps: an output at `row` and `column` is a chain over some of the
 * taps, which lie at equal distances, as do the values that they meet. A tile is up to
 * TILE outputs of a row for one vector of channels, in registers; each value of a row is
 * loaded once and multiplied by all taps that meet it. In the input gradient the taps
 * descend; with a stride, columns of the same remainder meet the same taps and are a walk
 * of their own.
 */
#include "curve.h"
#include "simd.h"

#define TILE      8 /* sums, with LINE_TAPS weights and a value in 16 registers */
#define LINE_TAPS 5

struct depthwise_tile {
    float *to;
    const float *from, *weight, *bias;   /* from: the value at the first tap */
    ptrdiff_t to_row, to_column;         /* from output to output */
    ptrdiff_t from_row, from_column;     /* from tap to tap, of the values */
    ptrdiff_t weight_row, weight_column; /* and of the weights */
    struct span rows;                    /* taps inside the image */
    struct span columns;                 /* values inside the image */
    int channels;
    bool stream;                /* the outputs pass the caches */
    enum activation activation; /* NONE, RELU or RELU6 */
};

/* A whole vector to where p is aligned to one, past the caches; other threads see it
   after tile_stream_end. */
SIMD_INLINE void tile_stream(float *p, simd_float v)
{
#if defined(__AVX512F__)
    _mm512_stream_ps(p, v);
#elif defined(__AVX__)
    _mm256_stream_ps(p, v);
#elif defined(__SSE__)
    _mm_stream_ps(p, v);
#else
    memcpy(p, &v, sizeof v);
#endif
}

SIMD_INLINE void tile_stream_end(void)
{
#if defined(__SSE__)
    _mm_sfence();
#endif
}

/* What the next row of tiles meets first: of all channels of a few pixels, it is too far
   apart for the processor to guess. */
SIMD_INLINE void tile_ahead(const struct depthwise_tile *p, int c, int width, int stride)
{
    for (int r = 0; r < stride; r++) {
        const float *from = p->from + (p->rows.end + r) * p->from_row + c;
#pragma GCC unroll 16
        for (int j = 0; j < width * stride; j++, from += p->from_column)
            __builtin_prefetch(from, 0, 2);
    }
    const float *to = p->to + p->to_row + c;
    if (p->stream)
        return;
#pragma GCC unroll 8
    for (int i = 0; i < width; i++, to += p->to_column)
        __builtin_prefetch(to, 1, 2);
}

/* `width` outputs, whose first taps are `stride` values apart. */
SIMD_INLINE void tile_sums(const struct depthwise_tile *p, int size, int stride,
                           int width)
{
    struct span rows = p->rows, columns = p->columns;
    ptrdiff_t column = p->from_column;
    for (int k = 0; k < p->channels; k += SIMD_WIDTH) {
        /* The last vector may overlap the one before: lanes are computed twice. */
        int c = k + SIMD_WIDTH <= p->channels ? k : p->channels - SIMD_WIDTH;
        simd_float start = p->bias ? simd_full(p->bias + c) : (simd_float){0};
        simd_float sum[TILE], weight[LINE_TAPS];
#pragma GCC unroll 8
        for (int i = 0; i < width; i++)
            sum[i] = start;
        for (int r = rows.begin; r < rows.end; r++) {
            const float *from = p->from + r * p->from_row + c;
            const float *tap = p->weight + r * p->weight_row + c;
#pragma GCC unroll 5
            for (int s = 0; s < size; s++)
                weight[s] = simd_full(tap + s * p->weight_column);
#pragma GCC unroll 20
            for (int j = 0; j < (width - 1) * stride + size; j++, from += column) {
                from = simd_opaque(from);
                if (j < columns.begin || j >= columns.end)
                    continue;
                simd_float value = simd_full(from);
#pragma GCC unroll 5
                for (int s = 0; s < size; s++)
                    if (j >= s && (j - s) % stride == 0 && (j - s) / stride < width)
                        sum[(j - s) / stride] =
                            simd_multiply_add(value, weight[s], sum[(j - s) / stride]);
            }
        }
        tile_ahead(p, c, width, stride);
        if (p->activation != ACTIVATION_NONE)
            curve_rectify(p->activation, sum, width);
        float *to = p->to + c;
#pragma GCC unroll 8
        for (int i = 0; i < width; i++, to += p->to_column)
            if (p->stream)
                tile_stream(to, sum[i]);
            else
                simd_store(to, sum[i], SIMD_WIDTH);
    }
}

#define DEPTHWISE_FUNCTION(size, stride, width)                                  \
    static void tile_##size##_##stride##_##width(const struct depthwise_tile *p) \
    {                                                                            \
        tile_sums(p, size, stride, width);                                       \
    }
#define DEPTHWISE_FUNCTIONS(size, stride) \
    DEPTHWISE_FUNCTION(size, stride, 1)   \
    DEPTHWISE_FUNCTION(size, stride, 2)   \
    DEPTHWISE_FUNCTION(size, stride, 3)   \
    DEPTHWISE_FUNCTION(size, stride, 4)   \
    DEPTHWISE_FUNCTION(size, stride, 5)   \
    DEPTHWISE_FUNCTION(size, stride, 6)   \
    DEPTHWISE_FUNCTION(size, stride, 7)   \
    DEPTHWISE_FUNCTION(size, stride, 8)
DEPTHWISE_FUNCTIONS(1, 1)
DEPTHWISE_FUNCTIONS(2, 1)
DEPTHWISE_FUNCTIONS(3, 1)
DEPTHWISE_FUNCTIONS(5, 1)
DEPTHWISE_FUNCTIONS(3, 2)
DEPTHWISE_FUNCTIONS(5, 2)

/* For some number of taps in a row and some stride: a function for each width. */
struct tile_kind {
    int size, stride;
    void (*of[TILE])(const struct depthwise_tile *p);
};

#define TILE_KIND(size, stride)                                         \
    {                                                                   \
        size, stride,                                                   \
        {                                                               \
            tile_##size##_##stride##_1, tile_##size##_##stride##_2,     \
                tile_##size##_##stride##_3, tile_##size##_##stride##_4, \
                tile_##size##_##stride##_5, tile_##size##_##stride##_6, \
                tile_##size##_##stride##_7, tile_##size##_##stride##_8  \
        }                                                               \
    }
static const struct tile_kind tile_kinds[] = {TILE_KIND(1, 1), TILE_KIND(2, 1),
                                              TILE_KIND(3, 1), TILE_KIND(5, 1),
                                              TILE_KIND(3, 2), TILE_KIND(5, 2)};

/* NULL: there is none, tile_one must do. */
static const struct tile_kind *tile_kind(int size, int stride, int channels)
{
    for (size_t i = 0; i < sizeof tile_kinds / sizeof *tile_kinds; i++)
        if (tile_kinds[i].size == size && tile_kinds[i].stride == stride)
            return channels >= SIMD_WIDTH ? &tile_kinds[i] : NULL;
    return NULL;
}

/* One output of any size, for any number of channels. */
static void tile_one(const struct depthwise_tile *p)
{
    for (int c = 0; c < p->channels; c += SIMD_WIDTH) {
        int lanes = p->channels - c;
        simd_float sum = p->bias ? simd_load(p->bias + c, lanes) : (simd_float){0};
        for (int r = p->rows.begin; r < p->rows.end; r++)
            for (int s = p->columns.begin; s < p->columns.end; s++)
                sum = simd_multiply_add(
                    simd_load(p->from + r * p->from_row + s * p->from_column + c, lanes),
                    simd_load(p->weight + r * p->weight_row + s * p->weight_column + c,
                              lanes),
                    sum);
        if (p->activation != ACTIVATION_NONE)
            curve_rectify(p->activation, &sum, 1);
        simd_store(p->to + c, sum, lanes);
    }
}

/* One side of the image: where the taps of each output lie. */
struct depthwise_axis {
    const struct window *window;
    bool back; /* the outputs are the window's inputs, and the taps descend */
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
        axis.step /= common;
        axis.tap_step = -window->stride / common;
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
    for (int tap = window->size - 1; tap >= 0; tap--) {
        int from = output + window->pad - tap * window_dilation(window);
        if (from % window->stride == 0)
            return (struct depthwise_taps){from / window->stride, tap,
                                           tap / -axis->tap_step + 1};
    }
    return (struct depthwise_taps){0, 0, 0};
}

/* Which of `count` inputs, `step` apart from the first, are inside the image. */
static struct span depthwise_inside(const struct depthwise_axis *axis, int first,
                                    int count)
{
    const struct window line = {count, 1, 0, 0, axis->step};
    return window_inside(&line, first, axis->inputs);
}

/* Outputs of more bytes are not in a last-level cache when they are read. */
#define STREAM_BYTES (32u << 20)

struct depthwise_pass {
    struct depthwise_axis r, s;
    int images;
    float *to;
    const float *from, *weight, *bias;
    ptrdiff_t c;
    enum activation activation;
};

/* The outputs of a row that are begin, begin + every, ...; they meet the same taps. */
static void depthwise_columns(const struct depthwise_pass *d, struct depthwise_tile tile,
                              int begin, int every)
{
    const struct depthwise_axis *s = &d->s;
    struct depthwise_taps taps = depthwise_taps(s, begin);
    int stride = s->back ? 1 : s->window->stride;
    int count = (s->outputs - begin + every - 1) / every;
    const struct tile_kind *kind =
        s->step == 1 ? tile_kind(taps.count, stride, tile.channels) : NULL;
    int most = kind ? TILE : 1, tiles = (count + most - 1) / most;
    int width = (count + tiles - 1) / tiles, values = (width - 1) * stride + taps.count;
    const float *from = tile.from;
    float *to = tile.to;
    tile.weight += taps.tap * d->c;
    tile.weight_column = s->tap_step * d->c;
    tile.from_column = s->step * d->c;
    tile.to_column = every * d->c;
    for (int t = 0; t < tiles; t++) {
        /* The last tile may overlap the one before. */
        int output = begin + (t == tiles - 1 ? count - width : t * width) * every;
        int first = depthwise_taps(s, output).first;
        tile.columns = depthwise_inside(s, first, values);
        tile.from = from + first * d->c;
        tile.to = to + output * d->c;
        (kind ? kind->of[width - 1] : tile_one)(&tile);
    }
}

/* Worth while, and possible: whole vectors, aligned. */
static bool depthwise_streams(const struct depthwise_pass *d)
{
    size_t row = (size_t)d->s.outputs * (size_t)d->c * sizeof *d->to;
    return (size_t)d->images * (size_t)d->r.outputs * row > STREAM_BYTES &&
           d->c % SIMD_WIDTH == 0 && (uintptr_t)d->to % sizeof(simd_float) == 0;
}

static void depthwise_rows(const struct depthwise_pass *d, struct span rows,
                           struct span channels)
{
    int every = d->s.back ? d->s.window->stride : 1, k = channels.begin;
    ptrdiff_t to_row = d->s.outputs * d->c, from_row = d->s.inputs * d->c;
    ptrdiff_t weight_row = d->s.window->size * d->c;
    bool stream = depthwise_streams(d);
    for (int row = rows.begin; row < rows.end; row++) {
        struct depthwise_taps taps = depthwise_taps(&d->r, row);
        const struct depthwise_tile tile = {
            .to = d->to + row * to_row + k,
            .from = d->from + taps.first * from_row + k,
            .weight = d->weight + taps.tap * weight_row + k,
            .bias = d->bias ? d->bias + k : NULL,
            .to_row = to_row,
            .from_row = d->r.step * from_row,
            .weight_row = d->r.tap_step * weight_row,
            .rows = depthwise_inside(&d->r, taps.first, taps.count),
            .channels = channels.end - k,
            .stream = stream,
            .activation = d->activation};
        for (int begin = 0; begin < every && begin < d->s.outputs; begin++)
            depthwise_columns(d, tile, begin, every);
    }
    if (stream)
        tile_stream_end();
}

void SIMD(depthwise_forward)(const struct conv_shape *shape, struct span rows,
                             struct span channels, float *y, const float *x,
                             const struct depthwise_by *by)
{
    const struct depthwise_pass pass = {
        depthwise_axis(&shape->r, shape->p, shape->h, false),
        depthwise_axis(&shape->s, shape->q, shape->w, false),
        shape->n,
        y,
        x,
        by->weight,
        by->bias,
        shape->c,
        by->activation};
    depthwise_rows(&pass, rows, channels);
}

void SIMD(depthwise_data)(const struct conv_shape *shape, struct span rows,
                          struct span channels, float *dx, const float *dy,
                          const float *weight)
{
    const struct depthwise_pass pass = {
        depthwise_axis(&shape->r, shape->h, shape->p, true),
        depthwise_axis(&shape->s, shape->w, shape->q, true),
        shape->n,
        dx,
        dy,
        weight,
        NULL,
        shape->c,
        ACTIVATION_NONE};
    depthwise_rows(&pass, rows, channels);
}
