/*
 * The micro-kernels of kernels/product.h.
 *
 * A tile is ROWS x VECTORS sums in registers: for each j (forward) or m (weight), VECTORS
 * vectors are loaded and ROWS values broadcast. TILES makes one function for each size,
 * so that a matrix is cut into tiles of nearly equal size and no sum is computed in vain.
 */
#include "curve.h"
#include "prologue.h"
#include "simd.h"

#if SIMD_WIDTH == 16 || defined(__ARM_NEON)
#define TILE_VECTORS 4 /* 24 sums, 4 vectors and a broadcast in 32 registers */
#else
#define TILE_VECTORS 2 /* 12 sums, 2 vectors and a broadcast in 16 registers */
#endif
#define TILE_COLUMNS (TILE_VECTORS * SIMD_WIDTH)
#define TILE_LINE    16 /* floats of a cache line */

/* One table entry for each number of rows and vectors. */
#if TILE_VECTORS == 4
#define TILE_SIZES(name, rows)                                                     \
    {                                                                              \
        name##_##rows##_1, name##_##rows##_2, name##_##rows##_3, name##_##rows##_4 \
    }
#define TILE_FUNCTIONS(name, type, rows) \
    TILE_FUNCTION(name, type, rows, 1)   \
    TILE_FUNCTION(name, type, rows, 2)   \
    TILE_FUNCTION(name, type, rows, 3)   \
    TILE_FUNCTION(name, type, rows, 4)
#else
#define TILE_SIZES(name, rows)               \
    {                                        \
        name##_##rows##_1, name##_##rows##_2 \
    }
#define TILE_FUNCTIONS(name, type, rows) \
    TILE_FUNCTION(name, type, rows, 1)   \
    TILE_FUNCTION(name, type, rows, 2)
#endif
#define TILE_FUNCTION(name, type, rows, vectors)                              \
    static void name##_##rows##_##vectors(const struct type *p, int r, int c) \
    {                                                                         \
        name##_tile(p, r, c, rows, vectors);                                  \
    }
#define TILES(name, type)                                                               \
    TILE_FUNCTIONS(name, type, 1)                                                       \
    TILE_FUNCTIONS(name, type, 2)                                                       \
    TILE_FUNCTIONS(name, type, 3)                                                       \
    TILE_FUNCTIONS(name, type, 4)                                                       \
    TILE_FUNCTIONS(name, type, 5)                                                       \
    TILE_FUNCTIONS(name, type, 6)                                                       \
    static void (*const name##_tiles[PRODUCT_ROWS][TILE_VECTORS])(const struct type *p, \
                                                                  int r, int c) = {     \
        TILE_SIZES(name, 1), TILE_SIZES(name, 2), TILE_SIZES(name, 3),                  \
        TILE_SIZES(name, 4), TILE_SIZES(name, 5), TILE_SIZES(name, 6)};

/* The rows of the next tile, so that those of `rows` differ by at most one. */
SIMD_INLINE int tile_rows(int rows)
{
    int tiles = (rows + PRODUCT_ROWS - 1) / PRODUCT_ROWS;
    return (rows + tiles - 1) / tiles;
}

/* Vectors that hold the columns [c, columns) of a tile, and the columns of vector v. */
SIMD_INLINE int tile_vectors(int columns, int c)
{
    int vectors = (columns - c + SIMD_WIDTH - 1) / SIMD_WIDTH;
    return vectors < TILE_VECTORS ? vectors : TILE_VECTORS;
}

struct forward_product {
    const struct product_rows *a;
    const float *b;
    const struct product_result *y;
};

SIMD_INLINE void forward_activate(enum activation kind,
                                  simd_float sum[PRODUCT_ROWS][TILE_VECTORS], int rows,
                                  int vectors)
{
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++)
        curve_rectify(kind, sum[i], vectors);
}

SIMD_INLINE void forward_tile(const struct forward_product *p, int r, int c, int rows,
                              int vectors)
{
    const struct product_rows *a = p->a;
    const struct product_result *y = p->y;
    simd_float sum[PRODUCT_ROWS][TILE_VECTORS];
    const float *from[PRODUCT_ROWS], *b = p->b + c;
    int left = y->columns - c, depth = a->depth;
    /* The panel's next columns, or the next panel: they follow each other in memory. */
    ptrdiff_t ahead = c + TILE_COLUMNS < y->columns
                          ? TILE_COLUMNS
                          : (ptrdiff_t)a->taps * depth * PRODUCT_PANEL - c;
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++) {
        from[i] = a->from + a->at[r + i];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            sum[i][v] = (simd_float){0};
    }
    if (y->start != PRODUCT_ZERO)
#pragma GCC unroll 6
        for (int i = 0; i < rows; i++) {
            const float *start =
                y->start == PRODUCT_BIAS ? y->bias : y->to + y->at[r + i];
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++)
                sum[i][v] = simd_load(start + c + v * SIMD_WIDTH, left - v * SIMD_WIDTH);
        }
    for (int t = 0; t < a->taps; t++) {
        for (int d = 0; d < depth; d++, b += PRODUCT_PANEL) {
            simd_float column[TILE_VECTORS];
#pragma GCC unroll 4
            for (int v = 0; v < vectors * SIMD_WIDTH; v += TILE_LINE)
                __builtin_prefetch(b + ahead + v);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++)
                column[v] = simd_full(b + v * SIMD_WIDTH);
#pragma GCC unroll 6
            for (int i = 0; i < rows; i++) {
                simd_float one = simd_broadcast(from[i][d]);
#pragma GCC unroll 4
                for (int v = 0; v < vectors; v++)
                    sum[i][v] = simd_multiply_add(one, column[v], sum[i][v]);
            }
        }
#pragma GCC unroll 6
        for (int i = 0; i < rows; i++)
            from[i] += a->step;
    }
    if (y->activation != ACTIVATION_NONE)
        forward_activate(y->activation, sum, rows, vectors);
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            simd_store(y->to + y->at[r + i] + c + v * SIMD_WIDTH, sum[i][v],
                       left - v * SIMD_WIDTH);
}

TILES(forward, forward_product)

void SIMD(product_forward)(const struct product_rows *a, const float *b,
                           const struct product_result *y)
{
    const struct forward_product p = {a, b, y};
    for (int c = 0; c < y->columns; c += TILE_COLUMNS)
        for (int r = 0, rows; r < a->rows; r += rows) {
            rows = tile_rows(a->rows - r);
            forward_tiles[rows - 1][tile_vectors(y->columns, c) - 1](&p, r, c);
        }
}

struct weight_product {
    const struct product_rows *a;
    const struct product_gradient *y;
    float *g;
};

#define AHEAD 12 /* rows of a that are asked for in advance */

/* whole: the last vector does not reach beyond y's columns, where y may end. */
SIMD_INLINE void weight_sums(const struct weight_product *p, int j, int c, int rows,
                             int vectors, int whole,
                             simd_float sum[PRODUCT_ROWS][TILE_VECTORS])
{
    const float *from = p->a->from + j, *dy = p->y->from + c;
    const ptrdiff_t *from_at = p->a->at, *dy_at = p->y->at;
    int count = p->a->rows, left = p->y->columns - c;
    for (int m = 0; m < count; m++) {
        const float *one = from + from_at[m], *many = dy + dy_at[m];
        simd_float column[TILE_VECTORS];
        /* Pixels of many channels are too far apart for the processor to guess. */
        __builtin_prefetch(from + from_at[m + AHEAD < count ? m + AHEAD : m]);
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            column[v] = whole || v < vectors - 1 ? simd_full(many + v * SIMD_WIDTH)
                                                 : simd_load_part(many + v * SIMD_WIDTH,
                                                                  left - v * SIMD_WIDTH);
#pragma GCC unroll 6
        for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++)
                sum[i][v] =
                    simd_multiply_add(simd_broadcast(one[i]), column[v], sum[i][v]);
    }
}

SIMD_INLINE void weight_tile(const struct weight_product *p, int j, int c, int rows,
                             int vectors)
{
    simd_float sum[PRODUCT_ROWS][TILE_VECTORS];
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            sum[i][v] = (simd_float){0};
    if (p->y->columns - c >= vectors * SIMD_WIDTH)
        weight_sums(p, j, c, rows, vectors, 1, sum);
    else
        weight_sums(p, j, c, rows, vectors, 0, sum);
    float *g = p->g + (size_t)j * PRODUCT_PANEL + c;
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            float *to = g + i * PRODUCT_PANEL + v * SIMD_WIDTH;
            if (p->y->start == PRODUCT_GO_ON)
                sum[i][v] += simd_full(to);
            simd_store(to, sum[i][v], SIMD_WIDTH);
        }
}

TILES(weight, weight_product)

void SIMD(product_weight)(const struct product_rows *a, const struct product_gradient *y,
                          float *g)
{
    const struct weight_product p = {a, y, g};
    for (int c = 0; c < y->columns; c += TILE_COLUMNS)
        for (int j = 0, rows; j < a->depth; j += rows) {
            rows = tile_rows(a->depth - j);
            weight_tiles[rows - 1][tile_vectors(y->columns, c) - 1](&p, j, c);
        }
}

void SIMD(prologue_copy)(float *to, const float *from, const struct matrix *m,
                         const struct prologue *p)
{
    for (int c = 0; c < m->columns; c += SIMD_WIDTH) {
        int lanes = m->columns - c;
        struct simd_prologue q = simd_prologue(p, c, lanes);
        for (int i = 0; i < m->rows; i++) {
            ptrdiff_t at = (ptrdiff_t)i * m->ld + c;
            simd_store(to + at, simd_prologue_apply(&q, simd_load(from + at, lanes)),
                       lanes);
        }
    }
}
