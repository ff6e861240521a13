/*
 * Convolution without im2col, one image and one panel of output channels at a time. A
 * tile of output pixels times two vectors of channels stays in registers while the taps
 * of the patch stream by (forward), or a tile of taps while the pixels do (weight
 * gradient).
 */
#include "simd.h"

#define TILE_CHANNELS (2 * SIMD_WIDTH)
#if SIMD_WIDTH == 16
#define TILE_MAX 12 /* of 32 registers, 24 are sums */
#else
#define TILE_MAX 6 /* of 16 registers, 12 are sums */
#endif

SIMD_INLINE simd_float full(const float *p)
{
    simd_float v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* `pixels` neighbours of one output row, `lanes` channels of two vectors. */
SIMD_INLINE void forward_tile(const int pixels, const struct conv_shape *shape, int lanes,
                              float *y, const float *x, const float *weight,
                              const float *bias)
{
    simd_float sum[TILE_MAX][2];
    for (int i = 0; i < pixels; i++) {
        sum[i][0] = full(bias);
        sum[i][1] = full(bias + SIMD_WIDTH);
    }
    int run = shape->s * shape->c, step = shape->stride * shape->c;
    for (int r = 0; r < shape->r; r++) {
        const float *from = x + (size_t)r * shape->w * shape->c;
        for (int t = 0; t < run; t++, weight += KERNELS_PANEL) {
            simd_float w0 = full(weight), w1 = full(weight + SIMD_WIDTH);
            for (int i = 0; i < pixels; i++) {
                simd_float v = (simd_float){0} + from[i * step + t];
                sum[i][0] += v * w0;
                sum[i][1] += v * w1;
            }
        }
    }
    for (int i = 0; i < pixels; i++) {
        simd_store(y + (size_t)i * shape->k, sum[i][0], lanes);
        if (lanes > SIMD_WIDTH)
            simd_store(y + (size_t)i * shape->k + SIMD_WIDTH, sum[i][1],
                       lanes - SIMD_WIDTH);
    }
}

static void forward_row(const struct conv_shape *shape, int lanes, float *y,
                        const float *x, const float *weight, const float *bias)
{
    int step = shape->stride * shape->c, q = 0;
    for (; q + TILE_MAX <= shape->q; q += TILE_MAX)
        forward_tile(TILE_MAX, shape, lanes, y + (size_t)q * shape->k, x + q * step,
                     weight, bias);
    for (; q + 3 <= shape->q; q += 3)
        forward_tile(3, shape, lanes, y + (size_t)q * shape->k, x + q * step, weight,
                     bias);
    for (; q < shape->q; q++)
        forward_tile(1, shape, lanes, y + (size_t)q * shape->k, x + q * step, weight,
                     bias);
}

void SIMD(direct_forward)(const struct conv_shape *shape, int channels, float *y,
                          const float *x, const float *weight, const float *bias)
{
    for (int k = 0; k < channels; k += TILE_CHANNELS)
        for (int p = 0; p < shape->p; p++)
            forward_row(shape, channels - k, y + (size_t)p * shape->q * shape->k + k,
                        x + (size_t)p * shape->stride * shape->w * shape->c, weight + k,
                        bias + k);
}

/* `taps` rows of dweight from their distances in the image to the patch's corner. */
SIMD_INLINE void weight_tile(const int taps, const struct conv_shape *shape, int lanes,
                             float *dweight, const ptrdiff_t *tap, const float *x,
                             const float *dy)
{
    simd_float sum[TILE_MAX][2] = {{{0}}};
    int step = shape->stride * shape->c;
    for (int p = 0; p < shape->p; p++) {
        const float *from = x + (size_t)p * shape->stride * shape->w * shape->c;
        const float *g = dy + (size_t)p * shape->q * shape->k;
        for (int q = 0; q < shape->q; q++, from += step, g += shape->k) {
            simd_float g0 = simd_load(g, lanes);
            simd_float g1 = {0};
            if (lanes > SIMD_WIDTH)
                g1 = simd_load(g + SIMD_WIDTH, lanes - SIMD_WIDTH);
            for (int t = 0; t < taps; t++) {
                simd_float v = (simd_float){0} + from[tap[t]];
                sum[t][0] += v * g0;
                sum[t][1] += v * g1;
            }
        }
    }
    for (int t = 0; t < taps; t++) {
        float *to = dweight + (size_t)t * KERNELS_PANEL;
        simd_store(to, full(to) + sum[t][0], SIMD_WIDTH);
        simd_store(to + SIMD_WIDTH, full(to + SIMD_WIDTH) + sum[t][1], SIMD_WIDTH);
    }
}

static ptrdiff_t tap_distance(const struct conv_shape *shape, int tap)
{
    int run = shape->s * shape->c;
    return (ptrdiff_t)(tap / run) * shape->w * shape->c + tap % run;
}

void SIMD(direct_backward_weight)(const struct conv_shape *shape, int channels,
                                  struct span taps, float *dweight, const float *x,
                                  const float *dy)
{
    ptrdiff_t tap[TILE_MAX];
    for (int k = 0; k < channels; k += TILE_CHANNELS) {
        int t = taps.begin, left;
        while ((left = taps.end - t) > 0) {
            float *to = dweight + (size_t)t * KERNELS_PANEL + k;
            int count = left >= 9 ? 9 : left >= 3 ? 3 : 1;
            if (count > TILE_MAX)
                count = 3;
            for (int i = 0; i < count; i++)
                tap[i] = tap_distance(shape, t + i);
            if (count == 3)
                weight_tile(3, shape, channels - k, to, tap, x, dy + k);
            else if (count == 1)
                weight_tile(1, shape, channels - k, to, tap, x, dy + k);
#if SIMD_WIDTH == 16
            else
                weight_tile(9, shape, channels - k, to, tap, x, dy + k);
#endif
            t += count;
        }
    }
}
