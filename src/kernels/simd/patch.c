/* im2col and col2im: patches of an image as rows of a matrix, and back; sums and copies
   of rows. */
#include "simd.h"

/* The columns s of the patch at output column q that are inside the image. */
SIMD_INLINE struct span patch_inside(const struct conv_shape *shape, int q)
{
    int first = q * shape->stride - shape->pad;
    struct span s = {first < 0 ? -first : 0,
                     first + shape->s > shape->w ? shape->w - first : shape->s};
    if (s.begin > s.end)
        s.begin = s.end = 0; /* all of the patch is padding */
    return s;
}

/* Row r of a patch: S * C floats. */
SIMD_INLINE void patch_gather_row(const struct conv_shape *shape, int h, int q,
                                  float *col, const float *x)
{
    int c = shape->c;
    if (h < 0 || h >= shape->h) {
        memset(col, 0, (size_t)shape->s * c * sizeof *col);
        return;
    }
    struct span s = patch_inside(shape, q);
    ptrdiff_t first = (ptrdiff_t)h * shape->w + q * shape->stride - shape->pad;
    if (s.begin > 0)
        memset(col, 0, (size_t)s.begin * c * sizeof *col);
    if (s.end > s.begin)
        memcpy(col + s.begin * c, x + (first + s.begin) * c,
               (size_t)(s.end - s.begin) * c * sizeof *col);
    if (s.end < shape->s)
        memset(col + s.end * c, 0, (size_t)(shape->s - s.end) * c * sizeof *col);
}

void SIMD(im2col)(const struct conv_shape *shape, struct span rows, float *col,
                  const float *x)
{
    size_t image = (size_t)shape->h * shape->w * shape->c;
    for (int row = rows.begin; row < rows.end; row++) {
        const float *from = x + (size_t)(row / shape->p) * image;
        int top = row % shape->p * shape->stride - shape->pad;
        for (int q = 0; q < shape->q; q++)
            for (int r = 0; r < shape->r; r++, col += shape->s * shape->c)
                patch_gather_row(shape, top + r, q, col, from);
    }
}

SIMD_INLINE void patch_scatter_row(const struct conv_shape *shape, struct span channels,
                                   int h, int q, float *restrict dx,
                                   const float *restrict col)
{
    int c = shape->c, width = channels.end - channels.begin;
    struct span s = patch_inside(shape, q);
    ptrdiff_t first = (ptrdiff_t)h * shape->w + q * shape->stride - shape->pad;
    if (width == c) { /* neighbours in the patch are neighbours in the image */
        float *to = dx + (first + s.begin) * c;
        const float *from = col + s.begin * c;
        for (int i = 0; i < (s.end - s.begin) * c; i++)
            to[i] += from[i];
        return;
    }
    for (int j = s.begin; j < s.end; j++)
        for (int i = channels.begin; i < channels.end; i++)
            dx[(first + j) * c + i] += col[j * c + i];
}

static void patch_zero_channels(const struct conv_shape *shape, struct span channels,
                                float *dx)
{
    for (size_t i = 0; i < (size_t)shape->h * shape->w; i++)
        memset(dx + i * shape->c + channels.begin, 0,
               (size_t)(channels.end - channels.begin) * sizeof *dx);
}

void SIMD(col2im)(const struct conv_shape *shape, struct span rows, struct span channels,
                  float *dx, const float *col)
{
    size_t image = (size_t)shape->h * shape->w * shape->c;
    for (int row = rows.begin; row < rows.end; row++) {
        float *to = dx + (size_t)(row / shape->p) * image;
        int p = row % shape->p;
        if (p == 0)
            patch_zero_channels(shape, channels, to);
        int top = p * shape->stride - shape->pad;
        for (int q = 0; q < shape->q; q++)
            for (int r = 0; r < shape->r; r++, col += shape->s * shape->c)
                if (top + r >= 0 && top + r < shape->h)
                    patch_scatter_row(shape, channels, top + r, q, to, col);
    }
}

void SIMD(fill_rows)(float *y, const float *bias, int rows, int columns, int ld)
{
    for (int i = 0; i < rows; i++, y += ld) {
        if (bias)
            memcpy(y, bias, (size_t)columns * sizeof *y);
        else
            memset(y, 0, (size_t)columns * sizeof *y);
    }
}

/* In chunks, which keeps rounding errors small. */
void SIMD(sum_rows)(float *sum, const float *x, int rows, int columns, int ld)
{
    enum { CHUNK = 256 };
    for (int j = 0; j < columns; j += SIMD_WIDTH) {
        simd_float total = {0};
        for (int i = 0; i < rows; i += CHUNK) {
            simd_float partial = {0};
            for (int k = i; k < rows && k < i + CHUNK; k++)
                partial += simd_load(x + (size_t)k * ld + j, columns - j);
            total += partial;
        }
        simd_store(sum + j, total, columns - j);
    }
}
