/* Small matrix products for linear layers (kernels/linear.h): tiles of the result are in
   registers; only the images of forward are packed (transposed). Every element is one
   chain of multiply-adds in the order of the sum, wherever its tile begins. */
#include "simd.h"

#if SIMD_WIDTH == 4
#define ROWS 4
#elif SIMD_WIDTH == 8
#define ROWS 6
#else
#define ROWS 8
#endif
#define VECTORS 2
#define COLUMNS (VECTORS * SIMD_WIDTH)
#define PANEL   48  /* features that forward transposes at a time */
#define DEPTH   512 /* terms of a sum that forward packs at a time */

/* c[i, j] = sum over t < terms of a(i, t) b[t, j], where a(i, t) is
   a[i * row_a + t * term_a] and one of row_a and term_a is 1. */
struct linear_product {
    int terms;
    float *c;
    const float *a, *b;
    ptrdiff_t row_a, term_a, ld_b, ld_c;
};

/* One tile; rows, vectors and across (is row_a 1?) are constants at each call. */
SIMD_INLINE void linear_tile(int rows, int vectors, int lanes, bool across,
                             const struct linear_product *p, int i, int j)
{
    simd_float sum[ROWS][VECTORS] = {0};
    const float *a[ROWS], *b = p->b + j;
    ptrdiff_t row = across ? 1 : p->row_a, term = across ? p->term_a : 1;
    for (int r = 0; r < rows; r++)
        a[r] = simd_opaque(p->a + (i + r) * row);
    for (int t = 0; t < p->terms; t++, b += p->ld_b) {
        simd_float v[VECTORS];
#pragma GCC unroll 2
        for (int k = 0; k < vectors; k++)
            v[k] = simd_load(b + k * SIMD_WIDTH, lanes - k * SIMD_WIDTH);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            float scale = across ? a[0][t * term + r] : a[r][t];
#pragma GCC unroll 2
            for (int k = 0; k < vectors; k++)
                sum[r][k] += scale * v[k];
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int k = 0; k < vectors; k++)
            simd_store(p->c + (i + r) * p->ld_c + j + k * SIMD_WIDTH, sum[r][k],
                       lanes - k * SIMD_WIDTH);
}

/* Columns [j, j + lanes) of rows [i, end). */
SIMD_INLINE void linear_strip(int vectors, int lanes, bool across,
                              const struct linear_product *p, struct span rows, int j)
{
    int i = rows.begin;
    for (; rows.end - i >= ROWS; i += ROWS)
        linear_tile(ROWS, vectors, lanes, across, p, i, j);
    for (; rows.end - i >= 2; i += 2)
        linear_tile(2, vectors, lanes, across, p, i, j);
    if (i < rows.end)
        linear_tile(1, vectors, lanes, across, p, i, j);
}

SIMD_INLINE void linear_multiply(bool across, const struct linear_product *p,
                                 struct span rows, struct span columns)
{
    int j = columns.begin;
    for (; columns.end - j >= COLUMNS; j += COLUMNS)
        linear_strip(VECTORS, COLUMNS, across, p, rows, j);
    if (columns.end - j > SIMD_WIDTH)
        linear_strip(VECTORS, columns.end - j, across, p, rows, j);
    else if (columns.end > j)
        linear_strip(1, columns.end - j, across, p, rows, j);
}

void SIMD(linear_data)(const struct linear_shape *shape, struct span features, float *dx,
                       const float *dy, const float *weight)
{
    const struct linear_product p = {.terms = shape->out,
                                     .c = dx,
                                     .a = dy,
                                     .b = weight,
                                     .row_a = shape->out,
                                     .ld_b = shape->in,
                                     .ld_c = shape->in};
    linear_multiply(false, &p, (struct span){0, shape->n}, features);
}

void SIMD(linear_weight)(const struct linear_shape *shape, struct span features,
                         float *dweight, const float *dy, const float *x)
{
    const struct linear_product p = {.terms = shape->n,
                                     .c = dweight,
                                     .a = dy,
                                     .b = x,
                                     .term_a = shape->out,
                                     .ld_b = shape->in,
                                     .ld_c = shape->in};
    linear_multiply(true, &p, features, (struct span){0, shape->in});
}

/* --- forward: vectors run along the images --- */

typedef float quad __attribute__((vector_size(16)));
typedef int32_t quad_places __attribute__((vector_size(16)));

SIMD_INLINE void linear_transpose_quad(float *to, ptrdiff_t ld_to, const float *from,
                                       ptrdiff_t ld_from)
{
    quad v[4], w[4];
    for (int i = 0; i < 4; i++)
        memcpy(&v[i], from + i * ld_from, sizeof v[i]);
    for (int i = 0; i < 2; i++) {
        w[i] = __builtin_shuffle(v[i], v[i + 2], (quad_places){0, 4, 1, 5});
        w[i + 2] = __builtin_shuffle(v[i], v[i + 2], (quad_places){2, 6, 3, 7});
    }
    for (int i = 0; i < 2; i++) {
        quad low = __builtin_shuffle(w[2 * i], w[2 * i + 1], (quad_places){0, 4, 1, 5});
        quad high = __builtin_shuffle(w[2 * i], w[2 * i + 1], (quad_places){2, 6, 3, 7});
        memcpy(to + (2 * i) * ld_to, &low, sizeof low);
        memcpy(to + (2 * i + 1) * ld_to, &high, sizeof high);
    }
}

/* to[j, i] = from[i, j]. */
static void linear_transpose(float *to, ptrdiff_t ld_to, const float *from,
                             ptrdiff_t ld_from, int rows, int columns)
{
    int whole = rows / 4 * 4, i = 0;
    for (; i < whole; i += 4) {
        int j = 0;
        for (; columns - j >= 4; j += 4)
            linear_transpose_quad(to + j * ld_to + i, ld_to, from + i * ld_from + j,
                                  ld_from);
        for (; j < columns; j++)
            for (int r = i; r < i + 4; r++)
                to[j * ld_to + r] = from[r * ld_from + j];
    }
    for (; i < rows; i++)
        for (int j = 0; j < columns; j++)
            to[j * ld_to + i] = from[i * ld_from + j];
}

/* Buffers of forward, one set for each thread. */
struct linear_turned {
    _Alignas(64) float x[DEPTH * COLUMNS];    /* (terms, images) */
    _Alignas(64) float sums[PANEL * COLUMNS]; /* (features, images) */
    _Alignas(64) float y[COLUMNS * PANEL];    /* (images, features) */
};

/* y = y + sums of one panel, or bias + sums if bias is not NULL; y (images, features), ld
   floats from image to image. */
static void linear_add_sums(float *y, ptrdiff_t ld, struct linear_turned *turned,
                            const float *bias, int images, int features)
{
    linear_transpose(turned->y, PANEL, turned->sums, COLUMNS, features, images);
    for (int i = 0; i < images; i++, y += ld) {
        const float *from = bias ? bias : y, *sums = turned->y + i * PANEL;
#pragma omp simd
        for (int f = 0; f < features; f++)
            y[f] = from[f] + sums[f];
    }
}

void SIMD(linear_forward)(const struct linear_shape *shape, struct span features,
                          float *y, const float *x, const float *weight,
                          const float *bias)
{
    struct linear_turned turned;
    for (int i = 0; i < shape->n; i += COLUMNS) {
        int images = shape->n - i < COLUMNS ? shape->n - i : COLUMNS;
        int lanes = (images + SIMD_WIDTH - 1) / SIMD_WIDTH * SIMD_WIDTH;
        if (images < lanes)
            memset(turned.x, 0, sizeof turned.x); /* lanes of no image */
        for (int t = 0; t < shape->in; t += DEPTH) {
            int terms = shape->in - t < DEPTH ? shape->in - t : DEPTH;
            linear_transpose(turned.x, COLUMNS, x + (ptrdiff_t)i * shape->in + t,
                             shape->in, images, terms);
            struct linear_product p = {.terms = terms,
                                       .c = turned.sums,
                                       .b = turned.x,
                                       .row_a = shape->in,
                                       .ld_b = COLUMNS,
                                       .ld_c = COLUMNS};
            for (int f = features.begin; f < features.end; f += PANEL) {
                int count = features.end - f < PANEL ? features.end - f : PANEL;
                p.a = weight + (ptrdiff_t)f * shape->in + t;
                linear_multiply(false, &p, (struct span){0, count},
                                (struct span){0, lanes});
                linear_add_sums(y + (ptrdiff_t)i * shape->out + f, shape->out, &turned,
                                t == 0 && bias ? bias + f : NULL, images, count);
            }
        }
    }
}
