/* One convolution in three memory layouts (kernels/lab.h), to compare the layouts: the
   loops are alike, so that the times differ only by the order of memory accesses. */
#include "simd_lab.h"

#define GROUP         KERNELS_GROUP
#define LAYOUT_PIXELS 6 /* adjacent pixels, or channels, whose sums stay in registers */

/* Calls with a constant size, so that the sums of the tile are in registers. */
#define LAYOUT_SWITCH(n, call) \
    switch (n) {               \
    case 1:                    \
        call(1);               \
        break;                 \
    case 2:                    \
        call(2);               \
        break;                 \
    case 3:                    \
        call(3);               \
        break;                 \
    case 4:                    \
        call(4);               \
        break;                 \
    case 5:                    \
        call(5);               \
        break;                 \
    default:                   \
        call(6);               \
    }

/* `lanes` pixels of a row, of `outputs` channels. */
SIMD_INLINE void layout_plane_tile(const int outputs, const struct conv_shape *shape,
                                   int lanes, float *y, const float *x,
                                   const float *weight)
{
    simd_float sum[LAYOUT_PIXELS][GROUP / SIMD_WIDTH] = {{{0}}};
    ptrdiff_t taps = (ptrdiff_t)shape->c * shape->r.size * shape->s.size;
    for (int c = 0; c < shape->c; c++, x += (ptrdiff_t)shape->h * shape->w)
        for (int r = 0; r < shape->r.size; r++)
            for (int s = 0; s < shape->s.size; s++, weight++)
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

/* Channel by channel: vectors run along a row of pixels. */
void SIMD(layout_nchw)(const struct conv_shape *shape, float *restrict y,
                       const float *restrict x, const float *restrict weight)
{
    ptrdiff_t image = (ptrdiff_t)shape->c * shape->h * shape->w;
    ptrdiff_t taps = (ptrdiff_t)shape->c * shape->r.size * shape->s.size;
    ptrdiff_t plane = (ptrdiff_t)shape->p * shape->q;
    for (int n = 0; n < shape->n; n++)
        for (int k = 0; k < shape->k; k += LAYOUT_PIXELS)
            for (int p = 0; p < shape->p; p++)
                for (int q = 0; q < shape->q; q += GROUP) {
                    const float *from = x + n * image + (ptrdiff_t)p * shape->w + q;
                    float *to = y + ((ptrdiff_t)n * shape->k + k) * plane +
                                (ptrdiff_t)p * shape->q + q;
                    int lanes = shape->q - q < GROUP ? shape->q - q : GROUP;
#define PLANE_TILE(n) layout_plane_tile(n, shape, lanes, to, from, weight + k * taps)
                    LAYOUT_SWITCH(shape->k - k, PLANE_TILE)
                }
}

/* What the sums of a tile run over: taps at offsets tap[] from a pixel, each with `run`
   input channels. */
struct layout_taps {
    int count, run;
    const ptrdiff_t *tap;
    ptrdiff_t pixel;  /* floats from pixel to pixel */
    ptrdiff_t weight; /* floats of weights from tap to tap */
    ptrdiff_t row;    /* and from input channel to input channel */
};

/* `pixels` adjacent pixels of a row, 16 output channels. */
SIMD_INLINE void layout_pixel_tile(const int pixels, const struct layout_taps *taps,
                                   float *y, ptrdiff_t step, const float *x,
                                   const float *weight)
{
    simd_float sum[LAYOUT_PIXELS][GROUP / SIMD_WIDTH] = {{{0}}};
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

/* A row of y, 16 channels; step: floats from pixel to pixel. */
static void layout_group_row(int q, const struct layout_taps *taps, float *y,
                             ptrdiff_t step, const float *x, const float *weight)
{
#define PIXEL_TILE(n) layout_pixel_tile(n, taps, y, step, x, weight)
    for (; q > 0;
         q -= LAYOUT_PIXELS, y += LAYOUT_PIXELS * step, x += LAYOUT_PIXELS * taps->pixel)
        LAYOUT_SWITCH(q, PIXEL_TILE)
}

#define MOST_TAPS 1024

/* Pixel by pixel: the innermost loop runs along the output channels. */
void SIMD(layout_nhwc)(const struct conv_shape *shape, float *restrict y,
                       const float *restrict x, const float *restrict weight)
{
    ptrdiff_t tap[MOST_TAPS], pixel = shape->c, line = shape->w * pixel;
    const struct layout_taps taps = {.count = shape->r.size * shape->s.size,
                                     .run = shape->c,
                                     .tap = tap,
                                     .pixel = pixel,
                                     .weight = pixel * shape->k,
                                     .row = shape->k};
    for (int t = 0; t < taps.count; t++)
        tap[t] = t / shape->s.size * line + t % shape->s.size * pixel;
    for (int row = 0; row < shape->n * shape->p; row++) {
        const float *from =
            x + ((ptrdiff_t)(row / shape->p) * shape->h + row % shape->p) * line;
        float *to = y + (ptrdiff_t)row * shape->q * shape->k;
        for (int k = 0; k < shape->k; k += GROUP)
            layout_group_row(shape->q, &taps, to + k, shape->k, from, weight + k);
    }
}

/* Blocks of 16 channels: all that a tile reads is contiguous. */
void SIMD(layout_blocked)(const struct conv_shape *shape, float *restrict y,
                          const float *restrict x, const float *restrict weight)
{
    ptrdiff_t tap[MOST_TAPS], plane = (ptrdiff_t)shape->h * shape->w * GROUP;
    int inputs = shape->c / GROUP, outputs = shape->k / GROUP,
        window = shape->r.size * shape->s.size;
    const struct layout_taps taps = {.count = inputs * window,
                                     .run = GROUP,
                                     .tap = tap,
                                     .pixel = GROUP,
                                     .weight = (ptrdiff_t)GROUP * GROUP,
                                     .row = GROUP};
    for (int t = 0; t < taps.count; t++)
        tap[t] =
            t / window * plane +
            (t % window / shape->s.size * shape->w + t % window % shape->s.size) * GROUP;
    for (int row = 0; row < shape->n * outputs * shape->p; row++) {
        int p = row % shape->p, k = row / shape->p % outputs;
        ptrdiff_t n = row / shape->p / outputs;
        const float *from = x + n * inputs * plane + (ptrdiff_t)p * shape->w * GROUP;
        layout_group_row(shape->q, &taps, y + (ptrdiff_t)row * shape->q * GROUP, GROUP,
                         from, weight + (ptrdiff_t)k * taps.count * taps.weight);
    }
}
