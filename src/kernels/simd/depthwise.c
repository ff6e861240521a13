/* Depthwise convolution (kernels/depthwise.h). Vectors run along the channels. */
#include "simd.h"

SIMD_INLINE size_t depthwise_at(int row, int column, int width, int channels)
{
    return ((size_t)row * (size_t)width + (size_t)column) * (size_t)channels;
}

void SIMD(depthwise_forward)(const struct conv_shape *shape, struct span rows,
                             struct span channels, float *y, const float *x,
                             const float *weight, const float *bias)
{
    int c = shape->c, down = window_dilation(&shape->r), on = window_dilation(&shape->s);
    for (int p = rows.begin; p < rows.end; p++) {
        struct span r = window_inside(&shape->r, p, shape->h);
        for (int q = 0; q < shape->q; q++) {
            struct span s = window_inside(&shape->s, q, shape->w);
            int top = window_first(&shape->r, p), left = window_first(&shape->s, q);
            for (int k = channels.begin; k < channels.end; k += SIMD_WIDTH) {
                int lanes = channels.end - k;
                simd_float sum = bias ? simd_load(bias + k, lanes) : (simd_float){0};
                for (int i = r.begin; i < r.end; i++)
                    for (int j = s.begin; j < s.end; j++)
                        sum = simd_multiply_add(
                            simd_load(x +
                                          depthwise_at(top + i * down, left + j * on,
                                                       shape->w, c) +
                                          k,
                                      lanes),
                            simd_load(weight + depthwise_at(i, j, shape->s.size, c) + k,
                                      lanes),
                            sum);
                simd_store(y + depthwise_at(p, q, shape->q, c) + k, sum, lanes);
            }
        }
    }
}

void SIMD(depthwise_data)(const struct conv_shape *shape, struct span rows,
                          struct span channels, float *dx, const float *dy,
                          const float *weight)
{
    int c = shape->c;
    for (int h = rows.begin; h < rows.end; h++)
        for (int w = 0; w < shape->w; w++)
            for (int k = channels.begin; k < channels.end; k += SIMD_WIDTH) {
                int lanes = channels.end - k;
                simd_float sum = {0};
                for (int i = 0; i < shape->r.size; i++) {
                    int p = window_output(&shape->r, h, i, shape->p);
                    for (int j = 0; p >= 0 && j < shape->s.size; j++) {
                        int q = window_output(&shape->s, w, j, shape->q);
                        if (q < 0)
                            continue;
                        sum = simd_multiply_add(
                            simd_load(dy + depthwise_at(p, q, shape->q, c) + k, lanes),
                            simd_load(weight + depthwise_at(i, j, shape->s.size, c) + k,
                                      lanes),
                            sum);
                    }
                }
                simd_store(dx + depthwise_at(h, w, shape->w, c) + k, sum, lanes);
            }
}

/* Of one tap and some channels; the outputs that meet the image. */
SIMD_INLINE simd_float depthwise_tap_sum(const struct conv_shape *shape, int i, int j,
                                         int k, int lanes, const float *x,
                                         const float *dy)
{
    int c = shape->c;
    simd_float sum = {0};
    for (int n = 0; n < shape->n; n++)
        for (int p = 0; p < shape->p; p++) {
            int h = window_first(&shape->r, p) + i * window_dilation(&shape->r);
            if (h < 0 || h >= shape->h)
                continue;
            simd_float chain = {0};
            for (int q = 0; q < shape->q; q++) {
                int w = window_first(&shape->s, q) + j * window_dilation(&shape->s);
                if (w < 0 || w >= shape->w)
                    continue;
                chain = simd_multiply_add(
                    simd_load(x + depthwise_at(n * shape->h + h, w, shape->w, c) + k,
                              lanes),
                    simd_load(dy + depthwise_at(n * shape->p + p, q, shape->q, c) + k,
                              lanes),
                    chain);
            }
            sum += chain;
        }
    return sum;
}

void SIMD(depthwise_weight)(const struct conv_shape *shape, struct span channels,
                            float *dweight, float *dbias, const float *x, const float *dy)
{
    int c = shape->c;
    for (int k = channels.begin; k < channels.end; k += SIMD_WIDTH) {
        int lanes = channels.end - k;
        for (int i = 0; i < shape->r.size; i++)
            for (int j = 0; j < shape->s.size; j++)
                simd_store(dweight + depthwise_at(i, j, shape->s.size, c) + k,
                           depthwise_tap_sum(shape, i, j, k, lanes, x, dy), lanes);
    }
    int pixels = shape->n * shape->p * shape->q, count = channels.end - channels.begin;
    if (dbias)
        kernels()->sum_rows(dbias + channels.begin, dy + channels.begin, pixels, count,
                            c);
}
