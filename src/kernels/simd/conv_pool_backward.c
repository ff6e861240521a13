/* Convolution 3x3, max-pooling 2x2 and activation fused: the inner loops of backward
   (kernels/conv_pool.h). g is the gradient of the maxima. */
#include "conv_pool.h"

#include "bytes.h"

#if SIMD_WIDTH == 16
#define THIN_VECTORS 2
#else
#define THIN_VECTORS 1
#endif
#define BIAS_VECTORS 4
#define WINDOWS      32                            /* whose fours are found at a time */
#define LINE         16                            /* floats of a cache line */
#define FILTER       (CONV_POOL_TAPS * SIMD_WIDTH) /* packed floats of one filter */

/* --- weights --- */

/* Several vectors at once, so that no addition waits for the one before it. */
SIMD_INLINE void conv_pool_bias_sums(int vectors, int lanes, float *dbias, const float *g,
                                     const struct conv_pool_shape *shape, int windows)
{
    simd_float sum[BIAS_VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++)
        sum[v] = simd_load(dbias + v * SIMD_WIDTH, lanes);
    for (int i = 0; i < windows; i++, g += shape->k)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            sum[v] += simd_load(g + v * SIMD_WIDTH, lanes);
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++)
        simd_store(dbias + v * SIMD_WIDTH, sum[v], lanes);
}

void SIMD(conv_pool_bias)(const struct conv_pool_shape *shape, struct span filters,
                          float *dbias, const struct conv_pool_block *block)
{
    const int wide = BIAS_VECTORS * SIMD_WIDTH;
    int k = filters.begin;
    for (; filters.end - k >= wide; k += wide)
        conv_pool_bias_sums(BIAS_VECTORS, SIMD_WIDTH, dbias + k, block->g + k, shape,
                            block->windows);
    for (; k < filters.end; k += SIMD_WIDTH)
        conv_pool_bias_sums(1, filters.end - k, dbias + k, block->g + k, shape,
                            block->windows);
}

/* Where KERNELS_GROUP filters have their patches of x, for some windows, and g beside it:
   windows are K apart in g and argmax, which for many K is bad for a cache. */
struct conv_pool_patches {
    int windows;
    int32_t at[CONV_POOL_WINDOWS][KERNELS_GROUP]; /* offset in x, in floats */
    float g[CONV_POOL_WINDOWS][KERNELS_GROUP];
};

SIMD_INLINE void conv_pool_find_patches(struct conv_pool_patches *patches,
                                        const struct conv_pool_shape *shape, int k,
                                        const struct conv_pool_block *block)
{
    int left = shape->k - k;
    const simd_int place = {0, KERNELS_GROUP, block->columns * KERNELS_GROUP,
                            (block->columns + 1) * KERNELS_GROUP};
    const uint8_t *argmax = block->argmax + k;
    const float *g = block->g + k;
    patches->windows = block->windows;
    for (int i = 0; i < block->windows; i++, argmax += shape->k, g += shape->k) {
        int corner = block->corner[i] * KERNELS_GROUP;
        __builtin_prefetch(g + KERNELS_GROUP); /* for the next filters */
#pragma GCC unroll 4
        for (int lane = 0; lane < KERNELS_GROUP; lane += SIMD_WIDTH) {
            simd_int where = simd_load_bytes(argmax + lane, left - lane);
            where = corner + __builtin_shuffle(place, where);
            memcpy(patches->at[i] + lane, &where, sizeof where);
            simd_store(patches->g[i] + lane, simd_load(g + lane, left - lane),
                       SIMD_WIDTH);
        }
    }
}

/* Adds one patch of x for each window to the sums of one filter, one vector of
   channels. */
static void conv_pool_patch_sums(float *to, const float *x, ptrdiff_t row,
                                 const struct conv_pool_patches *patches, int filter)
{
    simd_float sum[CONV_POOL_TAPS];
    const float *g = patches->g[0] + filter;
    const int32_t *at = patches->at[0] + filter;
#pragma GCC unroll 9
    for (int t = 0; t < CONV_POOL_TAPS; t++)
        sum[t] = simd_full(to + t * KERNELS_GROUP);
    for (int i = patches->windows; i > 0; i--, g += KERNELS_GROUP, at += KERNELS_GROUP) {
        const float *patch = x + *at;
        simd_float scale = simd_broadcast(*g);
#pragma GCC unroll 3
        for (int r = 0; r < 3; r++, patch = simd_opaque(patch + row))
#pragma GCC unroll 3
            for (int s = 0; s < 3; s++)
                sum[3 * r + s] = simd_multiply_add(
                    scale, simd_full(patch + s * KERNELS_GROUP), sum[3 * r + s]);
    }
#pragma GCC unroll 9
    for (int t = 0; t < CONV_POOL_TAPS; t++)
        simd_store(to + t * KERNELS_GROUP, sum[t], SIMD_WIDTH);
}

void SIMD(conv_pool_weight)(const struct conv_pool_shape *shape, struct span filters,
                            int lanes, float *sum, const float *x,
                            const struct conv_pool_block *block)
{
    struct conv_pool_patches patches;
    ptrdiff_t row = (ptrdiff_t)block->columns * KERNELS_GROUP;
    for (int k = filters.begin; k < filters.end; k += KERNELS_GROUP) {
        int left = filters.end - k, count = left < KERNELS_GROUP ? left : KERNELS_GROUP;
        conv_pool_find_patches(&patches, shape, k, block);
        for (int c = 0; c < lanes; c += SIMD_WIDTH)
            for (int i = 0; i < count; i++)
                conv_pool_patch_sums(
                    sum + (ptrdiff_t)(k + i) * CONV_POOL_TAPS * KERNELS_GROUP + c, x + c,
                    row, &patches, i);
    }
}

/* With few input channels, vectors run along the filters instead. For each tap a filter
   uses one of four elements of x, selected by its argmax. */
struct conv_pool_fours {
    int windows;
    const float *g;
    const uint8_t *argmax;
    float four[WINDOWS * 9 * 4 + SIMD_WIDTH]; /* stored as whole vectors */
};

SIMD_INLINE void conv_pool_find_fours(struct conv_pool_fours *fours,
                                      const struct conv_pool_shape *shape, int first,
                                      const float *x, const struct conv_pool_block *block)
{
    ptrdiff_t row = (ptrdiff_t)block->columns * shape->c;
    int left = block->windows - first;
    float *to = fours->four;
    fours->windows = left < WINDOWS ? left : WINDOWS;
    fours->g = block->g + (size_t)first * (size_t)shape->k;
    fours->argmax = block->argmax + (size_t)first * (size_t)shape->k;
    for (int i = 0; i < fours->windows; i++) {
        const float *patch = x + (ptrdiff_t)block->corner[first + i] * shape->c;
#pragma GCC unroll 9
        for (int t = 0; t < 9; t++, to += 4) {
            const float *tap = patch + t / 3 * row + t % 3 * shape->c;
            simd_float four = shape->c == 1 ? simd_pairs(tap, tap + row, 1)
                                            : simd_pairs(tap, tap + row, shape->c);
            simd_store(to, four, SIMD_WIDTH);
        }
    }
}

SIMD_INLINE void conv_pool_thin_sums(int vectors, const struct conv_pool_shape *shape,
                                     int k, float *to,
                                     const struct conv_pool_fours *fours)
{
    int padded = (shape->k + KERNELS_GROUP - 1) / KERNELS_GROUP * KERNELS_GROUP;
    const float *four = fours->four;
    simd_float acc[9][THIN_VECTORS];
    size_t at = (size_t)k;
    for (int t = 0; t < 9; t++)
        for (int v = 0; v < vectors; v++)
            acc[t][v] = simd_full(to + (ptrdiff_t)t * padded + v * SIMD_WIDTH);
    for (int i = 0; i < fours->windows; i++, at += (size_t)shape->k) {
        simd_float g[THIN_VECTORS];
        simd_int where[THIN_VECTORS];
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) {
            int lanes = shape->k - k - v * SIMD_WIDTH;
            g[v] = simd_load(fours->g + at + v * SIMD_WIDTH, lanes);
            where[v] = simd_load_bytes(fours->argmax + at + v * SIMD_WIDTH, lanes);
        }
#pragma GCC unroll 9
        for (int t = 0; t < 9; t++, four += 4)
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++)
                acc[t][v] =
                    simd_multiply_add(g[v], simd_one_of_four(four, where[v]), acc[t][v]);
    }
    for (int t = 0; t < 9; t++)
        for (int v = 0; v < vectors; v++)
            simd_store(to + (ptrdiff_t)t * padded + v * SIMD_WIDTH, acc[t][v],
                       SIMD_WIDTH);
}

void SIMD(conv_pool_weight_thin)(const struct conv_pool_shape *shape, struct span filters,
                                 float *sum, const float *x,
                                 const struct conv_pool_block *block)
{
    const int wide = THIN_VECTORS * SIMD_WIDTH;
    int groups = (shape->k + KERNELS_GROUP - 1) / KERNELS_GROUP;
    struct conv_pool_fours fours;
    for (int first = 0; first < block->windows; first += WINDOWS)
        for (int c = 0; c < shape->c; c++) {
            float *to = sum + (ptrdiff_t)c * 9 * groups * KERNELS_GROUP;
            int k = filters.begin;
            conv_pool_find_fours(&fours, shape, first, x + c, block);
            for (; filters.end - k > wide - SIMD_WIDTH; k += wide)
                conv_pool_thin_sums(THIN_VECTORS, shape, k, to + k, &fours);
            for (; k < filters.end; k += SIMD_WIDTH)
                conv_pool_thin_sums(1, shape, k, to + k, &fours);
        }
}

/* --- inputs --- */

/* filters[a]: a bit mask of the filters, at most 64, whose argmax is a. */
static void conv_pool_find_filters(uint64_t filters[4], const uint8_t *argmax, int count)
{
    uint8_t buffer[CONV_POOL_FILTERS];
    if (count < CONV_POOL_FILTERS) {
        memset(buffer, 0xff, sizeof buffer);
        memcpy(buffer, argmax, (size_t)count);
        argmax = buffer;
    }
    for (int a = 0; a < 4; a++)
        filters[a] = simd_equal_bytes(argmax, (uint8_t)a);
}

void SIMD(conv_pool_find_places)(const struct conv_pool_shape *shape, uint64_t *place,
                                 const struct conv_pool_block *block)
{
    const uint8_t *argmax = block->argmax;
    for (int i = 0; i < block->windows; i++, argmax += shape->k)
        for (int k = 0; k < shape->k; k += CONV_POOL_FILTERS, place += 4) {
            int left = shape->k - k;
            conv_pool_find_filters(place, argmax + k,
                                   left < CONV_POOL_FILTERS ? left : CONV_POOL_FILTERS);
        }
}

/* As simd_opaque. */
SIMD_INLINE float *conv_pool_next_row(float *to, ptrdiff_t row)
{
    to += row;
    __asm__("" : "+r"(to));
    return to;
}

/* Adds one window's patches of some filters to dx, place by place, 3 x 3 pixels at a
   time. */
SIMD_INLINE void conv_pool_window_data(float *dx, ptrdiff_t row, const float *weight,
                                       const float *g, const uint64_t filters[4])
{
    for (int a = 0; a < 4; a++) {
        if (!filters[a])
            continue;
        simd_float sum[CONV_POOL_TAPS] = {0};
        for (uint64_t left = filters[a]; left; left &= left - 1) {
            ptrdiff_t k = __builtin_ctzll(left);
            const float *w = simd_opaque(weight + k * FILTER);
            simd_float scale = simd_broadcast(g[k]);
#pragma GCC unroll 9
            for (int t = 0; t < CONV_POOL_TAPS; t++)
                sum[t] = simd_multiply_add(scale, simd_full(w + t * SIMD_WIDTH), sum[t]);
        }
        float *to = dx + a / 2 * row + (ptrdiff_t)(a % 2) * KERNELS_GROUP;
#pragma GCC unroll 3
        for (int r = 0; r < 3; r++, to = conv_pool_next_row(to, row))
#pragma GCC unroll 3
            for (int c = 0; c < 3; c++) {
                float *at = to + c * KERNELS_GROUP;
                simd_store(at, simd_full(at) + sum[3 * r + c], SIMD_WIDTH);
            }
    }
}

/* What one window reads that is far from what the one before read, some windows ahead,
   and its share of the weights that follow. */
SIMD_INLINE void conv_pool_prefetch(const float *g, const uint64_t *place,
                                    const float *weight, int lines)
{
    for (int j = 0; j < CONV_POOL_FILTERS; j += LINE)
        __builtin_prefetch(g + j);
    __builtin_prefetch(place);
    for (int j = 0; j < lines * LINE; j += LINE)
        __builtin_prefetch(weight + j, 0, 2);
}

/* The weights of 64 filters for one vector of channels stay in the first-level cache for
   all windows. */
void SIMD(conv_pool_data)(const struct conv_pool_shape *shape, int lanes, float *dx,
                          const float *weight, const uint64_t *place,
                          const struct conv_pool_block *block)
{
    const int panel = CONV_POOL_FILTERS * FILTER,
              lines = panel / LINE / block->windows + 1;
    const ptrdiff_t vector = (ptrdiff_t)shape->k * FILTER,
                    ahead = 2 * (ptrdiff_t)shape->k;
    const ptrdiff_t row = (ptrdiff_t)block->columns * KERNELS_GROUP;
    const ptrdiff_t step =
        (shape->k + CONV_POOL_FILTERS - 1) / CONV_POOL_FILTERS * (ptrdiff_t)4;
    for (int k = 0; k < shape->k; k += CONV_POOL_FILTERS, place += 4, weight += panel)
        for (int c = 0; c < lanes; c += SIMD_WIDTH) {
            const float *w = weight + c / SIMD_WIDTH * vector, *g = block->g + k;
            const float *next = c + SIMD_WIDTH < lanes ? w + vector : weight + panel;
            const uint64_t *filters = place;
            for (int i = 0; i < block->windows; i++) {
                conv_pool_prefetch(g + ahead, filters + 2 * step, next, lines);
                conv_pool_window_data(dx + (ptrdiff_t)block->corner[i] * KERNELS_GROUP +
                                          c,
                                      row, w, g, filters);
                g += shape->k;
                filters += step;
                next += (ptrdiff_t)lines * LINE;
            }
        }
}

/* --- frames --- */

SIMD_INLINE void conv_pool_copy(float *to, ptrdiff_t to_step, int stored,
                                const float *from, ptrdiff_t from_step, int lanes,
                                int pixels)
{
    for (int i = 0; i < pixels; i++, to += to_step, from += from_step)
#pragma GCC unroll 4
        for (int v = 0; v < KERNELS_GROUP; v += SIMD_WIDTH)
            simd_store(to + v, simd_load(from + v, lanes - v), stored - v);
}

void SIMD(conv_pool_gather)(float *to, const float *from, int pixels, int c, int lanes)
{
    if (lanes == KERNELS_GROUP)
        conv_pool_copy(to, KERNELS_GROUP, KERNELS_GROUP, from, c, KERNELS_GROUP, pixels);
    else
        conv_pool_copy(to, KERNELS_GROUP, KERNELS_GROUP, from, c, lanes, pixels);
}

void SIMD(conv_pool_scatter)(float *to, const float *from, int pixels, int c, int lanes)
{
    if (lanes == KERNELS_GROUP)
        conv_pool_copy(to, c, KERNELS_GROUP, from, KERNELS_GROUP, KERNELS_GROUP, pixels);
    else
        conv_pool_copy(to, c, lanes, from, KERNELS_GROUP, lanes, pixels);
}
