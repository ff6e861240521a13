/* im2col and col2im: patches of an image as rows of a matrix, and back; sums and copies
   of rows.

   im2col: some of the N P output rows of all images, the channels of a group; col (rows
   Q, R S times channels) has only these. col2im adds such a col to some of the N H rows
   of dx. */
#include "simd.h"

/* The pixel of column j of the patch at output column q, in its row. */
SIMD_INLINE ptrdiff_t patch_pixel(const struct conv_shape *shape, int q, int j)
{
    return window_first(&shape->s, q) + (ptrdiff_t)j * window_dilation(&shape->s);
}

/* Row r of a patch: S times channels. x: the image's row h. */
SIMD_INLINE void patch_gather_row(const struct conv_shape *shape, struct span channels,
                                  int h, int q, float *col, const float *x)
{
    int c = shape->c, width = channels.end - channels.begin, size = shape->s.size;
    if (h < 0 || h >= shape->h) {
        memset(col, 0, (size_t)size * width * sizeof *col);
        return;
    }
    struct span s = window_inside(&shape->s, q, shape->w);
    if (s.begin > 0)
        memset(col, 0, (size_t)s.begin * width * sizeof *col);
    /* Neighbours in the image are neighbours in the patch. */
    if (width == c && window_dilation(&shape->s) == 1) {
        if (s.end > s.begin)
            memcpy(col + s.begin * c, x + patch_pixel(shape, q, s.begin) * c,
                   (size_t)(s.end - s.begin) * c * sizeof *col);
    } else {
        for (int j = s.begin; j < s.end; j++)
            memcpy(col + j * width, x + patch_pixel(shape, q, j) * c + channels.begin,
                   width * sizeof *col);
    }
    if (s.end < size)
        memset(col + s.end * width, 0, (size_t)(size - s.end) * width * sizeof *col);
}

void SIMD(im2col)(const struct conv_shape *shape, struct span rows, struct span channels,
                  float *col, const float *x)
{
    ptrdiff_t line = (ptrdiff_t)shape->w * shape->c;
    int run = shape->s.size * (channels.end - channels.begin);
    for (int row = rows.begin; row < rows.end; row++) {
        const float *from = x + row / shape->p * shape->h * line;
        int top = window_first(&shape->r, row % shape->p);
        for (int q = 0; q < shape->q; q++)
            for (int r = 0; r < shape->r.size; r++, col += run) {
                int h = top + r * window_dilation(&shape->r);
                patch_gather_row(shape, channels, h, q, col, from + h * line);
            }
    }
}

/* dx: the image's row. */
SIMD_INLINE void patch_scatter_row(const struct conv_shape *shape, struct span channels,
                                   int q, float *restrict dx, const float *restrict col)
{
    int c = shape->c, width = channels.end - channels.begin;
    struct span s = window_inside(&shape->s, q, shape->w);
    if (width == c && window_dilation(&shape->s) == 1) {
        float *to = dx + patch_pixel(shape, q, s.begin) * c;
        const float *from = col + s.begin * c;
        for (int i = 0; i < (s.end - s.begin) * c; i++)
            to[i] += from[i];
        return;
    }
    for (int j = s.begin; j < s.end; j++)
        for (int i = 0; i < width; i++)
            dx[patch_pixel(shape, q, j) * c + channels.begin + i] += col[j * width + i];
}

void SIMD(col2im)(const struct conv_shape *shape, struct span rows, struct span inputs,
                  struct span channels, float *dx, const float *col)
{
    ptrdiff_t line = (ptrdiff_t)shape->w * shape->c;
    int run = shape->s.size * (channels.end - channels.begin);
    for (int row = rows.begin; row < rows.end; row++) {
        int first = row / shape->p * shape->h; /* row of the image */
        int top = window_first(&shape->r, row % shape->p);
        struct span own = {inputs.begin - first, inputs.end - first};
        if (own.begin < 0)
            own.begin = 0;
        if (own.end > shape->h)
            own.end = shape->h;
        if (top >= own.end || top + window_reach(&shape->r) <= own.begin) {
            col += (ptrdiff_t)shape->q * shape->r.size * run;
            continue;
        }
        for (int q = 0; q < shape->q; q++)
            for (int r = 0; r < shape->r.size; r++, col += run) {
                int h = top + r * window_dilation(&shape->r);
                if (h >= own.begin && h < own.end)
                    patch_scatter_row(shape, channels, q, dx + (first + h) * line, col);
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
