/* Convolution 3x3, max-pooling 2x2 and activation in one: the inner loops of forward
   (conv_pool.h). Images come with their borders. */
#include "math.h"

/* Vectors of channels held at once in forward: with four pixels and the weights they fill
   the registers. */
#if SIMD_WIDTH == 16
#define FORWARD_VECTORS 4
#define SINGLE_VECTORS  2
#else
#define FORWARD_VECTORS 2
#define SINGLE_VECTORS  1
#endif

/* The largest of four, NaN if there is one, and the place of the first that is largest.
 */
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

/* The maximum goes to y: the activation waits until the image is through, because its
   long chain of dependent steps would hold up the next window. */
SIMD_INLINE void finish(float *y, uint8_t *argmax, size_t at, int lanes,
                        const simd_float pixel[4], const float *bias)
{
    simd_float best;
    simd_int where;
    take_max(pixel, &best, &where);
    simd_store(y + at, best + simd_load(bias, lanes), lanes);
    if (!argmax)
        return;
    simd_byte narrow = __builtin_convertvector(where, simd_byte);
    memcpy(argmax + at, &narrow, lanes < SIMD_WIDTH ? (size_t)lanes : sizeof narrow);
}

/* In place; slope may be NULL. */
static void activate(int activation, float *y, float *slope, size_t n)
{
    if (activation == CONV_POOL_GELU) {
        SIMD(gelu_forward)(y, slope, y, n);
        return;
    }
    for (size_t i = 0; slope && i < n; i++)
        slope[i] = activation == CONV_POOL_RELU && y[i] <= 0.0f ? 0.0f : 1.0f;
    for (size_t i = 0; activation == CONV_POOL_RELU && i < n; i++)
        y[i] = y[i] <= 0.0f ? 0.0f : y[i];
}

/* One input channel: the nine weights of every filter stay in registers. */
SIMD_INLINE void image_forward_single(int vectors, const struct conv_pool_shape *shape,
                                      int k, const struct conv_pool_image *image,
                                      const float *const panel[FORWARD_VECTORS],
                                      const float *bias)
{
    simd_float weight[9][SINGLE_VECTORS];
    for (int t = 0; t < 9; t++)
        for (int v = 0; v < vectors; v++)
            weight[t][v] = simd_full(panel[v] + t * KERNELS_GROUP);
    ptrdiff_t row = shape->w + 2 * shape->pad;
    for (int p = 0; p < shape->p; p++) {
        for (int q = 0; q < shape->q; q++) {
            simd_float sum[SINGLE_VECTORS][4] = {0};
#pragma GCC unroll 16
            for (int i = 0; i < 16; i++) {
                float a = image->x[(2 * p + i / 4) * row + 2 * q + i % 4];
#pragma GCC unroll 4
                for (int j = 0; j < 4; j++) {
                    int r = i / 4 - j / 2, s = i % 4 - j % 2;
                    if (r < 0 || r > 2 || s < 0 || s > 2)
                        continue;
#pragma GCC unroll 2
                    for (int v = 0; v < vectors; v++)
                        sum[v][j] += a * weight[3 * r + s][v];
                }
            }
            size_t at = ((size_t)p * shape->q + q) * shape->k + k;
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++)
                finish(image->y, image->argmax, at + (size_t)v * SIMD_WIDTH,
                       shape->k - k - v * SIMD_WIDTH, sum[v], bias + k + v * SIMD_WIDTH);
        }
    }
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
                               const struct conv_pool_image *image, const float *weight,
                               const float *bias)
{
    const float *panel[FORWARD_VECTORS];
    int c = shape->c;
    ptrdiff_t row = (ptrdiff_t)(shape->w + 2 * shape->pad) * c;
    for (int v = 0; v < vectors; v++) {
        int first = k + v * SIMD_WIDTH;
        panel[v] = weight + (ptrdiff_t)(first / KERNELS_GROUP) * 9 * c * KERNELS_GROUP +
                   first % KERNELS_GROUP;
    }
    if (c == 1 && vectors <= SINGLE_VECTORS) {
        image_forward_single(vectors, shape, k, image, panel, bias);
        return;
    }
    for (int p = 0; p < shape->p; p++) {
        for (int q = 0; q < shape->q; q++) {
            simd_float sum[FORWARD_VECTORS][4];
            window_sums(vectors, c, row, image->x + 2 * p * row + (ptrdiff_t)2 * q * c,
                        panel, sum);
            size_t at = ((size_t)p * shape->q + q) * shape->k + k;
            for (int v = 0; v < vectors; v++)
                finish(image->y, image->argmax, at + (size_t)v * SIMD_WIDTH,
                       shape->k - k - v * SIMD_WIDTH, sum[v], bias + k + v * SIMD_WIDTH);
        }
    }
}

void SIMD(conv_pool_forward)(const struct conv_pool_shape *shape, struct span channels,
                             const struct conv_pool_image *image, const float *weight,
                             const float *bias)
{
    int k = channels.begin;
#if FORWARD_VECTORS > 2
    for (; shape->c > 1 && channels.end - k > (FORWARD_VECTORS - 1) * SIMD_WIDTH;
         k += FORWARD_VECTORS * SIMD_WIDTH)
        image_forward(FORWARD_VECTORS, shape, k, image, weight, bias);
#endif
#if SINGLE_VECTORS < 2
    for (; shape->c == 1 && k < channels.end; k += SIMD_WIDTH)
        image_forward(1, shape, k, image, weight, bias);
#endif
    for (; channels.end - k > SIMD_WIDTH; k += 2 * SIMD_WIDTH)
        image_forward(2, shape, k, image, weight, bias);
    for (; k < channels.end; k += SIMD_WIDTH)
        image_forward(1, shape, k, image, weight, bias);
    size_t width = (size_t)(channels.end - channels.begin), k0 = (size_t)channels.begin;
    size_t pixels = (size_t)shape->p * (size_t)shape->q;
    if (width == (size_t)shape->k) {
        width *= pixels;
        pixels = 1;
    }
    for (size_t i = 0; i < pixels; i++) {
        size_t at = i * (size_t)shape->k + k0;
        activate(shape->activation, image->y + at,
                 image->slope ? image->slope + at : NULL, width);
    }
}
