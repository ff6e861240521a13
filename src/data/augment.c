/* augment: the geometry. */
#include "data/augment.h"

#include <math.h>
#include <string.h>

#include "base/div.h"
#include "base/portable_math.h"
#include "base/status.h"
#include "data/view.h"

#define CELL  7  /* pixels between control points */
#define LANES 8  /* pixels that the inner loops process at a time; CELL rounded up */
#define STRIP 16 /* cells in a strip of columns; bounds the stack for any width */

#define STRIP_W    (STRIP * CELL)
#define STRIP_SPAN (STRIP_W + LANES) /* floats in a row; loops write past STRIP_W */
#define STRIP_KNOT (STRIP + 3)
#define MIN_SCALE  0.01 /* never mirrors an axis or scales it to zero */

#define DEGREE (3.14159265358979323846 / 180.0)

/* Uniform cubic B-spline: SPLINE[k][i] is the weight of control point k of 4 at t = i / 7
   within a cell: (1-t)^3, 3t^3 - 6t^2 + 4, -3t^3 + 3t^2 + 3t + 1, t^3, all divided by 6.
   Lane 7 belongs to the next cell, which overwrites it. */
#define B0(t) ((1 - (t)) * (1 - (t)) * (1 - (t)) / 6)
#define B1(t) ((3 * (t) * (t) * (t)-6 * (t) * (t) + 4) / 6)
#define B2(t) B1(1 - (t))
#define B3(t) B0(1 - (t))
#define ROW(b)                                                                      \
    {                                                                               \
        b(0 / 7.), b(1 / 7.), b(2 / 7.), b(3 / 7.), b(4 / 7.), b(5 / 7.), b(6 / 7.) \
    }
static const float SPLINE[4][LANES] = {ROW(B0), ROW(B1), ROW(B2), ROW(B3)};

struct augment_source {
    const uint8_t *pixel; /* (h, w, c) */
    int h, w, c;
    int out_h, out_w; /* of what is made of it */
    enum augment_edge edge;
    const float *outside; /* (c) */
};

/* The source of output pixel (X, Y), without the field: x = xx X + xy Y + x0, and y
   likewise. Both are larger by one than in the image: see sample_block. */
struct affine {
    float xx, xy, x0;
    float yx, yy, y0;
};

/* The field over a strip: the generator of its next control points, and the four rows of
   control points around the current row of cells, interpolated along x. */
struct field {
    struct rng rng;
    float elastic;
    int first, knots; /* the strip has [first, first + knots) of `columns` in a row */
    int columns;
    float dx[4][STRIP_SPAN], dy[4][STRIP_SPAN];
};

/* The rectangle that T selects, along one axis of `size` pixels, of which `out` are made:
   T(p) = step p + first. */
struct augment_axis {
    double step, first;
};

static struct augment_axis augment_axis_of(const struct augment_draw *draw, int axis,
                                           int size, int out)
{
    double length = axis ? draw->box.h : draw->box.w;
    double begin = axis ? draw->box.y : draw->box.x;
    struct augment_axis t = {1, draw->crop[axis]};
    if (draw->box.w > 0) { /* pixel centres are at halves */
        double step = length * ((double)size / out);
        t = (struct augment_axis){step, begin * size + 0.5 * step - 0.5};
    }
    if (draw->flip[axis])
        t = (struct augment_axis){-t.step, t.first + t.step * (out - 1)};
    return t;
}

/* A = R K L S, then the shift; the inverse is S^-1 L^-1 K^-1 R^T (p - c - shift) + c.
   K: x += shear y, L: y += shear_y x. */
static struct affine affine_inverse(const struct augment_draw *draw,
                                    const struct augment_source *in)
{
    double co = portable_cos(draw->rotate * DEGREE),
           si = portable_sin(draw->rotate * DEGREE);
    double sx = fmax(draw->scale[0], MIN_SCALE), sy = fmax(draw->scale[1], MIN_SCALE);
    double k = draw->shear, l = draw->shear_y;
    double kx = co + k * si, ky = si - k * co; /* the first row of K^-1 R^T */
    double xx = kx / sx, xy = ky / sx;
    double yx = (-si - l * kx) / sy, yy = (co - l * ky) / sy;

    double cx = 0.5 * (in->w - 1), cy = 0.5 * (in->h - 1);
    double px = cx + draw->shift[0], py = cy + draw->shift[1];
    double x0 = 1 + cx - xx * px - xy * py, y0 = 1 + cy - yx * px - yy * py;
    struct augment_axis tx = augment_axis_of(draw, 0, in->w, in->out_w),
                        ty = augment_axis_of(draw, 1, in->h, in->out_h);
    return (struct affine){
        .xx = (float)(xx * tx.step),
        .xy = (float)(xy * ty.step),
        .x0 = (float)(x0 + xx * tx.first + xy * ty.first),
        .yx = (float)(yx * tx.step),
        .yy = (float)(yy * ty.step),
        .y0 = (float)(y0 + yx * tx.first + yy * ty.first),
    };
}

static void interpolate_row(const float *knot, int cells, float *restrict out)
{
    for (int c = 0; c < cells; c++)
        for (int i = 0; i < LANES; i++)
            out[c * CELL + i] = SPLINE[0][i] * knot[c] + SPLINE[1][i] * knot[c + 1] +
                                SPLINE[2][i] * knot[c + 2] + SPLINE[3][i] * knot[c + 3];
}

/* Draws the next row of control points, which replaces the oldest. All columns are drawn,
   so that every strip of the image gets the same field. */
static void field_next_row(struct field *field)
{
    float x[STRIP_KNOT], y[STRIP_KNOT];
    float scale = field->elastic * 0x1p-31f;
    for (int c = 0; c < field->columns; c++) {
        int32_t ux = (int32_t)rng_u32(&field->rng), uy = (int32_t)rng_u32(&field->rng);
        int i = c - field->first;
        if (i >= 0 && i < field->knots) {
            x[i] = scale * (float)ux;
            y[i] = scale * (float)uy;
        }
    }
    memmove(field->dx[0], field->dx[1], 3 * sizeof(field->dx[0]));
    memmove(field->dy[0], field->dy[1], 3 * sizeof(field->dy[0]));
    interpolate_row(x, field->knots - 3, field->dx[3]);
    interpolate_row(y, field->knots - 3, field->dy[3]);
}

/* out += the field in row `phase` of the current cells (of CELL rows). */
static void field_add(float (*restrict d)[STRIP_SPAN], int phase, int blocks,
                      float *restrict out)
{
    float b0 = SPLINE[0][phase], b1 = SPLINE[1][phase];
    float b2 = SPLINE[2][phase], b3 = SPLINE[3][phase];
    for (int b = 0; b < blocks; b++) {
        const float *d0 = d[0] + b * LANES, *d1 = d[1] + b * LANES;
        const float *d2 = d[2] + b * LANES, *d3 = d[3] + b * LANES;
        float *x = out + b * LANES;
        for (int i = 0; i < LANES; i++)
            x[i] += b0 * d0[i] + b1 * d1[i] + b2 * d2[i] + b3 * d3[i];
    }
}

/* x[i] = start + step * (left + i). */
static void warp_ramp(float start, float step, int left, int blocks, float *restrict x)
{
    for (int b = 0; b < blocks; b++)
        for (int i = 0; i < LANES; i++)
            x[b * LANES + i] = step * (float)(left + b * LANES + i) + start;
}

/* Pixel (x, y); 0 outside the image. */
static int pixel_or_zero(const struct augment_source *in, int x, int y)
{
    bool inside = x >= 0 && x < in->w && y >= 0 && y < in->h;
    return inside ? in->pixel[(size_t)y * (size_t)in->w + (size_t)x] : 0;
}

/* Grey images on black. Bilinear interpolation at (x - 1, y - 1). The image fades to zero
   within a margin of one pixel: counted from the margin, coordinates are never negative,
   so that conversion to int rounds down. */
static void sample_block_black(const struct augment_source *in, const float *px,
                               const float *py, float *restrict out)
{
    int top[LANES], low[LANES], ix[LANES], iy[LANES];
    float fx[LANES], fy[LANES];
    float right = (float)(in->w + 1), bottom = (float)(in->h + 1);
    for (int i = 0; i < LANES; i++) {
        float x = px[i] > 0.0f ? px[i] : 0.0f; /* NaN becomes 0, too */
        float y = py[i] > 0.0f ? py[i] : 0.0f;
        x = x < right ? x : right;
        y = y < bottom ? y : bottom;
        ix[i] = (int)x;
        iy[i] = (int)y;
        fx[i] = x - (float)ix[i];
        fy[i] = y - (float)iy[i];
    }
    for (int i = 0; i < LANES; i++) {
        int x = ix[i] - 1, y = iy[i] - 1;
        if (x >= 0 && x < in->w - 1 && y >= 0 && y < in->h - 1) {
            const uint8_t *p = in->pixel + (size_t)y * (size_t)in->w + x;
            top[i] = p[0] | p[1] << 8;
            low[i] = p[in->w] | p[in->w + 1] << 8;
        } else {
            top[i] = pixel_or_zero(in, x, y) | pixel_or_zero(in, x + 1, y) << 8;
            low[i] = pixel_or_zero(in, x, y + 1) | pixel_or_zero(in, x + 1, y + 1) << 8;
        }
    }
    for (int i = 0; i < LANES; i++) {
        float a = (float)(top[i] & 255), b = (float)(top[i] >> 8);
        float c = (float)(low[i] & 255), d = (float)(low[i] >> 8);
        float above = a + fx[i] * (b - a), below = c + fx[i] * (d - c);
        out[i] = above + fy[i] * (below - above);
    }
}

/* view_reflect between pixels. */
static float reflect_between(float x, int size)
{
    float last = (float)(size - 1);
    if (size == 1)
        return 0.0f;
    x = fmodf(fabsf(x), 2.0f * last);
    return x <= last ? x : 2.0f * last - x;
}

/* The nearest pixel of the axis. */
static int border_pixel(int x, int size)
{
    return x < 0 ? 0 : x < size ? x : size - 1;
}

/* Channel k of pixel (x, y), or what is outside. */
static float sample_pixel(const struct augment_source *in, int x, int y, int k)
{
    bool inside = x >= 0 && x < in->w && y >= 0 && y < in->h;
    if (!inside && in->edge == AUGMENT_EDGE_COLOUR)
        return in->outside[k];
    bool reflects = in->edge == AUGMENT_EDGE_REFLECT;
    x = (reflects ? view_reflect : border_pixel)(x, in->w);
    y = (reflects ? view_reflect : border_pixel)(y, in->h);
    return in->pixel[((size_t)y * (size_t)in->w + (size_t)x) * (size_t)in->c + (size_t)k];
}

static float sample_between(float a, float b, float c, float d, float fx, float fy)
{
    float above = a + fx * (b - a), below = c + fx * (d - c);
    return above + fy * (below - above);
}

/* The same for any number of channels, with any outside: the place in the image is found
   once for all channels. */
static void sample_block(const struct augment_source *in, const float *px,
                         const float *py, float *restrict out)
{
    float right = (float)(in->w + 1), bottom = (float)(in->h + 1);
    int c = in->c, stride = in->w * c;
    bool reflects = in->edge == AUGMENT_EDGE_REFLECT;
    for (int i = 0; i < LANES; i++, out += c) {
        float fx = reflects ? 1 + reflect_between(px[i] - 1, in->w) : px[i];
        float fy = reflects ? 1 + reflect_between(py[i] - 1, in->h) : py[i];
        fx = fx > 0.0f ? fx : 0.0f; /* NaN becomes 0, too */
        fy = fy > 0.0f ? fy : 0.0f;
        fx = fx < right ? fx : right;
        fy = fy < bottom ? fy : bottom;
        int x = (int)fx, y = (int)fy;
        fx -= (float)x--;
        fy -= (float)y--;
        if (x >= 0 && x < in->w - 1 && y >= 0 && y < in->h - 1) {
            const uint8_t *p = in->pixel + (size_t)y * (size_t)stride + x * c;
            for (int k = 0; k < c; k++)
                out[k] = sample_between(p[k], p[c + k], p[stride + k], p[stride + c + k],
                                        fx, fy);
        } else {
            for (int k = 0; k < c; k++)
                out[k] = sample_between(sample_pixel(in, x, y, k),
                                        sample_pixel(in, x + 1, y, k),
                                        sample_pixel(in, x, y + 1, k),
                                        sample_pixel(in, x + 1, y + 1, k), fx, fy);
        }
    }
}

/* Columns [left, left + width) of all rows; out is the top left corner of the strip. */
static void warp_strip(const struct affine *m, struct field *field, int left, int width,
                       const struct augment_source *in, float *out)
{
    float x[STRIP_SPAN], y[STRIP_SPAN], line[STRIP_SPAN * AUGMENT_CHANNELS];
    int blocks = div_up(width, LANES);
    bool black = in->c == 1 && in->edge == AUGMENT_EDGE_COLOUR && in->outside[0] == 0;
    size_t c = (size_t)in->c;
    for (int row = 0; row < in->out_h; row++) {
        warp_ramp(m->xy * (float)row + m->x0, m->xx, left, blocks, x);
        warp_ramp(m->yy * (float)row + m->y0, m->yx, left, blocks, y);
        if (field->elastic != 0) {
            int phase = row % CELL;
            for (int n = row == 0 ? 4 : phase == 0; n > 0; n--)
                field_next_row(field);
            field_add(field->dx, phase, blocks, x);
            field_add(field->dy, phase, blocks, y);
        }
        for (int b = 0; b < blocks; b++)
            (black ? sample_block_black : sample_block)(in, x + b * LANES, y + b * LANES,
                                                        line + (size_t)(b * LANES) * c);
        memcpy(out + (size_t)row * (size_t)in->out_w * c, line,
               (size_t)width * c * sizeof(*line));
    }
}

/* Are all pixels moved by whole pixels? */
static bool warp_is_copy(const struct augment_draw *draw)
{
    return draw->shift[0] == 0 && draw->shift[1] == 0 && draw->rotate == 0 &&
           draw->scale[0] == 1 && draw->scale[1] == 1 && draw->shear == 0 &&
           draw->shear_y == 0 && draw->elastic == 0 && draw->box.w == 0;
}

static void warp_copy(const struct augment_draw *draw, const struct augment_source *in,
                      float *out)
{
    struct augment_axis tx = augment_axis_of(draw, 0, in->w, in->out_w);
    struct augment_axis ty = augment_axis_of(draw, 1, in->h, in->out_h);
    int step = (int)tx.step, c = in->c;
    for (int row = 0; row < in->out_h; row++) {
        int x = (int)tx.first, y = (int)(ty.step * row + ty.first);
        bool inside = y >= 0 && y < in->h;
        const uint8_t *line =
            in->pixel + (size_t)(inside ? y : 0) * (size_t)in->w * (size_t)c;
        for (int i = 0; i < in->out_w; i++, x += step, out += c)
            for (int k = 0; k < c; k++)
                out[k] = inside && x >= 0 && x < in->w ? (float)line[x * c + k]
                                                       : sample_pixel(in, x, y, k);
    }
}

void augment_warp(const struct augment_draw *draw, struct shape shape, struct shape to,
                  const uint8_t *in, float *out)
{
    int w = to.w;
    ASSERT(to.h >= 1 && w >= 1 && shape.c >= 1 && shape.c <= AUGMENT_CHANNELS);
    ASSERT(to.h <= shape.h && w <= shape.w && to.c == shape.c);
    const struct augment_source source = {.pixel = in,
                                          .h = shape.h,
                                          .w = shape.w,
                                          .c = shape.c,
                                          .out_h = to.h,
                                          .out_w = w,
                                          .edge = draw->edge,
                                          .outside = draw->outside};
    struct affine m = affine_inverse(draw, &source);
    struct field field = {.elastic = (float)draw->elastic};
    if (warp_is_copy(draw)) {
        warp_copy(draw, &source, out);
        return;
    }
    for (int left = 0; left < w; left += STRIP_W) {
        int width = w - left < STRIP_W ? w - left : STRIP_W;
        field.rng = draw->rng;
        field.first = left / CELL;
        field.knots = div_up(width, CELL) + 3;
        field.columns = div_up(w, CELL) + 3;
        warp_strip(&m, &field, left, width, &source,
                   out + (size_t)left * (size_t)shape.c);
    }
}
