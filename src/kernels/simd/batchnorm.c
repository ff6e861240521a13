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

/* Memory is read in bands: a few rows of all channels of a block, one after the other, so
   that it is read in order, while the sums of a chunk lie in the first cache. */
#define BATCHNORM_ROWS  4
#define BATCHNORM_BLOCK 256

SIMD_INLINE int batchnorm_band_end(int first, int rows)
{
    return rows - first < BATCHNORM_ROWS ? rows : first + BATCHNORM_ROWS;
}

SIMD_INLINE int batchnorm_block(int first, int columns)
{
    return columns - first < BATCHNORM_BLOCK ? columns - first : BATCHNORM_BLOCK;
}

/* --- moments --- */

/* Vectors of channels whose squares are summed at once, so that enough independent sums
   run. */
#define BATCHNORM_PAIR 2

/* A chunk's pixels about a float near their mean, for a block of channels. */
struct batchnorm_chunk {
    float centre[BATCHNORM_BLOCK], sum[BATCHNORM_BLOCK], square[BATCHNORM_BLOCK];
};

SIMD_INLINE void batchnorm_band(float *sum, const float *x, int ld, int rows, int lanes)
{
    simd_float chain = simd_full(sum);
    for (int i = 0; i < rows; i++, x += ld)
        chain += simd_load(x, lanes);
    simd_store(sum, chain, SIMD_WIDTH);
}

/* Takes the chunk from memory. */
SIMD_INLINE void batchnorm_centres(struct batchnorm_chunk *chunk, const float *x,
                                   const struct matrix *m)
{
    memset(chunk->centre, 0, sizeof chunk->centre);
    for (int first = 0; first < m->rows; first += BATCHNORM_ROWS) {
        const float *from = x + (size_t)first * (size_t)m->ld;
        int rows = batchnorm_band_end(first, m->rows) - first, j = 0;
        for (; j + SIMD_WIDTH <= m->columns; j += SIMD_WIDTH)
            batchnorm_band(chunk->centre + j, from + j, m->ld, rows, SIMD_WIDTH);
        if (j < m->columns)
            batchnorm_band(chunk->centre + j, from + j, m->ld, rows, m->columns - j);
    }
    for (int j = 0; j < m->columns; j++)
        chunk->centre[j] *= 1.0f / (float)m->rows;
}

/* `vectors` whole vectors of channels from j on, or one of `lanes`: the chunk is in the
   cache. */
SIMD_INLINE void batchnorm_deviations(struct batchnorm_chunk *chunk, int j,
                                      const float *x, const struct matrix *m, int vectors,
                                      int lanes)
{
    simd_float sum[BATCHNORM_PAIR] = {0}, square[BATCHNORM_PAIR] = {0};
    simd_float centre[BATCHNORM_PAIR];
    for (int v = 0; v < vectors; v++)
        centre[v] = simd_full(chunk->centre + j + v * SIMD_WIDTH);
    for (int i = 0; i < m->rows; i++)
        for (int v = 0; v < vectors; v++) {
            const float *from = x + (size_t)i * (size_t)m->ld + j + v * SIMD_WIDTH;
            simd_float d = simd_load(from, lanes) - centre[v];
            sum[v] += d;
            square[v] = simd_multiply_add(d, d, square[v]);
        }
    for (int v = 0; v < vectors; v++) {
        simd_store(chunk->sum + j + v * SIMD_WIDTH, sum[v], SIMD_WIDTH);
        simd_store(chunk->square + j + v * SIMD_WIDTH, square[v], SIMD_WIDTH);
    }
}

/* Adds a chunk of `rows` pixels to the moments of the `before` pixels. */
SIMD_INLINE void batchnorm_merge(double *restrict mean, double *restrict squares,
                                 const struct batchnorm_chunk *restrict chunk, int before,
                                 int rows, int columns)
{
    double each = 1.0 / rows, part = (double)rows / (before + rows);
    double weight = part * before;
    for (int j = 0; j < columns; j++) {
        double sum = (double)chunk->sum[j], rest = sum * each;
        double difference = (double)chunk->centre[j] + rest - mean[j];
        squares[j] +=
            (double)chunk->square[j] - sum * rest + difference * difference * weight;
        mean[j] += difference * part;
    }
}

/* Of a block of channels. */
SIMD_INLINE void batchnorm_block_moments(double *mean, double *squares, const float *x,
                                         const struct matrix *m)
{
    const int wide = BATCHNORM_PAIR * SIMD_WIDTH;
    struct batchnorm_chunk chunk;
    for (int first = 0; first < m->rows; first += BATCHNORM_CHUNK) {
        const struct matrix part = {batchnorm_chunk_end(first, m->rows) - first,
                                    m->columns, m->ld};
        const float *from = x + (size_t)first * (size_t)m->ld;
        int j = 0;
        batchnorm_centres(&chunk, from, &part);
        for (; j + wide <= m->columns; j += wide)
            batchnorm_deviations(&chunk, j, from, &part, BATCHNORM_PAIR, SIMD_WIDTH);
        for (; j + SIMD_WIDTH <= m->columns; j += SIMD_WIDTH)
            batchnorm_deviations(&chunk, j, from, &part, 1, SIMD_WIDTH);
        if (j < m->columns)
            batchnorm_deviations(&chunk, j, from, &part, 1, m->columns - j);
        batchnorm_merge(mean, squares, &chunk, first, part.rows, m->columns);
    }
}

void SIMD(moments)(double *mean, double *squares, const float *x, const struct matrix *m)
{
    memset(mean, 0, (size_t)m->columns * sizeof *mean);
    memset(squares, 0, (size_t)m->columns * sizeof *squares);
    for (int j = 0; j < m->columns; j += BATCHNORM_BLOCK) {
        const struct matrix block = {m->rows, batchnorm_block(j, m->columns), m->ld};
        batchnorm_block_moments(mean + j, squares + j, x + j, &block);
    }
}

/* --- forward --- */

SIMD_INLINE simd_float batchnorm_line(const struct simd_prologue *by, simd_float d)
{
    return simd_multiply_add(d, by->scale, by->shift);
}

/* A column of vectors: m has at most SIMD_WIDTH columns. */
SIMD_INLINE void batchnorm_write(enum activation kind, float *y, const float *x,
                                 const float *z, const struct simd_prologue *by,
                                 const struct matrix *m)
{
    simd_float slope;
    for (int i = 0; i < m->rows; i++, x += m->ld, y += m->ld) {
        simd_float value = batchnorm_line(by, simd_load(x, m->columns) - by->mean);
        if (z)
            value += simd_load(z + (size_t)i * (size_t)m->ld, m->columns);
        simd_store(y, curve_value(kind, value, &slope), m->columns);
    }
}

SIMD_INLINE void batchnorm_normalise(enum activation kind, float *y, const float *x,
                                     const float *z, const struct prologue *by,
                                     const struct matrix *m)
{
    for (int first = 0; first < m->rows; first += BATCHNORM_ROWS) {
        size_t at = (size_t)first * (size_t)m->ld;
        int rows = batchnorm_band_end(first, m->rows) - first;
        for (int j = 0; j < m->columns; j += SIMD_WIDTH) {
            int lanes = m->columns - j;
            const struct simd_prologue line = simd_prologue(by, j, lanes);
            size_t to = at + (size_t)j;
            const float *also = z ? z + to : NULL;
            const struct matrix whole = {rows, SIMD_WIDTH, m->ld};
            const struct matrix part = {rows, lanes, m->ld};
            if (lanes >= SIMD_WIDTH)
                batchnorm_write(kind, y + to, x + to, also, &line, &whole);
            else
                batchnorm_write(kind, y + to, x + to, also, &line, &part);
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

SIMD_INLINE struct normalise_gradient
batchnorm_gradient_at(const struct normalise_gradient *g, size_t at)
{
    return (struct normalise_gradient){g->dy + at, g->x + at, g->y ? g->y + at : NULL,
                                       g->dz ? g->dz + at : NULL,
                                       g->dx ? g->dx + at : NULL};
}

/* A chunk's sums for a block of channels. */
struct batchnorm_sums {
    float plain[BATCHNORM_BLOCK], product[BATCHNORM_BLOCK];
};

/* A band of the vector of channels at j. */
SIMD_INLINE void batchnorm_band_sums(enum activation kind, struct batchnorm_sums *sums,
                                     int j, const struct normalise_gradient *g,
                                     const struct simd_prologue *by,
                                     const struct matrix *m, int lanes)
{
    simd_float plain = simd_full(sums->plain + j), chain = simd_full(sums->product + j);
    for (int i = 0; i < m->rows; i++) {
        size_t at = (size_t)i * (size_t)m->ld;
        simd_float d = simd_load(g->x + at, lanes) - by->mean;
        simd_float dz = batchnorm_dz(kind, simd_load(g->dy + at, lanes),
                                     g->y ? g->y + at : NULL, d, by, lanes);
        if (g->dz)
            simd_store(g->dz + at, dz, lanes);
        if (g->dx)
            simd_store(g->dx + at, dz * by->scale, lanes);
        plain += dz;
        chain = simd_multiply_add(dz, d, chain);
    }
    simd_store(sums->plain + j, plain, SIMD_WIDTH);
    simd_store(sums->product + j, chain, SIMD_WIDTH);
}

SIMD_INLINE void batchnorm_chunk_sums(enum activation kind, struct batchnorm_sums *sums,
                                      const struct normalise_gradient *gradient,
                                      const struct prologue *by, const struct matrix *m)
{
    memset(sums, 0, sizeof *sums);
    for (int first = 0; first < m->rows; first += BATCHNORM_ROWS) {
        size_t at = (size_t)first * (size_t)m->ld;
        const struct matrix band = {batchnorm_band_end(first, m->rows) - first,
                                    m->columns, m->ld};
        for (int j = 0; j < m->columns; j += SIMD_WIDTH, at += SIMD_WIDTH) {
            int lanes = m->columns - j;
            const struct normalise_gradient g = batchnorm_gradient_at(gradient, at);
            const struct simd_prologue line = simd_prologue(by, j, lanes);
            if (lanes >= SIMD_WIDTH)
                batchnorm_band_sums(kind, sums, j, &g, &line, &band, SIMD_WIDTH);
            else
                batchnorm_band_sums(kind, sums, j, &g, &line, &band, lanes);
        }
    }
}

/* Of a block of channels. */
SIMD_INLINE void batchnorm_block_sums(enum activation kind, double *sum, double *product,
                                      const struct normalise_gradient *gradient,
                                      const struct prologue *by, const struct matrix *m)
{
    struct batchnorm_sums sums;
    for (int first = 0; first < m->rows; first += BATCHNORM_CHUNK) {
        const struct normalise_gradient g =
            batchnorm_gradient_at(gradient, (size_t)first * (size_t)m->ld);
        const struct matrix chunk = {batchnorm_chunk_end(first, m->rows) - first,
                                     m->columns, m->ld};
        batchnorm_chunk_sums(kind, &sums, &g, by, &chunk);
        for (int j = 0; j < m->columns; j++) {
            sum[j] += (double)sums.plain[j];
            product[j] += (double)sums.product[j];
        }
    }
}

void SIMD(normalise_sums)(double *sum, double *product,
                          const struct normalise_gradient *gradient,
                          const struct prologue *by, const struct matrix *m)
{
    memset(sum, 0, (size_t)m->columns * sizeof *sum);
    memset(product, 0, (size_t)m->columns * sizeof *product);
    for (int j = 0; j < m->columns; j += BATCHNORM_BLOCK) {
        const struct matrix block = {m->rows, batchnorm_block(j, m->columns), m->ld};
        const struct normalise_gradient g = batchnorm_gradient_at(gradient, (size_t)j);
        const struct prologue line = {by->mean + j, by->scale + j, by->shift + j,
                                      by->activation};
        CURVE_EACH(by->activation,
                   batchnorm_block_sums(KIND, sum + j, product + j, &g, &line, &block))
    }
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
        const struct matrix band = {batchnorm_band_end(first, m->rows) - first,
                                    m->columns, m->ld};
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
