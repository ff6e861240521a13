/* Convolution 3x3, max-pooling 2x2 and activation in one: the inner loops (conv_pool.h).
   Images come padded, so there are no borders here. */
#include "math.h"

/* Vectors of channels held at once in forward: with four pixels and the weights they fill
   the registers. */
#if SIMD_WIDTH == 16
#define FORWARD_VECTORS 4
#define PATCH_VECTORS   2
#else
#define FORWARD_VECTORS 2
#define PATCH_VECTORS   1
#endif

/* --- forward --- */

/* The largest of four, NaN if there is one, and the place of the first that is largest. */
SIMD_INLINE void take_max(const simd_float pixel[4], simd_float *best, simd_int *where)
{
    simd_int zero = {0};
    simd_mask right = simd_less(pixel[0], pixel[1]);
    simd_mask low_right = simd_less(pixel[2], pixel[3]);
    simd_float high = simd_select(right, pixel[1], pixel[0]);
    simd_float low = simd_select(low_right, pixel[3], pixel[2]);
    simd_mask down = simd_less(high, low);
    simd_mask bad =
        simd_unordered(pixel[0], pixel[1]) | simd_unordered(pixel[2], pixel[3]);
    *best = simd_select(bad, SIMD_ALL(__builtin_nanf("")), simd_select(down, low, high));
    *where = simd_select_int(down, simd_select_int(low_right, zero + 3, zero + 2),
                             simd_select_int(right, zero + 1, zero));
}

struct outputs {
    float *y;
    uint8_t *argmax;
    float *slope;
};

SIMD_INLINE void finish(const struct outputs *out, size_t at, int lanes, int activation,
                        const simd_float pixel[4], const float *bias)
{
    simd_float best, slope = SIMD_ALL(1.0f);
    simd_int where;
    take_max(pixel, &best, &where);
    best += simd_load(bias, lanes);
    if (activation == CONV_POOL_GELU) {
        best = simd_gelu(best, &slope);
    } else if (activation == CONV_POOL_RELU) {
        /* NaN is not off */
        simd_float none = {0};
        simd_mask on = simd_less(none, best) | simd_unordered(best, best);
        slope = simd_select(on, slope, none);
        best = simd_select(on, best, none);
    }
    simd_store(out->y + at, best, lanes);
    if (!out->argmax)
        return;
    simd_store(out->slope + at, slope, lanes);
    simd_byte narrow = __builtin_convertvector(where, simd_byte);
    memcpy(out->argmax + at, &narrow, lanes < SIMD_WIDTH ? (size_t)lanes : sizeof narrow);
}

/* One window, `vectors` vectors of channels (a constant where it is inlined): sum[v][i]
   is output pixel i of the window. x is the window's corner; weight[v] the vector's
   first. */
SIMD_INLINE void window_sums(int vectors, int c, ptrdiff_t row, const float *x,
                             const float *const weight[FORWARD_VECTORS],
                             simd_float sum[FORWARD_VECTORS][4])
{
    for (int v = 0; v < vectors; v++)
        for (int i = 0; i < 4; i++)
            sum[v][i] = (simd_float){0};
    for (int r = 0; r < 3; r++) {
        const float *x0 = x + r * row, *x1 = x0 + row;
        ptrdiff_t w = (ptrdiff_t)r * 3 * c * KERNELS_GROUP;
        /* s and c in one: a row of a patch is contiguous */
        for (int i = 0; i < 3 * c; i++, w += KERNELS_GROUP) {
            float a = x0[i], b = x0[i + c], d = x1[i], e = x1[i + c];
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) {
                simd_float f = simd_full(weight[v] + w);
                sum[v][0] += a * f;
                sum[v][1] += b * f;
                sum[v][2] += d * f;
                sum[v][3] += e * f;
            }
        }
    }
}

/* All windows of an image for `vectors` vectors of channels from channel k on. */
SIMD_INLINE void image_forward(int vectors, const struct conv_pool_shape *shape, int k,
                               const struct outputs *out, const float *x,
                               const float *weight, const float *bias)
{
    const float *panel[FORWARD_VECTORS];
    int c = shape->c;
    ptrdiff_t row = (ptrdiff_t)(shape->w + 2 * shape->pad) * c;
    for (int v = 0; v < vectors; v++) {
        int first = k + v * SIMD_WIDTH;
        panel[v] = weight + (ptrdiff_t)(first / KERNELS_GROUP) * 9 * c * KERNELS_GROUP +
                   first % KERNELS_GROUP;
    }
    for (int p = 0; p < shape->p; p++) {
        for (int q = 0; q < shape->q; q++) {
            simd_float sum[FORWARD_VECTORS][4];
            window_sums(vectors, c, row, x + 2 * p * row + (ptrdiff_t)2 * q * c, panel,
                        sum);
            size_t at = ((size_t)p * shape->q + q) * shape->k + k;
            for (int v = 0; v < vectors; v++)
                finish(out, at + (size_t)v * SIMD_WIDTH, shape->k - k - v * SIMD_WIDTH,
                       shape->activation, sum[v], bias + k + v * SIMD_WIDTH);
        }
    }
}

void SIMD(conv_pool_forward)(const struct conv_pool_shape *shape, struct span channels,
                             float *y, uint8_t *argmax, float *slope, const float *x,
                             const float *weight, const float *bias)
{
    const struct outputs out = {y, argmax, slope};
    int k = channels.begin;
    for (; channels.end - k > (FORWARD_VECTORS - 1) * SIMD_WIDTH;
         k += FORWARD_VECTORS * SIMD_WIDTH)
        image_forward(FORWARD_VECTORS, shape, k, &out, x, weight, bias);
#if FORWARD_VECTORS == 4
    for (; channels.end - k > SIMD_WIDTH; k += 2 * SIMD_WIDTH)
        image_forward(2, shape, k, &out, x, weight, bias);
#endif
    for (; k < channels.end; k += SIMD_WIDTH)
        image_forward(1, shape, k, &out, x, weight, bias);
}

/* --- backward: weights --- */

/* Row k of dweight, `vectors` vectors of input channels from c0 on: one patch of x for
   each window, all nine taps in registers. */
SIMD_INLINE void patch_sums(int vectors, const struct conv_pool_shape *shape, int c0,
                            float *dweight, const float *x, const float *g,
                            const int32_t *place, int windows)
{
    simd_float sum[9][PATCH_VECTORS];
    int c = shape->c;
    ptrdiff_t row = (ptrdiff_t)(shape->w + 2 * shape->pad) * c;
    for (int t = 0; t < 9; t++)
        for (int v = 0; v < vectors; v++)
            sum[t][v] = simd_load(dweight + (ptrdiff_t)t * c + c0 + v * SIMD_WIDTH,
                                  c - c0 - v * SIMD_WIDTH);
    for (int i = 0; i < windows; i++) {
        const float *patch = x + place[i] + c0;
        float scale = g[i];
#pragma GCC unroll 3
        for (int r = 0; r < 3; r++)
#pragma GCC unroll 3
            for (int s = 0; s < 3; s++)
#pragma GCC unroll 2
                for (int v = 0; v < vectors; v++)
                    sum[3 * r + s][v] +=
                        scale * simd_full(patch + r * row + (ptrdiff_t)s * c + v * SIMD_WIDTH);
    }
    for (int t = 0; t < 9; t++)
        for (int v = 0; v < vectors; v++)
            simd_store(dweight + (ptrdiff_t)t * c + c0 + v * SIMD_WIDTH, sum[t][v],
                       c - c0 - v * SIMD_WIDTH);
}

void SIMD(conv_pool_weight)(const struct conv_pool_shape *shape, struct span channels,
                            float *dweight, const float *x, const float *g,
                            const int32_t *place, int windows)
{
    for (int k = channels.begin; k < channels.end; k++) {
        float *to = dweight + (ptrdiff_t)k * 9 * shape->c;
        const float *gk = g + (ptrdiff_t)k * windows;
        const int32_t *pk = place + (ptrdiff_t)k * windows;
        int c = 0;
        for (; shape->c - c > (PATCH_VECTORS - 1) * SIMD_WIDTH;
             c += PATCH_VECTORS * SIMD_WIDTH)
            patch_sums(PATCH_VECTORS, shape, c, to, x, gk, pk, windows);
        for (; c < shape->c; c += SIMD_WIDTH)
            patch_sums(1, shape, c, to, x, gk, pk, windows);
    }
}

/* Few input channels: vectors run along the output channels instead, and each pixel of a
   window takes the gradient of the channels whose maximum it is. sum is (C, 9, K rounded
   up to whole groups). */
SIMD_INLINE void thin_channel(const struct conv_pool_shape *shape, int k, int c,
                              float *sum, const float *x, const float *g,
                              const uint8_t *argmax)
{
    ptrdiff_t row = (ptrdiff_t)(shape->w + 2 * shape->pad) * shape->c;
    int padded = (shape->k + KERNELS_GROUP - 1) / KERNELS_GROUP * KERNELS_GROUP;
    float *to = sum + (ptrdiff_t)c * 9 * padded + k;
    simd_float acc[9];
    for (int t = 0; t < 9; t++)
        acc[t] = simd_full(to + (ptrdiff_t)t * padded);
    for (int p = 0; p < shape->p; p++) {
        for (int q = 0; q < shape->q; q++) {
            const float *patch = x + 2 * p * row + (ptrdiff_t)2 * q * shape->c + c;
            size_t at = ((size_t)p * shape->q + q) * shape->k + k;
            simd_float value = simd_load(g + at, shape->k - k);
            simd_byte narrow = {0};
            memcpy(&narrow, argmax + at,
                   shape->k - k < SIMD_WIDTH ? (size_t)(shape->k - k) : sizeof narrow);
            simd_int where = __builtin_convertvector(narrow, simd_int);
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++) {
                const float *pixel = patch + i / 2 * row + i % 2 * shape->c;
                simd_float mine = (simd_float)((where == i) & (simd_int)value);
#pragma GCC unroll 9
                for (int t = 0; t < 9; t++)
                    acc[t] += mine * pixel[t / 3 * row + t % 3 * shape->c];
            }
        }
    }
    for (int t = 0; t < 9; t++)
        memcpy(to + (ptrdiff_t)t * padded, &acc[t], sizeof acc[t]);
}

void SIMD(conv_pool_weight_thin)(const struct conv_pool_shape *shape,
                                 struct span channels, float *sum, const float *x,
                                 const float *g, const uint8_t *argmax)
{
    for (int k = channels.begin; k < channels.end; k += SIMD_WIDTH)
        for (int c = 0; c < shape->c; c++)
            thin_channel(shape, k, c, sum, x, g, argmax);
}

/* --- backward: inputs --- */

/* Adds one window's patches of `weight` (K, 9, GROUP), sorted by the place of the
   maximum, into dx from channel c on. */
SIMD_INLINE void window_data(const struct conv_pool_shape *shape, int lanes, float *dx,
                             const float *weight, const float *g, const int32_t *filter,
                             const int32_t *bound)
{
    int c = shape->c;
    ptrdiff_t row = (ptrdiff_t)(shape->w + 2 * shape->pad) * c;
    for (int a = 0; a < 4; a++) {
        if (bound[a] == bound[a + 1])
            continue;
        simd_float sum[9];
        for (int t = 0; t < 9; t++)
            sum[t] = (simd_float){0};
        for (int i = bound[a]; i < bound[a + 1]; i++) {
            const float *w = weight + filter[i];
            float scale = g[i];
#pragma GCC unroll 9
            for (int t = 0; t < 9; t++)
                sum[t] += scale * simd_full(w + (ptrdiff_t)t * KERNELS_GROUP);
        }
        float *to = dx + a / 2 * row + a % 2 * c;
        for (int t = 0; t < 9; t++) {
            float *at = to + t / 3 * row + t % 3 * c;
            simd_store(at, simd_load(at, lanes) + sum[t], lanes);
        }
    }
}

void SIMD(conv_pool_data)(const struct conv_pool_shape *shape, struct span channels,
                          float *dx, const float *weight,
                          const struct conv_pool_order *order)
{
    ptrdiff_t row = (ptrdiff_t)(shape->w + 2 * shape->pad) * shape->c;
    for (int c = channels.begin; c < channels.end; c += SIMD_WIDTH) {
        const float *panel =
            weight + (ptrdiff_t)(c / KERNELS_GROUP) * shape->k * 9 * KERNELS_GROUP +
            c % KERNELS_GROUP;
        for (int block = 0; block < order->blocks; block++) {
            for (int i = 0; i < shape->p * shape->q; i++) {
                ptrdiff_t list = (ptrdiff_t)block * shape->p * shape->q + i;
                window_data(shape, shape->c - c,
                            dx + 2 * (i / shape->q) * row +
                                (ptrdiff_t)2 * (i % shape->q) * shape->c + c,
                            panel, order->g, order->filter, order->bound + 5 * list);
            }
        }
    }
}
