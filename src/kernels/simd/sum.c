/* Sums over the rows of a matrix: of its values, or of a gradient made on the way. Rows
   are read as they lie in memory, one after the other: the chains of all their columns
   are in a core's first-level cache. */
#include <string.h>

#include "curve.h"

#define SUM_CHUNK   256  /* rows of one chain of sums; the chains are added in order */
#define SUM_COLUMNS 1024 /* that have chains at the same time */

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

SIMD_INLINE void sum_row(const struct sum_operands *s, enum activation kind, float *chain,
                         size_t at, int columns)
{
    for (int j = 0; j < columns; j += SIMD_WIDTH)
        simd_store(chain + j,
                   simd_full(chain + j) + sum_value(s, kind, at + (size_t)j, columns - j),
                   SIMD_WIDTH);
}

/* The columns [j, j + columns). */
SIMD_INLINE void sum_columns(const struct sum_operands *s, enum activation kind, int j,
                             int columns)
{
    for (int first = 0; first < s->m->rows; first += SUM_CHUNK) {
        float chain[SUM_COLUMNS];
        int end = s->m->rows - first < SUM_CHUNK ? s->m->rows : first + SUM_CHUNK;
        for (int k = 0; k < columns; k += SIMD_WIDTH)
            simd_store(chain + k, (simd_float){0}, SIMD_WIDTH);
        for (int i = first; i < end; i++)
            sum_row(s, kind, chain, (size_t)i * (size_t)s->m->ld + (size_t)j, columns);
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
