/* Matrix products of linear layers (kernels/linear.h): tiles of the result are in
   registers, the matrix along whose rows vectors run is packed in strips as wide as a
   tile. A sum goes on from what the result holds, so every element is one chain of
   multiply-adds wherever its tile begins and however the terms are cut. */
#include "simd.h"

#if SIMD_WIDTH == 4
#define LINEAR_ROWS 4
#elif SIMD_WIDTH == 8
#define LINEAR_ROWS 6
#else
#define LINEAR_ROWS 8
#endif
#define LINEAR_VECTORS    2
#define LINEAR_COLUMNS    (LINEAR_VECTORS * SIMD_WIDTH)
#define LINEAR_TERMS      256 /* packed together */
#define LINEAR_NEAR_TERMS 128 /* of them in the first-level cache */
#define LINEAR_BLOCK_ROWS 48  /* of c that meet all strips */
#define LINEAR_AHEAD      8   /* rows of b that are asked for in advance */
#define LINEAR_STRIPS     (64 / LINEAR_COLUMNS) /* packed together */
#define LINEAR_PANEL      48  /* features that forward transposes at a time */
#define LINEAR_DEPTH      256 /* terms of a sum that forward packs at a time */
#define LINEAR_MANY       128 /* images for which packing the weights pays */

/* c[i, j] = start + sum over t < terms of a(i, t) b[t, j], where a(i, t) is
   a[i * row_a + t * term_a] and one of row_a and term_a is 1; b is a strip of
   LINEAR_COLUMNS columns; start is what c holds, or 0. */
struct linear_product {
    int terms;
    float *c;
    const float *a, *b;
    ptrdiff_t row_a, term_a, ld_c;
    bool go_on;
};

/* One tile; rows, vectors and across (is row_a 1?) are constants at each call. */
SIMD_INLINE void linear_tile(int rows, int vectors, int lanes, bool across,
                             const struct linear_product *p, int i)
{
    simd_float sum[LINEAR_ROWS][LINEAR_VECTORS] = {0};
    const float *a[LINEAR_ROWS], *b = p->b;
    ptrdiff_t row = across ? 1 : p->row_a, term = across ? p->term_a : 1;
    float *c = p->c + i * p->ld_c;
    for (int r = 0; r < rows; r++)
        a[r] = simd_opaque(p->a + (i + r) * row);
    if (p->go_on)
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
            for (int k = 0; k < vectors; k++)
                sum[r][k] =
                    simd_load(c + r * p->ld_c + k * SIMD_WIDTH, lanes - k * SIMD_WIDTH);
    for (int t = 0; t < p->terms; t++, b += LINEAR_COLUMNS) {
        simd_float v[LINEAR_VECTORS];
#pragma GCC unroll 2
        for (int k = 0; k < vectors; k++)
            v[k] = simd_full(b + k * SIMD_WIDTH);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            simd_float scale = simd_broadcast(across ? a[0][t * term + r] : a[r][t]);
#pragma GCC unroll 2
            for (int k = 0; k < vectors; k++)
                sum[r][k] = simd_multiply_add(scale, v[k], sum[r][k]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int k = 0; k < vectors; k++)
            simd_store(c + r * p->ld_c + k * SIMD_WIDTH, sum[r][k],
                       lanes - k * SIMD_WIDTH);
}

/* The first `lanes` columns of some rows. Four rows are enough to keep the multiply-adds
   busy, two are not. */
SIMD_INLINE void linear_strip_rows(int vectors, int lanes, bool across,
                                   const struct linear_product *p, struct span rows)
{
    int i = rows.begin;
    for (; rows.end - i >= LINEAR_ROWS && (LINEAR_ROWS != 6 || rows.end - i != 8);
         i += LINEAR_ROWS)
        linear_tile(LINEAR_ROWS, vectors, lanes, across, p, i);
    for (; rows.end - i >= 4; i += 4)
        linear_tile(4, vectors, lanes, across, p, i);
    for (; rows.end - i >= 2; i += 2)
        linear_tile(2, vectors, lanes, across, p, i);
    if (i < rows.end)
        linear_tile(1, vectors, lanes, across, p, i);
}

SIMD_INLINE void linear_strip(bool across, const struct linear_product *p,
                              struct span rows, int lanes)
{
    if (lanes >= LINEAR_COLUMNS)
        linear_strip_rows(LINEAR_VECTORS, LINEAR_COLUMNS, across, p, rows);
    else if (lanes > SIMD_WIDTH)
        linear_strip_rows(LINEAR_VECTORS, lanes, across, p, rows);
    else
        linear_strip_rows(1, lanes, across, p, rows);
}

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

/* Strips of rows t of b: to (strips, terms, LINEAR_COLUMNS). */
static void linear_pack(float *to, const float *b, ptrdiff_t ld, int terms, int columns)
{
    for (int t = 0; t < terms; t++, b += ld)
        for (int j = 0; j < columns; j += SIMD_WIDTH) {
            __builtin_prefetch(b + LINEAR_AHEAD * ld + j);
            simd_store(to + (j / LINEAR_COLUMNS * terms + t) * LINEAR_COLUMNS +
                           j % LINEAR_COLUMNS,
                       simd_load(b + j, columns - j), SIMD_WIDTH);
        }
}

/* The same of the transposed matrix: columns of b lie ld floats apart. */
static void linear_pack_turned(float *to, const float *b, ptrdiff_t ld, int terms,
                               int columns)
{
    for (int j = 0; j < columns; j += LINEAR_COLUMNS) {
        int width = columns - j < LINEAR_COLUMNS ? columns - j : LINEAR_COLUMNS;
        if (width < LINEAR_COLUMNS)
            memset(to + j * terms, 0, (size_t)(LINEAR_COLUMNS * terms) * sizeof *to);
        linear_transpose(to + j * terms, LINEAR_COLUMNS, b + j * ld, ld, width, terms);
    }
}

/* How b lies in memory. */
struct linear_matrix {
    ptrdiff_t ld;
    bool turned; /* columns, not rows, are ld floats apart */
};

/* A block of terms and strips with all rows, a few terms at a time. */
SIMD_INLINE void linear_block(bool across, const struct linear_product *block,
                              struct span rows, int columns)
{
    for (int i = rows.begin; i < rows.end; i += LINEAR_BLOCK_ROWS) {
        struct span some = {i, rows.end};
        if (some.end - i > LINEAR_BLOCK_ROWS)
            some.end = i + LINEAR_BLOCK_ROWS;
        for (int t = 0; t < block->terms; t += LINEAR_NEAR_TERMS) {
            struct linear_product p = *block;
            p.go_on = block->go_on || t > 0;
            p.terms = block->terms - t < LINEAR_NEAR_TERMS ? block->terms - t
                                                           : LINEAR_NEAR_TERMS;
            p.a += t * p.term_a;
            p.b += t * LINEAR_COLUMNS;
            for (int s = 0; s < columns; s += LINEAR_COLUMNS) {
                linear_strip(across, &p, some, columns - s);
                p.b += (ptrdiff_t)LINEAR_COLUMNS * block->terms;
                p.c += LINEAR_COLUMNS;
            }
        }
    }
}

SIMD_INLINE void linear_multiply(bool across, const struct linear_product *product,
                                 struct linear_matrix b, struct span rows,
                                 struct span columns)
{
    _Alignas(64) float strips[LINEAR_STRIPS * LINEAR_TERMS * LINEAR_COLUMNS];
    struct linear_product p = *product;
    p.b = strips;
    for (int j = columns.begin; j < columns.end; j += LINEAR_STRIPS * LINEAR_COLUMNS) {
        int width = columns.end - j;
        if (width > LINEAR_STRIPS * LINEAR_COLUMNS)
            width = LINEAR_STRIPS * LINEAR_COLUMNS;
        p.c = product->c + j;
        for (int t = 0; t < product->terms; t += LINEAR_TERMS) {
            p.terms =
                product->terms - t < LINEAR_TERMS ? product->terms - t : LINEAR_TERMS;
            p.go_on = product->go_on || t > 0;
            p.a = product->a + t * p.term_a;
            if (b.turned)
                linear_pack_turned(strips, product->b + j * b.ld + t, b.ld, p.terms,
                                   width);
            else
                linear_pack(strips, product->b + t * b.ld + j, b.ld, p.terms, width);
            linear_block(across, &p, rows, width);
        }
    }
}

void SIMD(linear_data)(const struct linear_shape *shape, struct span features, float *dx,
                       const float *dy, const float *weight)
{
    const struct linear_product p = {.terms = shape->out,
                                     .c = dx,
                                     .a = dy,
                                     .b = weight,
                                     .row_a = shape->out,
                                     .term_a = 1,
                                     .ld_c = shape->in};
    linear_multiply(false, &p, (struct linear_matrix){.ld = shape->in},
                    (struct span){0, shape->n}, features);
}

void SIMD(linear_weight)(const struct linear_shape *shape, struct span features,
                         float *dweight, const float *dy, const float *x)
{
    const struct linear_product p = {.terms = shape->n,
                                     .c = dweight,
                                     .a = dy,
                                     .b = x,
                                     .row_a = 1,
                                     .term_a = shape->out,
                                     .ld_c = shape->in};
    linear_multiply(true, &p, (struct linear_matrix){.ld = shape->in}, features,
                    (struct span){0, shape->in});
}

/* --- forward: with few images vectors run along them --- */

/* Buffers of forward, one set for each thread. */
struct linear_turned {
    _Alignas(64) float x[LINEAR_DEPTH * LINEAR_COLUMNS];    /* (terms, images) */
    _Alignas(64) float sums[LINEAR_PANEL * LINEAR_COLUMNS]; /* (features, images) */
};

/* The sums of some features and images begin with the bias, or go on from y. */
static void linear_start(struct linear_turned *turned, const float *y, ptrdiff_t ld,
                         const float *bias, int images, int features)
{
    if (y) {
        linear_transpose(turned->sums, LINEAR_COLUMNS, y, ld, images, features);
        return;
    }
    for (int f = 0; f < features; f++)
        for (int v = 0; v < LINEAR_VECTORS; v++)
            simd_store(turned->sums + f * LINEAR_COLUMNS + v * SIMD_WIDTH,
                       SIMD_ALL(bias ? bias[f] : 0.0f), SIMD_WIDTH);
}

static void linear_forward_few(const struct linear_shape *shape, struct span features,
                               float *y, const float *x, const float *weight,
                               const float *bias)
{
    struct linear_turned turned;
    memset(turned.x, 0, sizeof turned.x); /* lanes of no image */
    for (int i = 0; i < shape->n;
         i += LINEAR_COLUMNS, y += LINEAR_COLUMNS * (ptrdiff_t)shape->out) {
        int images = shape->n - i < LINEAR_COLUMNS ? shape->n - i : LINEAR_COLUMNS;
        for (int t = 0; t < shape->in; t += LINEAR_DEPTH) {
            int terms = shape->in - t < LINEAR_DEPTH ? shape->in - t : LINEAR_DEPTH;
            struct linear_product p = {.terms = terms,
                                       .c = turned.sums,
                                       .b = turned.x,
                                       .row_a = shape->in,
                                       .term_a = 1,
                                       .ld_c = LINEAR_COLUMNS,
                                       .go_on = true};
            linear_transpose(turned.x, LINEAR_COLUMNS, x + (ptrdiff_t)i * shape->in + t,
                             shape->in, images, terms);
            for (int f = features.begin; f < features.end; f += LINEAR_PANEL) {
                int count =
                    features.end - f < LINEAR_PANEL ? features.end - f : LINEAR_PANEL;
                linear_start(&turned, t > 0 ? y + f : NULL, shape->out,
                             bias ? bias + f : NULL, images, count);
                p.a = weight + (ptrdiff_t)f * shape->in + t;
                linear_strip(false, &p, (struct span){0, count},
                             images > SIMD_WIDTH ? LINEAR_COLUMNS : SIMD_WIDTH);
                linear_transpose(y + f, shape->out, turned.sums, LINEAR_COLUMNS, count,
                                 images);
            }
        }
    }
}

void SIMD(linear_forward)(const struct linear_shape *shape, struct span features,
                          float *y, const float *x, const float *weight,
                          const float *bias)
{
    if (shape->n < LINEAR_MANY) {
        linear_forward_few(shape, features, y, x, weight, bias);
        return;
    }
    const struct linear_product p = {.terms = shape->in,
                                     .c = y,
                                     .a = x,
                                     .b = weight,
                                     .row_a = shape->in,
                                     .term_a = 1,
                                     .ld_c = shape->out,
                                     .go_on = true};
    SIMD(fill_rows)
    (y + features.begin, bias ? bias + features.begin : NULL, shape->n,
     features.end - features.begin, shape->out);
    linear_multiply(false, &p, (struct linear_matrix){shape->in, true},
                    (struct span){0, shape->n}, features);
}
