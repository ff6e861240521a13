/*
 * The weight gradient of a depthwise convolution (kernels/depthwise.h).
 *
 * A row of outputs, one vector of channels and up to WEIGHT_ROWS rows of taps at a time:
 * their chains are in registers, and each value of dy is loaded once for all of them.
 */
#include "simd.h"

/* 15 chains and a value of dy in 16 registers. */
#define WEIGHT_ROWS 3
#define WEIGHT_TAPS 5

struct weight_line {
    float *total;                /* of the first tap */
    const float *x, *dy;         /* x: what the first output's first tap meets */
    ptrdiff_t row, column;       /* of x, from tap to tap */
    ptrdiff_t next;              /* of x, from output to output */
    ptrdiff_t x_ahead, dy_ahead; /* from this row to what the next one meets first */
    ptrdiff_t c, tap_row;
    const struct window *window;
    int width, outputs; /* of x and dy */
    struct span inside; /* outputs whose taps are all inside the image */
    int channels;
};

/* The outputs that are not `inside`. */
SIMD_INLINE void weight_edge(const struct weight_line *p, int rows, int size, int channel,
                             struct span outputs,
                             simd_float sum[WEIGHT_ROWS][WEIGHT_TAPS])
{
    for (int q = outputs.begin; q < outputs.end; q++) {
        struct span taps = window_inside(p->window, q, p->width);
        simd_float dy = simd_full(p->dy + q * p->c + channel);
        const float *x = p->x + q * p->next + channel;
#pragma GCC unroll 5
        for (int s = 0; s < size; s++) {
            if (s < taps.begin || s >= taps.end)
                continue;
#pragma GCC unroll 3
            for (int r = 0; r < rows; r++)
                sum[r][s] = simd_multiply_add(simd_full(x + r * p->row + s * p->column),
                                              dy, sum[r][s]);
        }
    }
}

/* What the next row of outputs meets first: a vector of each pixel, which is too far
   apart for the processor to guess. */
SIMD_INLINE void weight_ahead(const struct weight_line *p, const float *x,
                              const float *dy)
{
    __builtin_prefetch(dy + p->dy_ahead, 0, 2);
    x += p->x_ahead;
    __builtin_prefetch(x, 0, 2);
    if (p->next == p->c)
        return;
    __builtin_prefetch(x + p->c, 0, 2);
    __builtin_prefetch(x + p->row, 0, 2);
    __builtin_prefetch(x + p->row + p->c, 0, 2);
}

SIMD_INLINE void weight_inside(const struct weight_line *p, int rows, int size,
                               int channel, simd_float sum[WEIGHT_ROWS][WEIGHT_TAPS])
{
    ptrdiff_t next = p->next, column = p->column, row = p->row;
    const float *dy = p->dy + p->inside.begin * p->c + channel;
    const float *x = p->x + p->inside.begin * next + channel;
    for (int q = p->inside.begin; q < p->inside.end; q++, dy += p->c, x += next) {
        simd_float one = simd_full(dy);
        const float *from = x;
        weight_ahead(p, x, dy);
#pragma GCC unroll 3
        for (int r = 0; r < rows; r++, from += row) {
            const float *tap = from = simd_opaque(from);
#pragma GCC unroll 5
            for (int s = 0; s < size; s++, tap += column)
                sum[r][s] = simd_multiply_add(simd_full(tap), one, sum[r][s]);
        }
    }
}

/* The lanes from `first` on; 0 before. */
SIMD_INLINE simd_float weight_lanes(simd_float v, int first)
{
    static const int32_t sliding[2 * SIMD_WIDTH] = {
        [SIMD_WIDTH] = -1,
        -1,
        -1,
        -1,
#if SIMD_WIDTH > 4
        -1,
        -1,
        -1,
        -1,
#endif
#if SIMD_WIDTH > 8
        -1,
        -1,
        -1,
        -1,
        -1,
        -1,
        -1,
        -1,
#endif
    };
    simd_int mask;
    memcpy(&mask, sliding + SIMD_WIDTH - first, sizeof mask);
    return (simd_float)((simd_int)v & mask);
}

SIMD_INLINE void weight_line(const struct weight_line *p, int rows, int size)
{
    for (int k = 0; k < p->channels; k += SIMD_WIDTH) {
        /* The last vector may overlap the one before. */
        int c = k + SIMD_WIDTH <= p->channels ? k : p->channels - SIMD_WIDTH;
        simd_float sum[WEIGHT_ROWS][WEIGHT_TAPS];
#pragma GCC unroll 3
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 5
            for (int s = 0; s < size; s++)
                sum[r][s] = (simd_float){0};
        weight_edge(p, rows, size, c, (struct span){0, p->inside.begin}, sum);
        weight_inside(p, rows, size, c, sum);
        weight_edge(p, rows, size, c, (struct span){p->inside.end, p->outputs}, sum);
#pragma GCC unroll 3
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 5
            for (int s = 0; s < size; s++) {
                float *total = p->total + r * p->tap_row + s * p->c + c;
                simd_float chain = sum[r][s];
                if (c < k)
                    chain = weight_lanes(chain, k - c);
                simd_store(total, simd_full(total) + chain, SIMD_WIDTH);
            }
    }
}

#define LINE_FUNCTION(size, rows)                                 \
    static void line_##size##_##rows(const struct weight_line *p) \
    {                                                             \
        weight_line(p, rows, size);                               \
    }
LINE_FUNCTION(3, 1)
LINE_FUNCTION(3, 2)
LINE_FUNCTION(3, 3)
LINE_FUNCTION(5, 1)
LINE_FUNCTION(5, 2)
LINE_FUNCTION(5, 3)

/* For some number of taps in a row: a function for each number of rows. */
struct weight_kind {
    int size;
    void (*of[WEIGHT_ROWS])(const struct weight_line *p);
};

static const struct weight_kind weight_kinds[] = {{3, {line_3_1, line_3_2, line_3_3}},
                                                  {5, {line_5_1, line_5_2, line_5_3}}};

/* NULL: there is none, weight_taps must do. */
static const struct weight_kind *weight_kind(int size, int channels)
{
    for (size_t i = 0; i < sizeof weight_kinds / sizeof *weight_kinds; i++)
        if (weight_kinds[i].size == size)
            return channels >= SIMD_WIDTH ? &weight_kinds[i] : NULL;
    return NULL;
}

/* Outputs whose taps are all inside. */
static struct span weight_whole(const struct window *window, int outputs, int inputs)
{
    struct span whole = {0, outputs};
    while (whole.begin < outputs && window_first(window, whole.begin) < 0)
        whole.begin++;
    while (whole.end > whole.begin &&
           window_first(window, whole.end - 1) + window_reach(window) > inputs)
        whole.end--;
    return whole;
}

static void weight_image(const struct conv_shape *shape, struct weight_line line,
                         const struct weight_kind *kind)
{
    const float *x = line.x, *dy = line.dy;
    float *total = line.total;
    int down = window_dilation(&shape->r);
    for (int p = 0; p < shape->p; p++) {
        struct span rows = window_inside(&shape->r, p, shape->h);
        line.dy = dy + p * shape->q * line.c;
        for (int r = rows.begin, count; r < rows.end; r += count) {
            count = rows.end - r < WEIGHT_ROWS ? rows.end - r : WEIGHT_ROWS;
            int h = window_first(&shape->r, p) + r * down;
            line.x = x + (h * shape->w - shape->s.pad) * line.c;
            line.x_ahead = count * line.row;
            line.total = total + r * line.tap_row;
            kind->of[count - 1](&line);
        }
    }
}

/* Adds one tap of some channels to dweight; the outputs that meet the image. */
static void weight_tap(const struct conv_shape *shape, int tap, int k, int lanes,
                       float *dweight, const float *x, const float *dy)
{
    ptrdiff_t c = shape->c;
    int i = tap / shape->s.size, j = tap % shape->s.size;
    simd_float sum = simd_load(dweight + tap * c + k, lanes);
    for (int n = 0; n < shape->n; n++)
        for (int p = 0; p < shape->p; p++) {
            int h = window_first(&shape->r, p) + i * window_dilation(&shape->r);
            if (h < 0 || h >= shape->h)
                continue;
            simd_float chain = {0};
            for (int q = 0; q < shape->q; q++) {
                int w = window_first(&shape->s, q) + j * window_dilation(&shape->s);
                if (w < 0 || w >= shape->w)
                    continue;
                chain = simd_multiply_add(
                    simd_load(x + ((n * shape->h + h) * shape->w + w) * c + k, lanes),
                    simd_load(dy + ((n * shape->p + p) * shape->q + q) * c + k, lanes),
                    chain);
            }
            sum += chain;
        }
    simd_store(dweight + tap * c + k, sum, lanes);
}

/* Any size of filter, any number of channels. */
static void weight_taps(const struct conv_shape *shape, struct span channels,
                        float *dweight, const float *x, const float *dy)
{
    for (int k = channels.begin; k < channels.end; k += SIMD_WIDTH)
        for (int tap = 0; tap < shape->r.size * shape->s.size; tap++)
            weight_tap(shape, tap, k, channels.end - k, dweight, x, dy);
}

void SIMD(depthwise_weight)(const struct conv_shape *shape, struct span channels,
                            float *dweight, const float *x, const float *dy)
{
    int c = shape->c, count = channels.end - channels.begin, size = shape->s.size;
    const struct weight_kind *kind = weight_kind(size, count);
    if (!kind) {
        weight_taps(shape, channels, dweight, x, dy);
        return;
    }
    ptrdiff_t column = (ptrdiff_t)window_dilation(&shape->s) * c;
    struct weight_line line = {.total = dweight + channels.begin,
                               .row =
                                   (ptrdiff_t)window_dilation(&shape->r) * shape->w * c,
                               .column = column,
                               .next = (ptrdiff_t)shape->s.stride * c,
                               .dy_ahead = (ptrdiff_t)shape->q * c,
                               .c = c,
                               .tap_row = (ptrdiff_t)size * c,
                               .window = &shape->s,
                               .width = shape->w,
                               .outputs = shape->q,
                               .inside = weight_whole(&shape->s, shape->q, shape->w),
                               .channels = count};
    for (int n = 0; n < shape->n; n++) {
        line.x = x + (ptrdiff_t)n * shape->h * shape->w * c + channels.begin;
        line.dy = dy + (ptrdiff_t)n * shape->p * shape->q * c + channels.begin;
        weight_image(shape, line, kind);
    }
}
