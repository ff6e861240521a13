/* One convolution (stride 1, pad 0, no bias) in three memory layouts, to measure the
   layouts: the same effort for each, so what differs is the order in which memory is gone
   through. C and K are multiples of GROUP.
     nchw     x (N, C, H, W), y (N, K, P, Q), weight (K, C, R, S)
     nhwc     x (N, H, W, C), y (N, P, Q, K), weight (R, S, C, K)
     blocked  x (N, C/16, H, W, 16), y (N, K/16, P, Q, 16),
              weight (K/16, C/16, R, S, 16 of C, 16 of K) */
#include "simd.h"

#define GROUP  KERNELS_GROUP
#define PIXELS 6 /* neighbours, or channels, whose sums stay in registers */

/* A tile's size becomes a constant, so that its sums become registers. */
#define TILE_SWITCH(n, call) \
    switch (n) {             \
    case 1:                  \
        call(1);             \
        break;               \
    case 2:                  \
        call(2);             \
        break;               \
    case 3:                  \
        call(3);             \
        break;               \
    case 4:                  \
        call(4);             \
        break;               \
    case 5:                  \
        call(5);             \
        break;               \
    default:                 \
        call(6);             \
    }

/* A row of pixels of `outputs` channels, as far as a vector reaches. */
SIMD_INLINE void layout_plane_tile(const int outputs, const struct conv_shape *shape,
                                   int lanes, float *y, const float *x,
                                   const float *weight)
{
    simd_float sum[PIXELS][GROUP / SIMD_WIDTH] = {{{0}}};
    ptrdiff_t taps = (ptrdiff_t)shape->c * shape->r * shape->s;
    for (int c = 0; c < shape->c; c++, x += (ptrdiff_t)shape->h * shape->w)
        for (int r = 0; r < shape->r; r++)
            for (int s = 0; s < shape->s; s++, weight++)
                for (int g = 0; g < GROUP / SIMD_WIDTH; g++) {
                    const float *from = x + (ptrdiff_t)r * shape->w + s;
                    simd_float v =
                        simd_load(from + g * SIMD_WIDTH, lanes - g * SIMD_WIDTH);
#pragma GCC unroll 6
                    for (int i = 0; i < outputs; i++)
                        sum[i][g] += weight[i * taps] * v;
                }
    for (int i = 0; i < outputs; i++)
        for (int g = 0; g < GROUP / SIMD_WIDTH; g++)
            simd_store(y + (ptrdiff_t)i * shape->p * shape->q + g * SIMD_WIDTH, sum[i][g],
                       lanes - g * SIMD_WIDTH);
}

/* Channel by channel: vectors lie along a row of pixels. */
void SIMD(layout_nchw)(const struct conv_shape *shape, float *restrict y,
                       const float *restrict x, const float *restrict weight)
{
    ptrdiff_t image = (ptrdiff_t)shape->c * shape->h * shape->w;
    ptrdiff_t taps = (ptrdiff_t)shape->c * shape->r * shape->s;
    ptrdiff_t plane = (ptrdiff_t)shape->p * shape->q;
    for (int n = 0; n < shape->n; n++)
        for (int k = 0; k < shape->k; k += PIXELS)
            for (int p = 0; p < shape->p; p++)
                for (int q = 0; q < shape->q; q += GROUP) {
                    const float *from = x + n * image + (ptrdiff_t)p * shape->w + q;
                    float *to = y + ((ptrdiff_t)n * shape->k + k) * plane +
                                (ptrdiff_t)p * shape->q + q;
                    int lanes = shape->q - q < GROUP ? shape->q - q : GROUP;
#define PLANE_TILE(n) layout_plane_tile(n, shape, lanes, to, from, weight + k * taps)
                    TILE_SWITCH(shape->k - k, PLANE_TILE)
                }
}

/* What a tile of pixels goes through: taps at the distances tap[] from a pixel, each with
   a run of input channels. */
struct layout_taps {
    int count, run;
    const ptrdiff_t *tap;
    ptrdiff_t pixel;       /* distance of neighbours */
    ptrdiff_t weight, row; /* distance of a tap's weights, of an input channel's */
};

/* `pixels` neighbours of a row, 16 of their output channels. */
SIMD_INLINE void layout_pixel_tile(const int pixels, const struct layout_taps *taps,
                                   float *y, ptrdiff_t step, const float *x,
                                   const float *weight)
{
    simd_float sum[PIXELS][GROUP / SIMD_WIDTH] = {{{0}}};
    for (int t = 0; t < taps->count; t++) {
        const float *v = x + taps->tap[t], *w = weight + t * taps->weight;
        for (int c = 0; c < taps->run; c++, v++, w += taps->row)
            for (int g = 0; g < GROUP / SIMD_WIDTH; g++) {
                simd_float factor = simd_full(w + g * SIMD_WIDTH);
#pragma GCC unroll 6
                for (int i = 0; i < pixels; i++)
                    sum[i][g] += v[i * taps->pixel] * factor;
            }
    }
    for (int i = 0; i < pixels; i++)
        for (int g = 0; g < GROUP / SIMD_WIDTH; g++)
            simd_store(y + i * step + g * SIMD_WIDTH, sum[i][g], SIMD_WIDTH);
}

/* A row of y, 16 of its channels; `step` is the distance of its pixels. */
static void layout_group_row(int q, const struct layout_taps *taps, float *y,
                             ptrdiff_t step, const float *x, const float *weight)
{
#define PIXEL_TILE(n) layout_pixel_tile(n, taps, y, step, x, weight)
    for (; q > 0; q -= PIXELS, y += PIXELS * step, x += PIXELS * taps->pixel)
        TILE_SWITCH(q, PIXEL_TILE)
}

#define MOST_TAPS 1024

/* Pixel by pixel: the innermost loop runs along the output channels. */
void SIMD(layout_nhwc)(const struct conv_shape *shape, float *restrict y,
                       const float *restrict x, const float *restrict weight)
{
    ptrdiff_t tap[MOST_TAPS], pixel = shape->c, line = shape->w * pixel;
    const struct layout_taps taps = {.count = shape->r * shape->s,
                                     .run = shape->c,
                                     .tap = tap,
                                     .pixel = pixel,
                                     .weight = pixel * shape->k,
                                     .row = shape->k};
    for (int t = 0; t < taps.count; t++)
        tap[t] = t / shape->s * line + t % shape->s * pixel;
    for (int row = 0; row < shape->n * shape->p; row++) {
        const float *from =
            x + ((ptrdiff_t)(row / shape->p) * shape->h + row % shape->p) * line;
        float *to = y + (ptrdiff_t)row * shape->q * shape->k;
        for (int k = 0; k < shape->k; k += GROUP)
            layout_group_row(shape->q, &taps, to + k, shape->k, from, weight + k);
    }
}

/* 16 channels by 16: everything that a tile reads lies side by side. */
void SIMD(layout_blocked)(const struct conv_shape *shape, float *restrict y,
                          const float *restrict x, const float *restrict weight)
{
    ptrdiff_t tap[MOST_TAPS], plane = (ptrdiff_t)shape->h * shape->w * GROUP;
    int inputs = shape->c / GROUP, outputs = shape->k / GROUP,
        window = shape->r * shape->s;
    const struct layout_taps taps = {.count = inputs * window,
                                     .run = GROUP,
                                     .tap = tap,
                                     .pixel = GROUP,
                                     .weight = (ptrdiff_t)GROUP * GROUP,
                                     .row = GROUP};
    for (int t = 0; t < taps.count; t++)
        tap[t] = t / window * plane +
                 (t % window / shape->s * shape->w + t % window % shape->s) * GROUP;
    for (int row = 0; row < shape->n * outputs * shape->p; row++) {
        int p = row % shape->p, k = row / shape->p % outputs;
        ptrdiff_t n = row / shape->p / outputs;
        const float *from = x + n * inputs * plane + (ptrdiff_t)p * shape->w * GROUP;
        layout_group_row(shape->q, &taps, y + (ptrdiff_t)row * shape->q * GROUP, GROUP,
                         from, weight + (ptrdiff_t)k * taps.count * taps.weight);
    }
}
