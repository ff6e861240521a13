/* Convolution 3x3, max-pooling 2x2 and activation fused: the inner loops of backward
   (kernels/conv_pool.h). Images have their borders; g is the gradient of the maxima. */
#include "conv_pool.h"

#include "bytes.h"

#if SIMD_WIDTH == 16
#define PATCH_VECTORS 2 /* times nine taps: the sums fit into the registers */
#define THIN_VECTORS  2
#else
#define PATCH_VECTORS 1
#define THIN_VECTORS  1
#endif
#define WINDOWS 64                  /* whose patches are found at a time */
#define FILTER  (9 * SIMD_WIDTH) /* floats of one filter in a packed panel */

/* Floats of one row of an image with its border. */
SIMD_INLINE ptrdiff_t conv_pool_row(const struct conv_pool_shape *shape)
{
    return (ptrdiff_t)(shape->w + 2 * shape->pad) * shape->c;
}

/* --- weights --- */

static void conv_pool_add_bias(const struct conv_pool_shape *shape, struct span channels,
                               float *dbias, const struct conv_pool_block *block)
{
    for (int k = channels.begin; k < channels.end; k += SIMD_WIDTH) {
        int lanes = channels.end - k;
        const float *g = block->g + k;
        simd_float sum = simd_load(dbias + k, lanes);
        for (int i = 0; i < block->windows; i++, g += shape->k)
            sum += simd_load(g, lanes);
        simd_store(dbias + k, sum, lanes);
    }
}

/* The patches of x that KERNELS_GROUP filters use, for some windows. */
struct conv_pool_patches {
    int windows;
    const float *g;                     /* (windows, KERNELS_GROUP of K) */
    int32_t at[WINDOWS][KERNELS_GROUP]; /* offset of each in x */
};

SIMD_INLINE void conv_pool_find_patches(struct conv_pool_patches *patches,
                                        const struct conv_pool_shape *shape, int k,
                                        int first, const struct conv_pool_block *block)
{
    int row = (int)conv_pool_row(shape), left = shape->k - k;
    const simd_int place = {0, shape->c, row, row + shape->c};
    size_t at = (size_t)first * (size_t)shape->k + (size_t)k;
    patches->g = block->g + at;
    patches->windows =
        block->windows - first < WINDOWS ? block->windows - first : WINDOWS;
    for (int i = 0; i < patches->windows; i++, at += (size_t)shape->k) {
        for (int lane = 0; lane < KERNELS_GROUP; lane += SIMD_WIDTH) {
            simd_int where = simd_load_bytes(block->argmax + at + lane, left - lane);
            where = block->corner[first + i] + __builtin_shuffle(place, where);
            memcpy(patches->at[i] + lane, &where, sizeof where);
        }
    }
}

/* dweight of filter `filter` of the group, `vectors` vectors of input channels: adds one
   patch of x for each window, with the sums of all nine taps in registers. */
SIMD_INLINE void conv_pool_patch_sums(int vectors, int lanes,
                                      const struct conv_pool_shape *shape, float *dweight,
                                      const float *x,
                                      const struct conv_pool_patches *patches, int filter)
{
    simd_float sum[9][PATCH_VECTORS];
    ptrdiff_t row = conv_pool_row(shape), c = shape->c;
    const float *g = patches->g + filter;
    const int32_t *at = patches->at[0] + filter;
    for (int t = 0; t < 9; t++)
        for (int v = 0; v < vectors; v++)
            sum[t][v] =
                simd_load(dweight + t * c + v * SIMD_WIDTH, lanes - v * SIMD_WIDTH);
    for (int i = patches->windows; i > 0; i--, g += shape->k, at += KERNELS_GROUP) {
        const float *patch = x + *at;
        simd_float scale = simd_broadcast(*g);
#pragma GCC unroll 3
        for (int r = 0; r < 3; r++, patch = simd_opaque(patch + row))
#pragma GCC unroll 3
            for (int s = 0; s < 3; s++)
#pragma GCC unroll 2
                for (int v = 0; v < vectors; v++)
                    sum[3 * r + s][v] = simd_multiply_add(
                        scale, simd_full(patch + s * c + v * SIMD_WIDTH),
                        sum[3 * r + s][v]);
    }
    for (int t = 0; t < 9; t++)
        for (int v = 0; v < vectors; v++)
            simd_store(dweight + t * c + v * SIMD_WIDTH, sum[t][v],
                       lanes - v * SIMD_WIDTH);
}

/* dweight of the first `filters` filters of a group. */
static void conv_pool_group_sums(const struct conv_pool_shape *shape, struct span inputs,
                                 float *dweight, const float *x, int filters,
                                 const struct conv_pool_patches *patches)
{
    const int wide = PATCH_VECTORS * SIMD_WIDTH;
    for (int c = inputs.begin; c < inputs.end; c += wide) {
        int left = inputs.end - c;
        for (int i = 0; i < filters; i++) {
            float *to = dweight + (ptrdiff_t)i * 9 * shape->c + c;
            if (left >= wide)
                conv_pool_patch_sums(PATCH_VECTORS, wide, shape, to, x + c, patches, i);
            else if (left > wide - SIMD_WIDTH)
                conv_pool_patch_sums(PATCH_VECTORS, left, shape, to, x + c, patches, i);
            else
                conv_pool_patch_sums(1, left, shape, to, x + c, patches, i);
        }
    }
}

void SIMD(conv_pool_weight)(const struct conv_pool_shape *shape, struct span channels,
                            struct span inputs, float *dweight, float *dbias,
                            const struct conv_pool_block *block)
{
    struct conv_pool_patches patches;
    if (inputs.begin == 0)
        conv_pool_add_bias(shape, channels, dbias, block);
    for (int k = channels.begin; k < channels.end; k += KERNELS_GROUP) {
        int left = channels.end - k,
            filters = left < KERNELS_GROUP ? left : KERNELS_GROUP;
        for (int first = 0; first < block->windows; first += WINDOWS) {
            conv_pool_find_patches(&patches, shape, k, first, block);
            conv_pool_group_sums(shape, inputs, dweight + (ptrdiff_t)k * 9 * shape->c,
                                 block->x, filters, &patches);
        }
    }
}

/* With few input channels, vectors run along the filters instead. For each tap a filter
   uses one of four elements of x, selected by its argmax. */
SIMD_INLINE void conv_pool_thin_sums(int vectors, int step,
                                     const struct conv_pool_shape *shape, int k,
                                     float *to, const float *x,
                                     const struct conv_pool_block *block)
{
    ptrdiff_t row = conv_pool_row(shape);
    int padded = (shape->k + KERNELS_GROUP - 1) / KERNELS_GROUP * KERNELS_GROUP;
    simd_float acc[9][THIN_VECTORS];
    for (int t = 0; t < 9; t++)
        for (int v = 0; v < vectors; v++)
            acc[t][v] = simd_full(to + (ptrdiff_t)t * padded + v * SIMD_WIDTH);
    for (int i = 0; i < block->windows; i++) {
        const float *patch = x + block->corner[i];
        size_t at = (size_t)i * (size_t)shape->k + (size_t)k;
        simd_float g[THIN_VECTORS];
        simd_int where[THIN_VECTORS];
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) {
            int lanes = shape->k - k - v * SIMD_WIDTH;
            g[v] = simd_load(block->g + at + v * SIMD_WIDTH, lanes);
            where[v] = simd_load_bytes(block->argmax + at + v * SIMD_WIDTH, lanes);
        }
#pragma GCC unroll 9
        for (int t = 0; t < 9; t++) {
            const float *tap = patch + t / 3 * row + t % 3 * step;
            simd_float four = simd_pairs(tap, tap + row, step);
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++)
                acc[t][v] = simd_multiply_add(g[v], __builtin_shuffle(four, where[v]),
                                              acc[t][v]);
        }
    }
    for (int t = 0; t < 9; t++)
        for (int v = 0; v < vectors; v++)
            simd_store(to + (ptrdiff_t)t * padded + v * SIMD_WIDTH, acc[t][v],
                       SIMD_WIDTH);
}

void SIMD(conv_pool_weight_thin)(const struct conv_pool_shape *shape,
                                 struct span channels, float *sum, float *dbias,
                                 const struct conv_pool_block *block)
{
    const int wide = THIN_VECTORS * SIMD_WIDTH;
    int groups = (shape->k + KERNELS_GROUP - 1) / KERNELS_GROUP, step = shape->c;
    conv_pool_add_bias(shape, channels, dbias, block);
    for (int c = 0; c < shape->c; c++) {
        const float *x = block->x + c;
        float *to = sum + (ptrdiff_t)c * 9 * groups * KERNELS_GROUP;
        int k = channels.begin;
        for (; step == 1 && channels.end - k > wide - SIMD_WIDTH; k += wide)
            conv_pool_thin_sums(THIN_VECTORS, 1, shape, k, to + k, x, block);
        for (; channels.end - k > wide - SIMD_WIDTH; k += wide)
            conv_pool_thin_sums(THIN_VECTORS, step, shape, k, to + k, x, block);
        for (; k < channels.end; k += SIMD_WIDTH)
            conv_pool_thin_sums(1, step, shape, k, to + k, x, block);
    }
}

/* --- inputs --- */

/* filters[a]: a bit mask of the filters, at most 64, whose argmax is a. */
static void conv_pool_find_places(uint64_t filters[4], const uint8_t *argmax, int count)
{
    uint8_t buffer[64];
    if (count < 64) {
        memset(buffer, 0xff, sizeof buffer);
        memcpy(buffer, argmax, (size_t)count);
        argmax = buffer;
    }
    for (int a = 0; a < 4; a++)
        filters[a] = simd_equal_bytes(argmax, (uint8_t)a);
}

/* Adds one window's patches of some filters to dx from channel c on, place by place,
   3 x 3 pixels at a time. */
SIMD_INLINE void conv_pool_window_data(const struct conv_pool_shape *shape, int lanes,
                                           float *dx, const float *weight, const float *g,
                                           const uint64_t filters[4])
{
    ptrdiff_t row = conv_pool_row(shape);
    for (int a = 0; a < 4; a++) {
        if (!filters[a])
            continue;
        simd_float sum[9] = {0};
        for (uint64_t left = filters[a]; left; left &= left - 1) {
            ptrdiff_t k = __builtin_ctzll(left);
            const float *w = weight + k * FILTER;
            simd_float scale = simd_broadcast(g[k]);
#pragma GCC unroll 9
            for (int t = 0; t < 9; t++)
                sum[t] = simd_multiply_add(scale, simd_full(w + t * SIMD_WIDTH), sum[t]);
        }
        float *to = dx + a / 2 * row + (ptrdiff_t)(a % 2) * shape->c;
#pragma GCC unroll 9
        for (int t = 0; t < 9; t++) {
            float *at = to + t / 3 * row + (ptrdiff_t)(t % 3) * shape->c;
            simd_store(at, simd_load(at, lanes) + sum[t], lanes);
        }
    }
}

/* Loops over input channels, filters, then images: the weights of 64 filters for one
   vector of channels stay in the first-level cache for all images. */
void SIMD(conv_pool_data)(const struct conv_pool_shape *shape, struct span inputs,
                          float *dx, const float *weight,
                          const struct conv_pool_block *block)
{
    for (int c = inputs.begin; c < inputs.end; c += SIMD_WIDTH) {
        const float *panel = weight + (ptrdiff_t)c * shape->k * 9;
        for (int k = 0; k < shape->k; k += 64) {
            int count = shape->k - k < 64 ? shape->k - k : 64;
            for (int i = 0; i < block->windows; i++) {
                size_t at = (size_t)i * (size_t)shape->k + (size_t)k;
                uint64_t filters[4];
                conv_pool_find_places(filters, block->argmax + at, count);
                conv_pool_window_data(shape, inputs.end - c, dx + block->corner[i] + c,
                            panel + (ptrdiff_t)k * FILTER, block->g + at, filters);
            }
        }
    }
}
