/* Sums over the pixels of an image and normalisation (kernels/batchnorm.h). Vectors run
   along the channels: the order of a channel's sum does not depend on their width. */
#include "kernels/batchnorm.h"
#include "curve.h"
#include "prologue.h"

/* sum[j] += v[j] */
SIMD_INLINE void batchnorm_flush(double *sum, simd_float v, int lanes)
{
    float chain[SIMD_WIDTH];
    simd_store(chain, v, SIMD_WIDTH);
    for (int l = 0; l < SIMD_WIDTH && l < lanes; l++)
        sum[l] += (double)chain[l];
}

SIMD_INLINE int batchnorm_chunk_end(int first, int rows)
{
    return rows - first < BATCHNORM_CHUNK ? rows : first + BATCHNORM_CHUNK;
}

void SIMD(sum_channels)(double *sum, const float *x, const struct matrix *m)
{
    int rows = m->rows, columns = m->columns, ld = m->ld;
    memset(sum, 0, (size_t)columns * sizeof *sum);
    for (int first = 0; first < rows; first += BATCHNORM_CHUNK) {
        int end = batchnorm_chunk_end(first, rows);
        for (int j = 0; j < columns; j += SIMD_WIDTH) {
            int lanes = columns - j;
            simd_float chain = {0};
            for (int i = first; i < end; i++)
                chain += simd_load(x + (size_t)i * (size_t)ld + j, lanes);
            batchnorm_flush(sum + j, chain, lanes);
        }
    }
}

void SIMD(sum_squares)(double *sum, const float *x, const float *mean,
                       const struct matrix *m)
{
    int rows = m->rows, columns = m->columns, ld = m->ld;
    memset(sum, 0, (size_t)columns * sizeof *sum);
    for (int first = 0; first < rows; first += BATCHNORM_CHUNK) {
        int end = batchnorm_chunk_end(first, rows);
        for (int j = 0; j < columns; j += SIMD_WIDTH) {
            int lanes = columns - j;
            simd_float chain = {0}, centre = simd_load(mean + j, lanes);
            for (int i = first; i < end; i++) {
                simd_float d = simd_load(x + (size_t)i * (size_t)ld + j, lanes) - centre;
                chain = simd_multiply_add(d, d, chain);
            }
            batchnorm_flush(sum + j, chain, lanes);
        }
    }
}

/* --- moments --- */

/* Vectors that are in hand at once: two lines of channels, so that enough independent
   sums run. */
#define BATCHNORM_VECTORS (32 / SIMD_WIDTH)

/* A chunk's pixels about a float near their mean; and how many. */
struct batchnorm_chunk {
    float centre[SIMD_WIDTH], sum[SIMD_WIDTH], square[SIMD_WIDTH];
};

/* `vectors` whole vectors of channels, or one of `lanes`. The chunk comes from memory
   once; the second time it is in the cache. */
SIMD_INLINE void batchnorm_chunk(struct batchnorm_chunk *chunk, const float *x, int ld,
                                 int rows, int vectors, int lanes)
{
    simd_float sum[BATCHNORM_VECTORS] = {0}, square[BATCHNORM_VECTORS] = {0};
    simd_float centre[BATCHNORM_VECTORS];
    const float *from = x;
    for (int i = 0; i < rows; i++, from += ld)
        for (int v = 0; v < vectors; v++)
            sum[v] += simd_load(from + v * SIMD_WIDTH, lanes);
    for (int v = 0; v < vectors; v++) {
        centre[v] = sum[v] * SIMD_ALL(1.0f / (float)rows);
        sum[v] = (simd_float){0};
    }
    for (int i = 0; i < rows; i++, x += ld)
        for (int v = 0; v < vectors; v++) {
            simd_float d = simd_load(x + v * SIMD_WIDTH, lanes) - centre[v];
            sum[v] += d;
            square[v] = simd_multiply_add(d, d, square[v]);
        }
    for (int v = 0; v < vectors; v++) {
        simd_store(chunk[v].centre, centre[v], SIMD_WIDTH);
        simd_store(chunk[v].sum, sum[v], SIMD_WIDTH);
        simd_store(chunk[v].square, square[v], SIMD_WIDTH);
    }
}

/* Adds a chunk of `rows` pixels to the moments of the `before` pixels. */
SIMD_INLINE void batchnorm_merge(double *mean, double *squares,
                                 const struct batchnorm_chunk *chunk, int before,
                                 int rows, int lanes)
{
    double part = (double)rows / (before + rows), weight = part * before;
    for (int l = 0; l < lanes; l++) {
        double rest = (double)chunk->sum[l] / rows;
        double difference = (double)chunk->centre[l] + rest - mean[l];
        squares[l] += (double)chunk->square[l] - (double)chunk->sum[l] * rest +
                      difference * difference * weight;
        mean[l] += difference * part;
    }
}

SIMD_INLINE void batchnorm_panel(double *mean, double *squares, const float *x,
                                 const struct matrix *m, int vectors, int lanes)
{
    for (int first = 0; first < m->rows; first += BATCHNORM_CHUNK) {
        struct batchnorm_chunk chunk[BATCHNORM_VECTORS];
        int rows = batchnorm_chunk_end(first, m->rows) - first;
        batchnorm_chunk(chunk, x + (size_t)first * (size_t)m->ld, m->ld, rows, vectors,
                        lanes);
        for (int v = 0; v < vectors; v++)
            batchnorm_merge(mean + v * SIMD_WIDTH, squares + v * SIMD_WIDTH, &chunk[v],
                            first, rows, lanes);
    }
}

void SIMD(moments)(double *mean, double *squares, const float *x, const struct matrix *m)
{
    const int wide = BATCHNORM_VECTORS * SIMD_WIDTH;
    int j = 0;
    memset(mean, 0, (size_t)m->columns * sizeof *mean);
    memset(squares, 0, (size_t)m->columns * sizeof *squares);
    for (; j + wide <= m->columns; j += wide)
        batchnorm_panel(mean + j, squares + j, x + j, m, BATCHNORM_VECTORS, SIMD_WIDTH);
    for (; j + SIMD_WIDTH <= m->columns; j += SIMD_WIDTH)
        batchnorm_panel(mean + j, squares + j, x + j, m, 1, SIMD_WIDTH);
    if (j < m->columns)
        batchnorm_panel(mean + j, squares + j, x + j, m, 1, m->columns - j);
}

/* --- forward --- */

/* Rows that take a vector of factors from memory once. */
#define BATCHNORM_ROWS 8

SIMD_INLINE simd_float batchnorm_line(const struct simd_prologue *by, simd_float d)
{
    return simd_multiply_add(d, by->scale, by->shift);
}

SIMD_INLINE void batchnorm_write(enum activation kind, float *y, const float *x,
                                 const float *z, const struct simd_prologue *by, int ld,
                                 int rows, int lanes)
{
    simd_float slope;
    for (int i = 0; i < rows; i++, x += ld, y += ld) {
        simd_float value = batchnorm_line(by, simd_load(x, lanes) - by->mean);
        if (z)
            value += simd_load(z + (size_t)i * (size_t)ld, lanes);
        simd_store(y, curve_value(kind, value, &slope), lanes);
    }
}

/* In bands of rows, so that memory is read in order. */
SIMD_INLINE void batchnorm_normalise(enum activation kind, float *y, const float *x,
                                     const float *z, const struct prologue *by,
                                     const struct matrix *m)
{
    for (int first = 0; first < m->rows; first += BATCHNORM_ROWS) {
        size_t at = (size_t)first * (size_t)m->ld;
        int rows = m->rows - first < BATCHNORM_ROWS ? m->rows - first : BATCHNORM_ROWS;
        for (int j = 0; j < m->columns; j += SIMD_WIDTH) {
            int lanes = m->columns - j;
            const struct simd_prologue line = simd_prologue(by, j, lanes);
            size_t to = at + (size_t)j;
            const float *also = z ? z + to : NULL;
            if (lanes >= SIMD_WIDTH)
                batchnorm_write(kind, y + to, x + to, also, &line, m->ld, rows,
                                SIMD_WIDTH);
            else
                batchnorm_write(kind, y + to, x + to, also, &line, m->ld, rows, lanes);
        }
    }
}

void SIMD(normalise)(float *y, const float *x, const float *z, const struct prologue *by,
                     const struct matrix *m)
{
    if (z)
        CURVE_EACH(by->activation, batchnorm_normalise(KIND, y, x, z, by, m))
    else
        CURVE_EACH(by->activation, batchnorm_normalise(KIND, y, x, NULL, by, m))
}

/* --- backward --- */

/* Vectors that are in hand at once. */
#define BATCHNORM_PAIR 2

/* dz of a vector; d = x - mean. */
SIMD_INLINE simd_float batchnorm_dz(enum activation kind, simd_float dy, const float *y,
                                    simd_float d, const struct simd_prologue *by,
                                    int lanes)
{
    simd_float slope;
    if (kind == ACTIVATION_NONE)
        return dy;
    if (y)
        return curve_back(kind, dy, simd_load(y, lanes));
    simd_float value = curve_value(kind, batchnorm_line(by, d), &slope);
    return curve_back(kind, dy, curve_from_output(kind) ? value : slope);
}

/* A chunk of at most BATCHNORM_PAIR vectors of channels, all of them whole or only one. */
SIMD_INLINE void batchnorm_chunk_sums(enum activation kind, double *sum, double *product,
                                      const struct normalise_gradient *g,
                                      const struct simd_prologue *by,
                                      const struct matrix *m)
{
    int vectors = m->columns > SIMD_WIDTH ? BATCHNORM_PAIR : 1;
    int lanes = vectors > 1 ? SIMD_WIDTH : m->columns;
    simd_float plain[BATCHNORM_PAIR] = {0}, chain[BATCHNORM_PAIR] = {0};
    for (int i = 0; i < m->rows; i++)
        for (int v = 0; v < vectors; v++) {
            size_t at = (size_t)i * (size_t)m->ld + (size_t)(v * SIMD_WIDTH);
            simd_float d = simd_load(g->x + at, lanes) - by[v].mean;
            simd_float dz = batchnorm_dz(kind, simd_load(g->dy + at, lanes),
                                         g->y ? g->y + at : NULL, d, &by[v], lanes);
            if (g->dz)
                simd_store(g->dz + at, dz, lanes);
            plain[v] += dz;
            chain[v] = simd_multiply_add(dz, d, chain[v]);
        }
    for (int v = 0; v < vectors; v++) {
        batchnorm_flush(sum + v * SIMD_WIDTH, plain[v], lanes);
        batchnorm_flush(product + v * SIMD_WIDTH, chain[v], lanes);
    }
}

SIMD_INLINE struct normalise_gradient
batchnorm_gradient_at(const struct normalise_gradient *g, size_t at)
{
    return (struct normalise_gradient){g->dy + at, g->x + at, g->y ? g->y + at : NULL,
                                       g->dz ? g->dz + at : NULL};
}

/* A chunk's channels from j on. Returns how many. */
SIMD_INLINE int batchnorm_panel_sums(enum activation kind, double *sum, double *product,
                                     const struct normalise_gradient *all,
                                     const struct prologue *by, struct matrix m, int j)
{
    const struct normalise_gradient g = batchnorm_gradient_at(all, (size_t)j);
    struct simd_prologue line[BATCHNORM_PAIR];
    int left = m.columns - j;
    for (int v = 0; v < BATCHNORM_PAIR; v++)
        line[v] = simd_prologue(by, j + v * SIMD_WIDTH, left - v * SIMD_WIDTH);
    if (left >= BATCHNORM_PAIR * SIMD_WIDTH) { /* each with a number that is known */
        m.columns = BATCHNORM_PAIR * SIMD_WIDTH;
        batchnorm_chunk_sums(kind, sum + j, product + j, &g, line, &m);
    } else if (left >= SIMD_WIDTH) {
        m.columns = SIMD_WIDTH;
        batchnorm_chunk_sums(kind, sum + j, product + j, &g, line, &m);
    } else {
        m.columns = left;
        batchnorm_chunk_sums(kind, sum + j, product + j, &g, line, &m);
    }
    return m.columns;
}

SIMD_INLINE void batchnorm_sums(enum activation kind, double *sum, double *product,
                                const struct normalise_gradient *gradient,
                                const struct prologue *by, const struct matrix *m)
{
    for (int first = 0; first < m->rows; first += BATCHNORM_CHUNK) {
        const struct normalise_gradient g =
            batchnorm_gradient_at(gradient, (size_t)first * (size_t)m->ld);
        const struct matrix chunk = {batchnorm_chunk_end(first, m->rows) - first,
                                     m->columns, m->ld};
        for (int j = 0; j < m->columns;)
            j += batchnorm_panel_sums(kind, sum, product, &g, by, chunk, j);
    }
}

void SIMD(normalise_sums)(double *sum, double *product,
                          const struct normalise_gradient *g, const struct prologue *by,
                          const struct matrix *m)
{
    memset(sum, 0, (size_t)m->columns * sizeof *sum);
    memset(product, 0, (size_t)m->columns * sizeof *product);
    CURVE_EACH(by->activation, batchnorm_sums(KIND, sum, product, g, by, m))
}

SIMD_INLINE void batchnorm_write_back(enum activation kind, float *dx,
                                      const struct normalise_gradient *g,
                                      const struct simd_prologue *by,
                                      const simd_float factor[3], const struct matrix *m,
                                      int lanes)
{
    for (int i = 0; i < m->rows; i++) {
        size_t at = (size_t)i * (size_t)m->ld;
        simd_float d = simd_load(g->x + at, lanes) - by->mean;
        simd_float dz = batchnorm_dz(kind, simd_load(g->dy + at, lanes),
                                     g->y ? g->y + at : NULL, d, by, lanes);
        simd_float rest = simd_multiply_add(d, factor[1], factor[2]);
        simd_store(dx + at, simd_multiply_add(dz, factor[0], rest), lanes);
    }
}

SIMD_INLINE void batchnorm_back(enum activation kind, float *dx,
                                const struct normalise_gradient *gradient,
                                const struct prologue *by, const float *const factor[3],
                                const struct matrix *m)
{
    for (int first = 0; first < m->rows; first += BATCHNORM_ROWS) {
        size_t at = (size_t)first * (size_t)m->ld;
        int rows = m->rows - first < BATCHNORM_ROWS ? m->rows - first : BATCHNORM_ROWS;
        const struct matrix band = {rows, m->columns, m->ld};
        for (int j = 0; j < m->columns; j += SIMD_WIDTH, at += SIMD_WIDTH) {
            int lanes = m->columns - j;
            const struct normalise_gradient g = batchnorm_gradient_at(gradient, at);
            const struct simd_prologue line = simd_prologue(by, j, lanes);
            const simd_float f[] = {simd_load(factor[0] + j, lanes),
                                    simd_load(factor[1] + j, lanes),
                                    simd_load(factor[2] + j, lanes)};
            if (lanes >= SIMD_WIDTH)
                batchnorm_write_back(kind, dx + at, &g, &line, f, &band, SIMD_WIDTH);
            else
                batchnorm_write_back(kind, dx + at, &g, &line, f, &band, lanes);
        }
    }
}

void SIMD(normalise_backward)(float *dx, const struct normalise_gradient *g,
                              const struct prologue *by, const float *const factor[3],
                              const struct matrix *m)
{
    CURVE_EACH(by->activation, batchnorm_back(KIND, dx, g, by, factor, m))
}
