/* Pooling of one image; vectors run along the channels.

   Backward writes the rows of dx from the first window's first row up to the first row of
   the window behind the last; if windows overlap, one call must cover all rows. */
#include "bytes.h"
#include "simd.h"

/* Offset of the first pixel of a window, perhaps in the padding. */
SIMD_INLINE ptrdiff_t pool_corner(const struct pool_shape *shape, int p, int q)
{
    return ((ptrdiff_t)window_first(&shape->r, p) * shape->w +
            window_first(&shape->s, q)) *
           shape->c;
}

SIMD_INLINE void pool_max_window(const struct pool_shape *shape, struct span rows,
                                 struct span columns, int lanes, simd_float *best,
                                 simd_int *where, const float *x)
{
    *best = (simd_float){0} - __builtin_inff();
    *where = (simd_int){0} + (rows.begin * shape->s.size + columns.begin);
    for (int r = rows.begin; r < rows.end; r++) {
        for (int s = columns.begin; s < columns.end; s++) {
            simd_float v = simd_load(x + ((ptrdiff_t)r * shape->w + s) * shape->c, lanes);
            simd_int wins = (v > *best) | (v != v);
            *best = (simd_float)((wins & (simd_int)v) | (~wins & (simd_int)*best));
            *where = (wins & (r * shape->s.size + s)) | (~wins & *where);
        }
    }
}

void SIMD(maxpool_forward)(const struct pool_shape *shape, struct span rows,
                           struct span channels, float *y, uint8_t *argmax,
                           const float *x)
{
    for (int p = rows.begin; p < rows.end; p++) {
        struct span reach = window_inside(&shape->r, p, shape->h);
        for (int q = 0; q < shape->q; q++) {
            struct span columns = window_inside(&shape->s, q, shape->w);
            ptrdiff_t corner = pool_corner(shape, p, q);
            size_t out = ((size_t)p * shape->q + q) * shape->c;
            for (int c = channels.begin; c < channels.end; c += SIMD_WIDTH) {
                int lanes = channels.end - c;
                simd_float best;
                simd_int where;
                pool_max_window(shape, reach, columns, lanes, &best, &where,
                                x + corner + c);
                simd_store(y + out + c, best, lanes);
                if (!argmax)
                    continue;
                simd_store_bytes(argmax + out + c, where, lanes);
            }
        }
    }
}

/* The rows of dx that these output rows write: from the first row of the first window up
   to the window behind the last. */
static struct span pool_written_rows(const struct pool_shape *shape, struct span rows)
{
    int first = window_first(&shape->r, rows.begin);
    int last = window_first(&shape->r, rows.end);
    return (struct span){rows.begin == 0 ? 0 : first,
                         rows.end == shape->p || last > shape->h ? shape->h : last};
}

static void pool_zero_channels(const struct pool_shape *shape, struct span rows,
                               struct span channels, float *dx)
{
    size_t first = (size_t)rows.begin * shape->w, end = (size_t)rows.end * shape->w;
    size_t bytes = (size_t)(channels.end - channels.begin) * sizeof *dx;
    if (channels.end - channels.begin == shape->c) {
        memset(dx + first * shape->c, 0, (end - first) * bytes);
        return;
    }
    for (size_t i = first; i < end; i++)
        memset(dx + i * shape->c + channels.begin, 0, bytes);
}

void SIMD(maxpool_backward)(const struct pool_shape *shape, struct span rows,
                            struct span channels, float *dx, const float *dy,
                            const uint8_t *argmax)
{
    pool_zero_channels(shape, pool_written_rows(shape, rows), channels, dx);
    ptrdiff_t place[POOL_SIZE_MAX * POOL_SIZE_MAX];
    for (int r = 0; r < shape->r.size; r++)
        for (int s = 0; s < shape->s.size; s++)
            place[r * shape->s.size + s] = ((ptrdiff_t)r * shape->w + s) * shape->c;
    for (int p = rows.begin; p < rows.end; p++) {
        for (int q = 0; q < shape->q; q++) {
            ptrdiff_t corner = pool_corner(shape, p, q);
            size_t out = ((size_t)p * shape->q + q) * shape->c;
            for (int c = channels.begin; c < channels.end; c++)
                dx[corner + place[argmax[out + c]] + c] += dy[out + c];
        }
    }
}

SIMD_INLINE float pool_inverse(const struct pool_shape *shape)
{
    return 1.0f / (float)(shape->r.size * shape->s.size);
}

SIMD_INLINE float pool_inverse_inside(struct span rows, struct span columns)
{
    return 1.0f / (float)((rows.end - rows.begin) * (columns.end - columns.begin));
}

void SIMD(avgpool_forward)(const struct pool_shape *shape, struct span rows,
                           struct span channels, float *y, const float *x)
{
    for (int p = rows.begin; p < rows.end; p++) {
        struct span reach = window_inside(&shape->r, p, shape->h);
        for (int q = 0; q < shape->q; q++) {
            struct span columns = window_inside(&shape->s, q, shape->w);
            float scale =
                shape->inside ? pool_inverse_inside(reach, columns) : pool_inverse(shape);
            const float *corner = x + pool_corner(shape, p, q);
            float *out = y + ((size_t)p * shape->q + q) * shape->c;
            for (int c = channels.begin; c < channels.end; c += SIMD_WIDTH) {
                int lanes = channels.end - c;
                simd_float sum = {0};
                for (int r = reach.begin; r < reach.end; r++)
                    for (int s = columns.begin; s < columns.end; s++)
                        sum += simd_load(
                            corner + ((ptrdiff_t)r * shape->w + s) * shape->c + c, lanes);
                simd_store(out + c, sum * scale, lanes);
            }
        }
    }
}

/* dx += scale dy of one pixel. */
SIMD_INLINE void pool_add_pixel(struct span channels, float *dx, const float *dy,
                                float scale)
{
    for (int c = channels.begin; c < channels.end; c += SIMD_WIDTH) {
        int lanes = channels.end - c;
        simd_store(dx + c,
                   simd_multiply_add(simd_load(dy + c, lanes), SIMD_ALL(scale),
                                     simd_load(dx + c, lanes)),
                   lanes);
    }
}

/* One divisor for all: sums dy first and scales last, with fewer roundings. */
void SIMD(avgpool_backward)(const struct pool_shape *shape, struct span rows,
                            struct span channels, float *dx, const float *dy)
{
    float last = shape->inside ? 1.0f : pool_inverse(shape);
    struct span written = pool_written_rows(shape, rows);
    pool_zero_channels(shape, written, channels, dx);
    for (int p = rows.begin; p < rows.end; p++) {
        struct span reach = window_inside(&shape->r, p, shape->h);
        for (int q = 0; q < shape->q; q++) {
            struct span columns = window_inside(&shape->s, q, shape->w);
            float scale = shape->inside ? pool_inverse_inside(reach, columns) : 1.0f;
            float *corner = dx + pool_corner(shape, p, q);
            const float *g = dy + ((size_t)p * shape->q + q) * shape->c;
            for (int r = reach.begin; r < reach.end; r++)
                for (int s = columns.begin; s < columns.end; s++)
                    pool_add_pixel(channels,
                                   corner + ((ptrdiff_t)r * shape->w + s) * shape->c, g,
                                   scale);
        }
    }
    for (size_t i = (size_t)written.begin * shape->w; i < (size_t)written.end * shape->w;
         i++)
        for (int c = channels.begin; c < channels.end; c++)
            dx[i * shape->c + c] *= last;
}
