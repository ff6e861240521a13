/*
 * Convolution without im2col, one panel of output channels at a time; a panel is
 * zero-filled to KERNELS_PANEL channels. Two kinds of tile stay in registers:
 *
 * - direct_forward_tile: some pixels times two vectors of channels, over all taps
 *
 * - direct_weight_tile: some taps times two vectors of channels, over all pixels
 *
 * Every result has a sum of its own, so tiles may be cut anywhere.
 */
#include "simd.h"

#define TILE_CHANNELS (2 * SIMD_WIDTH)
#if SIMD_WIDTH == 16
#define TILE_MAX 12 /* 24 of 32 registers are sums */
#else
#define TILE_MAX 6 /* 12 of 16 registers are sums */
#endif

/* Calls with a constant size, so that the sums of the tile are in registers. */
#define TILE_CASE(n, call) \
    case n:                \
        call(n);           \
        break;
#if TILE_MAX == 12
#define TILE_SWITCH(n, call) \
    switch (n) {             \
        TILE_CASE(1, call)   \
        TILE_CASE(2, call)   \
        TILE_CASE(3, call)   \
        TILE_CASE(4, call)   \
        TILE_CASE(5, call)   \
        TILE_CASE(6, call)   \
        TILE_CASE(7, call)   \
        TILE_CASE(8, call)   \
        TILE_CASE(9, call)   \
        TILE_CASE(10, call)  \
        TILE_CASE(11, call)  \
        TILE_CASE(12, call)  \
    }
#else
#define TILE_SWITCH(n, call) \
    switch (n) {             \
        TILE_CASE(1, call)   \
        TILE_CASE(2, call)   \
        TILE_CASE(3, call)   \
        TILE_CASE(4, call)   \
        TILE_CASE(5, call)   \
        TILE_CASE(6, call)   \
    }
#endif

/* `pixels` adjacent pixels of an output row, `lanes` channels in one or two vectors. */
SIMD_INLINE void direct_forward_tile(const int pixels, const int vectors,
                                     const struct conv_shape *shape, int lanes, float *y,
                                     const float *x, const float *weight,
                                     const float *bias)
{
    simd_float sum[TILE_MAX][2];
#pragma GCC unroll 12
    for (int i = 0; i < pixels; i++)
        for (int v = 0; v < vectors; v++)
            sum[i][v] = simd_full(bias + v * SIMD_WIDTH);
    int run = shape->s.size * shape->c, rows = shape->r.size;
    ptrdiff_t step = (ptrdiff_t)shape->s.stride * shape->c;
    for (int r = 0; r < rows; r++) {
        const float *from = x + (ptrdiff_t)r * shape->w * shape->c;
        for (int t = 0; t < run; t++, from++, weight += KERNELS_PANEL) {
            simd_float w[2];
            for (int v = 0; v < vectors; v++)
                w[v] = simd_full(weight + v * SIMD_WIDTH);
#pragma GCC unroll 12
            for (int i = 0; i < pixels; i++)
                for (int v = 0; v < vectors; v++)
                    sum[i][v] = simd_multiply_add(simd_broadcast(from[i * step]), w[v],
                                                  sum[i][v]);
        }
    }
#pragma GCC unroll 12
    for (int i = 0; i < pixels; i++, y += shape->k)
        for (int v = 0; v < vectors; v++)
            simd_store(y + v * SIMD_WIDTH, sum[i][v], lanes - v * SIMD_WIDTH);
}

static void direct_forward_row(const struct conv_shape *shape, int lanes, float *y,
                               const float *x, const float *weight, const float *bias)
{
    int tiles = (shape->q + TILE_MAX - 1) / TILE_MAX;
    for (int left = shape->q; left > 0; tiles--) {
        int pixels = (left + tiles - 1) / tiles;
#define FORWARD_TILE(n) direct_forward_tile(n, 2, shape, lanes, y, x, weight, bias)
#define FORWARD_HALF(n) direct_forward_tile(n, 1, shape, lanes, y, x, weight, bias)
        if (lanes > SIMD_WIDTH) {
            TILE_SWITCH(pixels, FORWARD_TILE)
        } else {
            TILE_SWITCH(pixels, FORWARD_HALF)
        }
        x += (ptrdiff_t)pixels * shape->s.stride * shape->c;
        y += (ptrdiff_t)pixels * shape->k;
        left -= pixels;
    }
}

void SIMD(direct_forward)(const struct conv_shape *shape, struct span rows, int channels,
                          float *y, const float *x, const float *weight,
                          const float *bias)
{
    ptrdiff_t line = (ptrdiff_t)shape->w * shape->c;
    for (int i = rows.begin; i < rows.end; i++) {
        ptrdiff_t top =
            (ptrdiff_t)(i / shape->p) * shape->h + i % shape->p * shape->r.stride;
        float *to = y + (ptrdiff_t)i * shape->q * shape->k;
        for (int k = 0; k < channels; k += TILE_CHANNELS)
            direct_forward_row(shape, channels - k, to + k, x + top * line, weight + k,
                               bias + k);
    }
}

/* Rows of dweight; tap: offsets of their taps from the corner of a patch. */
SIMD_INLINE void direct_weight_tile(const int taps, const struct conv_shape *shape,
                                    int lanes, float *dweight, const ptrdiff_t *tap,
                                    const float *x, const float *dy)
{
    simd_float sum[TILE_MAX][2] = {{{0}}};
    ptrdiff_t row = (ptrdiff_t)shape->w * shape->c, step = shape->s.stride;
    for (int i = 0; i < shape->n * shape->p; i++) {
        const float *from =
            x + i / shape->p * shape->h * row + i % shape->p * shape->r.stride * row;
        for (int q = 0; q < shape->q; q++, from += step * shape->c, dy += shape->k) {
            simd_float g0 = simd_load(dy, lanes);
            simd_float g1 = simd_load(dy + SIMD_WIDTH, lanes - SIMD_WIDTH);
#pragma GCC unroll 12
            for (int t = 0; t < taps; t++) {
                simd_float v = simd_broadcast(from[tap[t]]);
                sum[t][0] = simd_multiply_add(v, g0, sum[t][0]);
                sum[t][1] = simd_multiply_add(v, g1, sum[t][1]);
            }
        }
    }
#pragma GCC unroll 12
    for (int t = 0; t < taps; t++) {
        float *to = dweight + (ptrdiff_t)t * KERNELS_PANEL;
        simd_store(to, simd_full(to) + sum[t][0], SIMD_WIDTH);
        simd_store(to + SIMD_WIDTH, simd_full(to + SIMD_WIDTH) + sum[t][1], SIMD_WIDTH);
    }
}

void SIMD(direct_backward_weight)(const struct conv_shape *shape, int channels,
                                  struct span taps, float *dweight, const float *x,
                                  const float *dy)
{
    int run = shape->s.size * shape->c, left = taps.end - taps.begin;
    int tiles = (left + TILE_MAX - 1) / TILE_MAX;
    for (int t = taps.begin; tiles > 0; tiles--) {
        int count = (left + tiles - 1) / tiles;
        ptrdiff_t tap[TILE_MAX];
        for (int i = 0; i < count; i++)
            tap[i] = (ptrdiff_t)((t + i) / run) * shape->w * shape->c + (t + i) % run;
        for (int k = 0; k < channels; k += TILE_CHANNELS) {
            float *to = dweight + (ptrdiff_t)t * KERNELS_PANEL + k;
#define WEIGHT_TILE(n) direct_weight_tile(n, shape, channels - k, to, tap, x, dy + k)
            TILE_SWITCH(count, WEIGHT_TILE)
        }
        t += count;
        left -= count;
    }
}
