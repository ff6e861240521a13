/* im2col and col2im: patches of an image as rows of a matrix, and back; sums and copies
   of rows. */
#include "simd.h"

/* The pixel of column j of the patch at output column q, in its row. */
SIMD_INLINE ptrdiff_t patch_pixel(const struct conv_shape *shape, int q, int j)
{
    return window_first(&shape->s, q) + (ptrdiff_t)j * window_dilation(&shape->s);
}

/* Row r of a patch: S * C floats. x: the image's row h. */
SIMD_INLINE void patch_gather_row(const struct conv_shape *shape, int h, int q,
                                  float *col, const float *x)
{
    int c = shape->c, size = shape->s.size;
    if (h < 0 || h >= shape->h) {
        memset(col, 0, (size_t)size * c * sizeof *col);
        return;
    }
    struct span s = window_inside(&shape->s, q, shape->w);
    if (s.begin > 0)
        memset(col, 0, (size_t)s.begin * c * sizeof *col);
    if (window_dilation(&shape->s) > 1)
        for (int j = s.begin; j < s.end; j++)
            memcpy(col + j * c, x + patch_pixel(shape, q, j) * c, c * sizeof *col);
    else if (s.end > s.begin)
        memcpy(col + s.begin * c, x + patch_pixel(shape, q, s.begin) * c,
               (size_t)(s.end - s.begin) * c * sizeof *col);
    if (s.end < size)
        memset(col + s.end * c, 0, (size_t)(size - s.end) * c * sizeof *col);
}

void SIMD(im2col)(const struct conv_shape *shape, struct span rows, float *col,
                  const float *x)
{
    size_t image = (size_t)shape->h * shape->w * shape->c;
    for (int row = rows.begin; row < rows.end; row++) {
        const float *from = x + (size_t)(row / shape->p) * image;
        int top = window_first(&shape->r, row % shape->p);
        for (int q = 0; q < shape->q; q++)
            for (int r = 0; r < shape->r.size; r++, col += shape->s.size * shape->c) {
                int h = top + r * window_dilation(&shape->r);
                patch_gather_row(shape, h, q, col,
                                 from + (ptrdiff_t)h * shape->w * shape->c);
            }
    }
}

/* dx: the image's row. */
SIMD_INLINE void patch_scatter_row(const struct conv_shape *shape, struct span channels,
                                   int q, float *restrict dx, const float *restrict col)
{
    int c = shape->c, width = channels.end - channels.begin;
    struct span s = window_inside(&shape->s, q, shape->w);
    /* Neighbours in the patch are neighbours in the image. */
    if (width == c && window_dilation(&shape->s) == 1) {
        float *to = dx + patch_pixel(shape, q, s.begin) * c;
        const float *from = col + s.begin * c;
        for (int i = 0; i < (s.end - s.begin) * c; i++)
            to[i] += from[i];
        return;
    }
    for (int j = s.begin; j < s.end; j++)
        for (int i = channels.begin; i < channels.end; i++)
            dx[patch_pixel(shape, q, j) * c + i] += col[j * c + i];
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
        int top = window_first(&shape->r, p);
        for (int q = 0; q < shape->q; q++)
            for (int r = 0; r < shape->r.size; r++, col += shape->s.size * shape->c) {
                int h = top + r * window_dilation(&shape->r);
                if (h >= 0 && h < shape->h)
                    patch_scatter_row(shape, channels, q,
                                      to + (ptrdiff_t)h * shape->w * shape->c, col);
            }
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
