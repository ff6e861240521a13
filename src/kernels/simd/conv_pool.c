/* Convolution 3x3, max-pooling 2x2 and activation fused: the inner loops of forward
   (kernels/conv_pool.h). Images have their borders. */
#include "conv_pool.h"

#include "bytes.h"
#include "mask.h"
#include "simd.h"
#include "winograd.h"

/* Vectors of channels whose sums are in registers at once: with four pixels each and the
   weights they fill them. */
#if SIMD_WIDTH == 16
#define FORWARD_VECTORS 4
#define SINGLE_VECTORS  2
#else
#define FORWARD_VECTORS 2
#define SINGLE_VECTORS  1
#endif

/* The largest of four, or NaN if one of them is, and the index of the first largest. */
SIMD_INLINE void conv_pool_max(const simd_float pixel[4], simd_float *best,
                               simd_int *where)
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

/* Stores the maximum of four pixels and its place at `at` of the results. */
SIMD_INLINE void conv_pool_store(const struct conv_pool_result *out, size_t at,
                                 const simd_float pixel[4], const float *bias, int lanes)
{
    simd_float best, add = bias ? simd_load(bias, lanes) : (simd_float){0};
    simd_int where;
    conv_pool_max(pixel, &best, &where);
    simd_store(out->y + at, best + add, lanes);
    if (out->argmax)
        simd_store_bytes(out->argmax + at, where, lanes);
}

/* The operands of one image. */
struct conv_pool_image {
    const struct conv_pool_shape *shape;
    struct span rows; /* of the output */
    const struct conv_pool_result *out;
    const float *x, *weight, *bias;
};

/* Stores maxima in y. The activation follows when the image is complete: its long chain
   of dependent operations would delay the next window. */
SIMD_INLINE void conv_pool_store_window(int vectors, const struct conv_pool_image *image,
                                        int k, int window, simd_float sum[][4])
{
    int filters = image->shape->k;
    size_t at = (size_t)window * (size_t)filters + (size_t)k;
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++, k += SIMD_WIDTH, at += SIMD_WIDTH)
        conv_pool_store(image->out, at, sum[v], image->bias ? image->bias + k : NULL,
                        filters - k);
}

/* With one input channel the nine weights of a filter stay in registers. */
SIMD_INLINE void conv_pool_single_windows(int vectors,
                                          const struct conv_pool_image *image, int k,
                                          const float *const panel[])
{
    const struct conv_pool_shape *shape = image->shape;
    ptrdiff_t row = shape->w + 2 * shape->pad;
    simd_float weight[9][SINGLE_VECTORS];
    for (int t = 0; t < 9; t++)
        for (int v = 0; v < vectors; v++)
            weight[t][v] = simd_full(panel[v] + t * KERNELS_GROUP);
    int window = image->rows.begin * shape->q;
    for (int p = image->rows.begin; p < image->rows.end; p++) {
        const float *x = image->x + 2 * p * row;
        for (int q = 0; q < shape->q; q++, window++, x += 2) {
            simd_float sum[SINGLE_VECTORS][4] = {0};
#pragma GCC unroll 16
            for (int i = 0; i < 16; i++) {
                simd_float a = simd_broadcast(x[i / 4 * row + i % 4]);
#pragma GCC unroll 4
                for (int j = 0; j < 4; j++) {
                    int r = i / 4 - j / 2, s = i % 4 - j % 2;
                    if (r < 0 || r > 2 || s < 0 || s > 2)
                        continue;
#pragma GCC unroll 2
                    for (int v = 0; v < vectors; v++)
                        sum[v][j] = simd_multiply_add(a, weight[3 * r + s][v], sum[v][j]);
                }
            }
            conv_pool_store_window(vectors, image, k, window, sum);
        }
    }
}

/* sum[v][i]: output pixel i of the window whose corner is x, for vector v, whose weights
   begin at panel[v]. */
SIMD_INLINE void conv_pool_window_sums(int vectors, int c, ptrdiff_t row, const float *x,
                                       const float *const panel[], simd_float sum[][4])
{
    for (int v = 0; v < vectors; v++)
        for (int i = 0; i < 4; i++)
            sum[v][i] = (simd_float){0};
    for (int r = 0; r < 3; r++) {
        const float *x0 = x + r * row, *x1 = x0 + row;
        ptrdiff_t w = (ptrdiff_t)r * 3 * c * KERNELS_GROUP;
        /* One loop over s and c: a row of a patch is contiguous. */
        for (int i = 0; i < 3 * c; i++, w += KERNELS_GROUP) {
            simd_float a[4] = {simd_broadcast(x0[i]), simd_broadcast(x0[i + c]),
                               simd_broadcast(x1[i]), simd_broadcast(x1[i + c])};
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) {
                simd_float f = simd_full(panel[v] + w);
#pragma GCC unroll 4
                for (int j = 0; j < 4; j++)
                    sum[v][j] = simd_multiply_add(a[j], f, sum[v][j]);
            }
        }
    }
}

/* All windows of the rows, for `vectors` vectors of filters from k on; vectors is a
   constant at each call. */
SIMD_INLINE void conv_pool_windows(int vectors, const struct conv_pool_image *image,
                                   int k)
{
    const struct conv_pool_shape *shape = image->shape;
    const float *panel[FORWARD_VECTORS];
    int c = shape->c;
    ptrdiff_t row = (ptrdiff_t)(shape->w + 2 * shape->pad) * c;
    for (int v = 0; v < vectors; v++) {
        int first = k + v * SIMD_WIDTH, group = first / KERNELS_GROUP;
        panel[v] = image->weight + (ptrdiff_t)group * 9 * c * KERNELS_GROUP +
                   first % KERNELS_GROUP;
    }
    if (c == 1 && vectors <= SINGLE_VECTORS) {
        conv_pool_single_windows(vectors, image, k, panel);
        return;
    }
    int window = image->rows.begin * shape->q;
    for (int p = image->rows.begin; p < image->rows.end; p++) {
        const float *x = image->x + 2 * p * row;
        for (int q = 0; q < shape->q; q++, window++, x += 2 * (ptrdiff_t)c) {
            simd_float sum[FORWARD_VECTORS][4];
            conv_pool_window_sums(vectors, c, row, x, panel, sum);
            conv_pool_store_window(vectors, image, k, window, sum);
        }
    }
}

/* In place; slope may be NULL. */
static void conv_pool_activate(int activation, float *y, float *slope, size_t n)
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

static void conv_pool_activate_image(const struct conv_pool_image *image,
                                     struct span channels)
{
    const struct conv_pool_shape *shape = image->shape;
    size_t width = (size_t)(channels.end - channels.begin), filters = (size_t)shape->k;
    size_t first = (size_t)image->rows.begin * (size_t)shape->q;
    size_t pixels = (size_t)image->rows.end * (size_t)shape->q - first;
    size_t at = first * filters + (size_t)channels.begin;
    if (width == filters) {
        width *= pixels;
        pixels = 1;
    }
    for (; pixels > 0; pixels--, at += filters)
        conv_pool_activate(shape->activation, image->out->y + at,
                           image->out->slope ? image->out->slope + at : NULL, width);
}

static void conv_pool_direct_rows(const struct conv_pool_shape *shape, struct span rows,
                                  struct span channels,
                                  const struct conv_pool_result *result, const float *x,
                                  const float *weight, const float *bias)
{
    const struct conv_pool_image image = {shape, rows, result, x, weight, bias};
    int k = channels.begin, most = shape->c == 1 ? SINGLE_VECTORS : FORWARD_VECTORS;
#if FORWARD_VECTORS > 2
    for (; most == FORWARD_VECTORS && channels.end - k > (most - 1) * SIMD_WIDTH;
         k += FORWARD_VECTORS * SIMD_WIDTH)
        conv_pool_windows(FORWARD_VECTORS, &image, k);
#endif
    for (; most >= 2 && channels.end - k > SIMD_WIDTH; k += 2 * SIMD_WIDTH)
        conv_pool_windows(2, &image, k);
    for (; k < channels.end; k += SIMD_WIDTH)
        conv_pool_windows(1, &image, k);
    conv_pool_activate_image(&image, channels);
}

/* --- Winograd --- */

/* The four pixels of one window, A' M A of one vector, columns first. */
SIMD_INLINE void conv_pool_window_pixels(simd_float pixel[4], const float *m,
                                         ptrdiff_t plane)
{
    simd_float half[8];
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        simd_float column[4];
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
            column[i] = simd_full(m + (4 * i + j) * plane);
        winograd2_output(half + j, 4, column, 1);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++)
        winograd2_output(pixel + 2 * i, 1, half + 4 * i, 1);
}

static void conv_pool_finish(const struct conv_pool_shape *shape,
                             const struct winograd_side *side, struct span windows,
                             const struct conv_pool_result *result, const float *m,
                             const float *bias)
{
    size_t filters = (size_t)shape->k, first = (size_t)windows.begin * filters;
    size_t at = first;
    for (int i = windows.begin; i < windows.end; i++, m += side->ld, at += filters)
        for (int k = 0; k < shape->k; k += SIMD_WIDTH) {
            simd_float pixel[4];
            conv_pool_window_pixels(pixel, m + k, side->plane);
            conv_pool_store(result, at + (size_t)k, pixel, bias ? bias + k : NULL,
                            shape->k - k);
        }
    conv_pool_activate(shape->activation, result->y + first,
                       result->slope ? result->slope + first : NULL, at - first);
}

#if SIMD_WIDTH == 16
extern const struct conv_pool_kernels conv_pool_v3;
#define CONV_POOL_NARROW &conv_pool_v3
#else
#define CONV_POOL_NARROW NULL
#endif

const struct conv_pool_kernels SIMD(conv_pool) = {
    .vector = SIMD_WIDTH,
    .direct = conv_pool_direct_rows,
    .finish = conv_pool_finish,
    .bias = SIMD(conv_pool_bias),
    .weight = SIMD(conv_pool_weight),
    .weight_thin = SIMD(conv_pool_weight_thin),
    .find_places = SIMD(conv_pool_find_places),
    .data = SIMD(conv_pool_data),
    .gather = SIMD(conv_pool_gather),
    .scatter = SIMD(conv_pool_scatter),
    .narrow = CONV_POOL_NARROW,
};
