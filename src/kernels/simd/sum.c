/* Sums over the rows of a matrix, of its values or of a gradient that is made meanwhile.
 */
#include <string.h>

#include "curve.h"

#define SUM_CHUNK   256  /* rows of one chain of sums; the chains are added in order */
#define SUM_COLUMNS 1024 /* whose chains are in a core's first-level cache */
#define SUM_ROWS    1    /* that are added to a chain while it is in a register */

/* What is summed: x; with an activation x times the slopes that follow from `from`, which
   is written to `to`. */
struct sum_operands {
    enum activation kind;
    float *sum; /* from which the sums start */
    const float *x, *from;
    float *to;
    const struct matrix *m;
};

/* The value of a vector of columns; kind is a constant. */
SIMD_INLINE simd_float sum_value(const struct sum_operands *s, enum activation kind,
                                 size_t at, int lanes)
{
    simd_float x = simd_load(s->x + at, lanes);
    if (kind == ACTIVATION_NONE)
        return x;
    x = curve_back(kind, x, simd_load(s->from + at, lanes));
    simd_store(s->to + at, x, lanes);
    return x;
}

/* Adds `rows` rows, a constant, to the chains of `columns` columns: nearly one stream. */
SIMD_INLINE void sum_some(const struct sum_operands *s, enum activation kind,
                          float *chain, size_t at, int columns, int rows)
{
    size_t ld = (size_t)s->m->ld;
    for (int j = 0; j < columns; j += SIMD_WIDTH, at += SIMD_WIDTH) {
        simd_float sum = simd_full(chain + j);
#pragma GCC unroll 4
        for (int i = 0; i < rows; i++)
            sum += sum_value(s, kind, at + (size_t)i * ld, columns - j);
        simd_store(chain + j, sum, SIMD_WIDTH);
    }
}

/* The columns [j, j + columns). */
SIMD_INLINE void sum_columns(const struct sum_operands *s, enum activation kind, int j,
                             int columns)
{
    for (int first = 0; first < s->m->rows; first += SUM_CHUNK) {
        float chain[SUM_COLUMNS] = {0};
        int left = s->m->rows - first < SUM_CHUNK ? s->m->rows - first : SUM_CHUNK;
        size_t at = (size_t)first * (size_t)s->m->ld + (size_t)j;
        for (; left >= SUM_ROWS; left -= SUM_ROWS, at += SUM_ROWS * (size_t)s->m->ld)
            sum_some(s, kind, chain, at, columns, SUM_ROWS);
        for (; left > 0; left--, at += (size_t)s->m->ld)
            sum_some(s, kind, chain, at, columns, 1);
        for (int k = 0; k < columns; k++)
            s->sum[j + k] += chain[k];
    }
}

SIMD_INLINE void sum_matrix(const struct sum_operands *s, enum activation kind)
{
    for (int j = 0; j < s->m->columns; j += SUM_COLUMNS) {
        int left = s->m->columns - j;
        sum_columns(s, kind, j, left < SUM_COLUMNS ? left : SUM_COLUMNS);
    }
}

void SIMD(sum_rows)(float *sum, const float *x, int rows, int columns, int ld)
{
    const struct matrix m = {rows, columns, ld};
    const struct sum_operands s = {.sum = sum, .x = x, .m = &m};
    memset(sum, 0, (size_t)columns * sizeof *sum);
    sum_matrix(&s, ACTIVATION_NONE);
}

void SIMD(activate_back_sum)(enum activation kind, float *sum, float *dy, const float *y,
                             const struct matrix *m)
{
    const struct sum_operands s = {kind, sum, dy, y, dy, m};
    CURVE_EACH(kind, sum_matrix(&s, KIND));
}
