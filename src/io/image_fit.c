/* Scaling. Sums are made in a written order in double and rounded to float after each of
   the two passes (rows, then columns), so that the bytes are the same on every
   machine. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/image.h"

/* One side: in_n samples become whole_n, of which `count` from `first` on are wanted. */
struct fit_axis {
    int in_n, count;
    long first;   /* whole_n may be 65,535 times 65,535 */
    double ratio; /* in_n / whole_n */
};

/* What one output sample is made of. Shrinking: the samples from `begin` to `end`, both
   included; the first and the last count in part, those between in full; the sum is
   divided by the ratio. Growing: begin and end, weighted. */
struct fit_span {
    int begin, end;
    double begin_weight, end_weight;
};

static struct fit_axis fit_axis_of(int in_n, long whole_n, int out_n)
{
    double ratio = (double)in_n / (double)whole_n;
    if (whole_n > out_n)
        return (struct fit_axis){in_n, out_n, (whole_n - out_n) / 2, ratio};
    return (struct fit_axis){in_n, (int)whole_n, 0, ratio};
}

static struct fit_span fit_span_growing(const struct fit_axis *axis, double i)
{
    double x = (i + 0.5) * axis->ratio - 0.5;
    x = x < 0 ? 0 : x > axis->in_n - 1 ? axis->in_n - 1 : x;
    int left = (int)x, right = left + 1 < axis->in_n ? left + 1 : left;
    return (struct fit_span){left, right, 1 - (x - left), x - left};
}

static struct fit_span fit_span_shrinking(const struct fit_axis *axis, double i)
{
    double low = i * axis->ratio, high = (i + 1) * axis->ratio;
    int begin = (int)low, end = (int)high;
    if (end >= high)
        end--;
    if (end > axis->in_n - 1)
        end = axis->in_n - 1;
    return (struct fit_span){begin, end, begin + 1 - low,
                             (end + 1 < high ? end + 1 : high) - end};
}

static struct fit_span *fit_spans(const struct fit_axis *axis)
{
    struct fit_span *span = mem_zeroed((size_t)axis->count, sizeof *span);
    for (int i = 0; i < axis->count; i++)
        span[i] = axis->ratio > 1 ? fit_span_shrinking(axis, (double)(axis->first + i))
                                  : fit_span_growing(axis, (double)(axis->first + i));
    return span;
}

/* One row: c is a constant where this is called. */
static inline void fit_row(const uint8_t *in, const struct fit_axis *axis,
                           const struct fit_span *span, float *out, const int c)
{
    for (int i = 0; i < axis->count; i++, out += c) {
        const uint8_t *begin = in + span[i].begin * c, *end = in + span[i].end * c;
        double a = span[i].begin_weight, b = span[i].end_weight;
        unsigned sum[3] = {0};
        if (axis->ratio <= 1) {
            for (int k = 0; k < c; k++)
                out[k] = (float)(a * begin[k] + b * end[k]);
            continue;
        }
        for (const uint8_t *p = begin + c; p < end; p += c)
            for (int k = 0; k < c; k++)
                sum[k] += p[k];
        for (int k = 0; k < c; k++)
            out[k] = (float)((a * begin[k] + sum[k] + b * end[k]) / axis->ratio);
    }
}

/* The last two rows that were scaled along their length. Neighbouring output rows share
   input rows. */
struct fit_rows {
    const struct image *image;
    struct fit_axis axis;
    struct fit_span *span; /* owned: (axis.count) */
    size_t samples;        /* of a scaled row */
    int y[2];              /* which input row is in row[]; -1: none */
    float *row[2];         /* owned: (samples) */
};

static void fit_rows_init(struct fit_rows *rows, const struct image *image,
                          const struct fit_axis *axis)
{
    *rows = (struct fit_rows){
        .image = image, .axis = *axis, .span = fit_spans(axis), .y = {-1, -1}};
    rows->samples = (size_t)axis->count * (size_t)image->c;
    for (int i = 0; i < 2; i++)
        rows->row[i] = mem_zeroed(rows->samples, sizeof *rows->row[i]);
}

static void fit_rows_release(struct fit_rows *rows)
{
    free(rows->row[0]);
    free(rows->row[1]);
    free(rows->span);
}

static const float *fit_rows_at(struct fit_rows *rows, int y)
{
    const struct image *image = rows->image;
    float *row = rows->row[y % 2];
    if (rows->y[y % 2] == y)
        return row;
    rows->y[y % 2] = y;
    const uint8_t *in = image->pixel + (size_t)y * (size_t)image->w * (size_t)image->c;
    if (image->c == 1)
        fit_row(in, &rows->axis, rows->span, row, 1);
    else
        fit_row(in, &rows->axis, rows->span, row, 3);
    return row;
}

/* sum[] += weight * row y. */
static void fit_rows_add(struct fit_rows *rows, int y, double weight, double *sum)
{
    const float *row = fit_rows_at(rows, y);
    for (size_t x = 0; x < rows->samples; x++)
        sum[x] += weight * row[x];
}

/* The rows of `down`, each of rows.samples bytes, `stride` bytes apart. */
static void fit_columns(struct fit_rows *rows, const struct fit_axis *down, uint8_t *out,
                        size_t stride)
{
    struct fit_span *span = fit_spans(down);
    double *sum = mem_zeroed(rows->samples, sizeof *sum);
    double divisor = down->ratio > 1 ? down->ratio : 1;
    for (int i = 0; i < down->count; i++, out += stride) {
        memset(sum, 0, rows->samples * sizeof *sum);
        fit_rows_add(rows, span[i].begin, span[i].begin_weight, sum);
        for (int y = span[i].begin + 1; y < span[i].end; y++)
            fit_rows_add(rows, y, 1, sum);
        fit_rows_add(rows, span[i].end, span[i].end_weight, sum);
        for (size_t x = 0; x < rows->samples; x++)
            out[x] = (uint8_t)((float)(sum[x] / divisor) + 0.5f);
    }
    free(sum);
    free(span);
}

/* No scaling: copies the wanted rectangle. */
static void fit_copy(const struct image *image, const struct fit_axis *down,
                     const struct fit_axis *across, uint8_t *out, size_t stride)
{
    size_t c = (size_t)image->c;
    for (int y = 0; y < down->count; y++) {
        size_t at = (size_t)(down->first + y) * (size_t)image->w + (size_t)across->first;
        memcpy(out + (size_t)y * stride, image->pixel + at * c,
               (size_t)across->count * c);
    }
}

/* Rounded to the nearest. */
static void fit_border_mean(const struct image *image, uint8_t mean[3])
{
    unsigned long long sum[3] = {0}, n = 0;
    for (int y = 0; y < image->h; y++) {
        bool edge = y == 0 || y == image->h - 1;
        for (int x = 0; x < image->w; x += edge || image->w < 2 ? 1 : image->w - 1, n++) {
            size_t at = (size_t)y * (size_t)image->w + (size_t)x;
            for (int k = 0; k < image->c; k++)
                sum[k] += image->pixel[at * (size_t)image->c + (size_t)k];
        }
    }
    for (int k = 0; k < image->c; k++)
        mean[k] = (uint8_t)((2 * sum[k] + n) / (2 * n));
}

static void fit_fill(const struct image *image, const uint8_t *background, size_t pixels,
                     uint8_t *out)
{
    uint8_t mean[3];
    if (!background) {
        fit_border_mean(image, mean);
        background = mean;
    }
    for (size_t i = 0; i < pixels; i++)
        for (int k = 0; k < image->c; k++)
            *out++ = background[k];
}

static long fit_side(int n, double scale)
{
    long side = (long)(n * scale + 0.5);
    return side < 1 ? 1 : side;
}

void image_fit(const struct image *image, enum image_fit fit, const uint8_t *background,
               int h, int w, uint8_t *out)
{
    double scale_h = (double)h / image->h, scale_w = (double)w / image->w;
    double scale = (fit == IMAGE_PAD) == (scale_h < scale_w) ? scale_h : scale_w;
    long whole_h = h, whole_w = w;
    if (fit != IMAGE_STRETCH) {
        whole_h = scale == scale_h ? h : fit_side(image->h, scale);
        whole_w = scale == scale_w ? w : fit_side(image->w, scale);
    }
    struct fit_axis down = fit_axis_of(image->h, whole_h, h);
    struct fit_axis across = fit_axis_of(image->w, whole_w, w);
    size_t c = (size_t)image->c, stride = (size_t)w * c;
    if (down.count < h || across.count < w)
        fit_fill(image, background, (size_t)h * (size_t)w, out);
    out += (size_t)((h - down.count) / 2) * stride + (size_t)((w - across.count) / 2) * c;
    if (whole_h == image->h && whole_w == image->w) {
        fit_copy(image, &down, &across, out, stride);
        return;
    }
    struct fit_rows rows;
    fit_rows_init(&rows, image, &across);
    fit_columns(&rows, &down, out, stride);
    fit_rows_release(&rows);
}
