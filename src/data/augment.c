#include "data/augment.h"

#include <math.h>
#include <string.h>

#include "base/status.h"

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

struct augment_image {
    const uint8_t *pixel;
    int h, w;
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

bool augment_enabled(const struct augment_options *options)
{
    return options->shift != 0 || options->rotate != 0 || options->scale != 0 ||
           options->shear != 0 || options->elastic != 0;
}

/* Uniform in [-strength, strength). */
static double draw_symmetric(struct rng *rng, double strength)
{
    return strength * (2.0 * (double)rng_uniform(rng) - 1.0);
}

void augment_draw(const struct augment_options *options, uint64_t seed, uint32_t epoch,
                  uint64_t sample, struct augment_draw *draw)
{
    struct rng rng;
    rng_init(&rng, seed, RNG_AUGMENT, epoch, sample);
    draw->shift[0] = draw_symmetric(&rng, options->shift);
    draw->shift[1] = draw_symmetric(&rng, options->shift);
    draw->rotate = draw_symmetric(&rng, options->rotate);
    draw->scale[0] = 1.0 + draw_symmetric(&rng, options->scale);
    draw->scale[1] = 1.0 + draw_symmetric(&rng, options->scale);
    draw->shear = draw_symmetric(&rng, options->shear);
    draw->elastic = options->elastic;
    draw->rng = rng;
}

/* A = R K S, then the shift; the inverse is S^-1 K^-1 R^T (p - c - shift) + c. */
static struct affine affine_inverse(const struct augment_draw *draw, int h, int w)
{
    double co = cos(draw->rotate * DEGREE), si = sin(draw->rotate * DEGREE);
    double sx = fmax(draw->scale[0], MIN_SCALE), sy = fmax(draw->scale[1], MIN_SCALE);
    double k = draw->shear;
    double xx = (co + k * si) / sx, xy = (si - k * co) / sx;
    double yx = -si / sy, yy = co / sy;

    double cx = 0.5 * (w - 1), cy = 0.5 * (h - 1);
    double px = cx + draw->shift[0], py = cy + draw->shift[1];
    return (struct affine){
        .xx = (float)xx,
        .xy = (float)xy,
        .x0 = (float)(1 + cx - xx * px - xy * py),
        .yx = (float)yx,
        .yy = (float)yy,
        .y0 = (float)(1 + cy - yx * px - yy * py),
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
static void ramp(float start, float step, int left, int blocks, float *restrict x)
{
    for (int b = 0; b < blocks; b++)
        for (int i = 0; i < LANES; i++)
            x[b * LANES + i] = step * (float)(left + b * LANES + i) + start;
}

/* Pixel (x, y); 0 outside the image. */
static int pixel_or_zero(const struct augment_image *in, int x, int y)
{
    bool inside = x >= 0 && x < in->w && y >= 0 && y < in->h;
    return inside ? in->pixel[(size_t)y * (size_t)in->w + (size_t)x] : 0;
}

/* Bilinear interpolation at (x - 1, y - 1). The image fades to zero within a margin of
   one pixel: counted from the margin, coordinates are never negative, so that conversion
   to int rounds down. */
static void sample_block(const struct augment_image *in, const float *px, const float *py,
                         float *restrict out)
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

/* Columns [left, left + width) of all rows; out is the top left corner of the strip. */
static void warp_strip(const struct affine *m, struct field *field, int left, int width,
                       const struct augment_image *in, float *out)
{
    float x[STRIP_SPAN], y[STRIP_SPAN], line[STRIP_SPAN];
    int blocks = (width + LANES - 1) / LANES;
    for (int row = 0; row < in->h; row++) {
        ramp(m->xy * (float)row + m->x0, m->xx, left, blocks, x);
        ramp(m->yy * (float)row + m->y0, m->yx, left, blocks, y);
        if (field->elastic != 0) {
            int phase = row % CELL;
            for (int n = row == 0 ? 4 : phase == 0; n > 0; n--)
                field_next_row(field);
            field_add(field->dx, phase, blocks, x);
            field_add(field->dy, phase, blocks, y);
        }
        for (int b = 0; b < blocks; b++)
            sample_block(in, x + b * LANES, y + b * LANES, line + b * LANES);
        memcpy(out + (size_t)row * (size_t)in->w, line, (size_t)width * sizeof(*line));
    }
}

void augment_warp(const struct augment_draw *draw, int h, int w, const uint8_t *in,
                  float *out)
{
    ASSERT(h >= 1 && w >= 1);
    struct affine m = affine_inverse(draw, h, w);
    struct augment_image image = {.pixel = in, .h = h, .w = w};
    struct field field = {.elastic = (float)draw->elastic};
    for (int left = 0; left < w; left += STRIP_W) {
        int width = w - left < STRIP_W ? w - left : STRIP_W;
        field.rng = draw->rng;
        field.first = left / CELL;
        field.knots = (width + CELL - 1) / CELL + 3;
        field.columns = (w + CELL - 1) / CELL + 3;
        warp_strip(&m, &field, left, width, &image, out + left);
    }
}
