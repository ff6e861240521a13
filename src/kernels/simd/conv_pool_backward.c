/* Convolution 3x3, max-pooling 2x2 and activation fused: the inner loops of backward
   (kernels/conv_pool.h). Images have their borders; g is the gradient of the maxima. */
#include "conv_pool.h"

#include "bytes.h"

#define ROWS 3 /* of a patch; times WEIGHT_VECTORS sums fit into the registers */
#if SIMD_WIDTH == 16
#define WEIGHT_VECTORS 6
#define THIN_VECTORS   2
#else
#define WEIGHT_VECTORS 4
#define THIN_VECTORS   1
#endif
#define BIAS_VECTORS 4
#define WINDOWS      32               /* whose patches are found at a time */
#define PLACES       64               /* windows whose argmax are turned at a time */
#define FILTER       (9 * SIMD_WIDTH) /* floats of one filter in a packed panel */

/* Floats of one row of an image with its border. */
SIMD_INLINE ptrdiff_t conv_pool_row(const struct conv_pool_shape *shape)
{
    return (ptrdiff_t)(shape->w + 2 * shape->pad) * shape->c;
}

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

static void conv_pool_add_bias(const struct conv_pool_shape *shape, struct span channels,
                               float *dbias, const struct conv_pool_block *block)
{
    const int wide = BIAS_VECTORS * SIMD_WIDTH;
    int k = channels.begin;
    for (; channels.end - k >= wide; k += wide)
        conv_pool_bias_sums(BIAS_VECTORS, SIMD_WIDTH, dbias + k, block->g + k, shape,
                            block->windows);
    for (; k < channels.end; k += SIMD_WIDTH)
        conv_pool_bias_sums(1, channels.end - k, dbias + k, block->g + k, shape,
                            block->windows);
}

/* The next vectors of a row, so that their numbers differ by at most one. */
SIMD_INLINE int conv_pool_vectors(int columns)
{
    int left = (columns + SIMD_WIDTH - 1) / SIMD_WIDTH;
    int parts = (left + WEIGHT_VECTORS - 1) / WEIGHT_VECTORS;
    return (left + parts - 1) / parts;
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

/* dweight of one filter, `vectors` vectors of each of its rows of 3 C floats: adds one
   patch of x for each window. A row of a patch is contiguous as well. last: lanes of the
   last vector. */
SIMD_INLINE void conv_pool_patch_sums(int vectors, int last,
                                      const struct conv_pool_shape *shape, float *dweight,
                                      const float *x,
                                      const struct conv_pool_patches *patches, int filter)
{
    simd_float sum[ROWS][WEIGHT_VECTORS];
    ptrdiff_t row = conv_pool_row(shape), length = 3 * (ptrdiff_t)shape->c;
    const float *g = patches->g + filter;
    const int32_t *at = patches->at[0] + filter;
#pragma GCC unroll 3
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 6
        for (int v = 0; v < vectors; v++)
            sum[r][v] = simd_load(dweight + r * length + v * SIMD_WIDTH,
                                  v < vectors - 1 ? SIMD_WIDTH : last);
    for (int i = patches->windows; i > 0; i--, g += shape->k, at += KERNELS_GROUP) {
        const float *patch = x + *at;
        simd_float scale = simd_broadcast(*g);
#pragma GCC unroll 3
        for (int r = 0; r < ROWS; r++, patch = simd_opaque(patch + row))
#pragma GCC unroll 6
            for (int v = 0; v < vectors; v++)
                sum[r][v] = simd_multiply_add(scale, simd_full(patch + v * SIMD_WIDTH),
                                              sum[r][v]);
    }
#pragma GCC unroll 3
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 6
        for (int v = 0; v < vectors; v++)
            simd_store(dweight + r * length + v * SIMD_WIDTH, sum[r][v],
                       v < vectors - 1 ? SIMD_WIDTH : last);
}

/* The same for all filters of a group; patches begin at x. */
#define CONV_POOL_PATCHES(vectors)                                                       \
    static void conv_pool_patches_##vectors(                                             \
        int last, const struct conv_pool_shape *shape, float *dweight, const float *x,   \
        int filters, const struct conv_pool_patches *patches)                            \
    {                                                                                    \
        ptrdiff_t filter = 9 * (ptrdiff_t)shape->c;                                      \
        for (int i = 0; last == SIMD_WIDTH && i < filters; i++)                          \
            conv_pool_patch_sums(vectors, SIMD_WIDTH, shape, dweight + i * filter, x,    \
                                 patches, i);                                            \
        for (int i = 0; last < SIMD_WIDTH && i < filters; i++)                           \
            conv_pool_patch_sums(vectors, last, shape, dweight + i * filter, x, patches, \
                                 i);                                                     \
    }

CONV_POOL_PATCHES(1)
CONV_POOL_PATCHES(2)
CONV_POOL_PATCHES(3)
CONV_POOL_PATCHES(4)
#if WEIGHT_VECTORS == 6
CONV_POOL_PATCHES(5)
CONV_POOL_PATCHES(6)
#endif

static void (*const conv_pool_patches[WEIGHT_VECTORS])(
    int last, const struct conv_pool_shape *shape, float *dweight, const float *x,
    int filters, const struct conv_pool_patches *patches) = {
    conv_pool_patches_1, conv_pool_patches_2, conv_pool_patches_3, conv_pool_patches_4,
#if WEIGHT_VECTORS == 6
    conv_pool_patches_5, conv_pool_patches_6,
#endif
};

void SIMD(conv_pool_weight)(const struct conv_pool_shape *shape, struct span channels,
                            struct span columns, float *dweight, float *dbias,
                            const struct conv_pool_block *block)
{
    struct conv_pool_patches patches;
    if (columns.begin == 0)
        conv_pool_add_bias(shape, channels, dbias, block);
    for (int first = 0; first < block->windows; first += WINDOWS)
        for (int c = columns.begin, vectors; c < columns.end; c += vectors * SIMD_WIDTH) {
            vectors = conv_pool_vectors(columns.end - c);
            int rest = columns.end - c - (vectors - 1) * SIMD_WIDTH;
            int last = rest < SIMD_WIDTH ? rest : SIMD_WIDTH;
            for (int k = channels.begin; k < channels.end; k += KERNELS_GROUP) {
                int left = channels.end - k;
                conv_pool_find_patches(&patches, shape, k, first, block);
                conv_pool_patches[vectors - 1](
                    last, shape, dweight + (ptrdiff_t)k * 9 * shape->c + c, block->x + c,
                    left < KERNELS_GROUP ? left : KERNELS_GROUP, &patches);
            }
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
    ptrdiff_t row = conv_pool_row(shape);
    int left = block->windows - first;
    float *to = fours->four;
    fours->windows = left < WINDOWS ? left : WINDOWS;
    fours->g = block->g + (size_t)first * (size_t)shape->k;
    fours->argmax = block->argmax + (size_t)first * (size_t)shape->k;
    for (int i = 0; i < fours->windows; i++) {
        const float *patch = x + block->corner[first + i];
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

void SIMD(conv_pool_weight_thin)(const struct conv_pool_shape *shape,
                                 struct span channels, float *sum, float *dbias,
                                 const struct conv_pool_block *block)
{
    const int wide = THIN_VECTORS * SIMD_WIDTH;
    int groups = (shape->k + KERNELS_GROUP - 1) / KERNELS_GROUP;
    struct conv_pool_fours fours;
    conv_pool_add_bias(shape, channels, dbias, block);
    for (int first = 0; first < block->windows; first += WINDOWS)
        for (int c = 0; c < shape->c; c++) {
            float *to = sum + (ptrdiff_t)c * 9 * groups * KERNELS_GROUP;
            int k = channels.begin;
            conv_pool_find_fours(&fours, shape, first, block->x + c, block);
            for (; channels.end - k > wide - SIMD_WIDTH; k += wide)
                conv_pool_thin_sums(THIN_VECTORS, shape, k, to + k, &fours);
            for (; k < channels.end; k += SIMD_WIDTH)
                conv_pool_thin_sums(1, shape, k, to + k, &fours);
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

/* The weights of 64 filters for one vector of channels stay in the first-level cache for
   PLACES windows. */
void SIMD(conv_pool_data)(const struct conv_pool_shape *shape, struct span inputs,
                          float *dx, const float *weight,
                          const struct conv_pool_block *block)
{
    uint64_t filters[PLACES][4];
    for (int k = 0; k < shape->k; k += 64)
        for (int first = 0; first < block->windows; first += PLACES) {
            int count = shape->k - k < 64 ? shape->k - k : 64;
            int left = block->windows - first, windows = left < PLACES ? left : PLACES;
            size_t at = (size_t)first * (size_t)shape->k + (size_t)k;
            for (int i = 0; i < windows; i++)
                conv_pool_find_places(
                    filters[i], block->argmax + at + (size_t)i * (size_t)shape->k, count);
            for (int c = inputs.begin; c < inputs.end; c += SIMD_WIDTH)
                for (int i = 0; i < windows; i++)
                    conv_pool_window_data(
                        shape, inputs.end - c, dx + block->corner[first + i] + c,
                        weight + (ptrdiff_t)c * shape->k * 9 + (ptrdiff_t)k * FILTER,
                        block->g + at + (size_t)i * (size_t)shape->k, filters[i]);
        }
}
