#include "data/synth.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "base/status.h"
#include "data/glyphs.h"
#include "data/ink.h"

#define PIXELS      (SYNTH_SIZE * SYNTH_SIZE)
#define MAX_KNOTS   (GLYPH_MAX_KNOTS + 12) /* ticks add knots at the ends of strokes */
#define CURVE_STEPS 7                      /* straight pieces in a Bezier */
#define LATTICE     4                      /* nodes of the elastic field, both ways */
#define LONGER_SIDE 20.0f                  /* pixels, from pen centre to pen centre */

static int chance(struct rng *rng, float probability)
{
    return rng_uniform(rng) < probability;
}

/* Bell-shaped, mean 0, variance 1, at most 3.5: rng_normal needs libm. */
static float bell(struct rng *rng)
{
    float sum = 0.0f;
    for (int i = 0; i < 4; i++)
        sum += rng_uniform(rng);
    return (sum - 2.0f) * 1.7320508f;
}

static const struct glyph *pick_form(struct rng *rng, int class)
{
    const struct glyph *forms;
    int small = chance(rng, 0.6f);
    int count = glyph_forms((char)((small ? 'a' : 'A') + class), &forms);
    uint32_t total = 0;
    for (int i = 0; i < count; i++)
        total += forms[i].share;
    uint32_t draw = rng_below(rng, total);
    while (draw >= forms->share) {
        draw -= forms->share;
        forms++;
    }
    return forms;
}

/* How far apart the knots are: the longer side of their box. */
static float knots_extent(const struct glyph_knot *knots, int count)
{
    float low[2] = {knots[0].x, knots[0].y}, high[2] = {knots[0].x, knots[0].y};
    for (int i = 1; i < count; i++) {
        low[0] = knots[i].x < low[0] ? knots[i].x : low[0];
        low[1] = knots[i].y < low[1] ? knots[i].y : low[1];
        high[0] = knots[i].x > high[0] ? knots[i].x : high[0];
        high[1] = knots[i].y > high[1] ? knots[i].y : high[1];
    }
    float width = high[0] - low[0], height = high[1] - low[1];
    return width > height ? width : height;
}

static int ends_stroke(const struct glyph_knot *knots, int count, int i)
{
    return i + 1 == count || knots[i + 1].starts;
}

/* An unsteady hand: each knot strays, each stroke as a whole is put down elsewhere, and
   corners are sometimes rounded. */
static void shake_knots(struct rng *rng, struct glyph_knot *knots, int count)
{
    float extent = knots_extent(knots, count);
    float stray = extent * rng_range(rng, 0.01f, 0.05f);
    float misplace = extent * rng_range(rng, 0.0f, 0.04f);
    float rounding = chance(rng, 0.3f) ? 0.5f : 0.05f;
    float dx = 0.0f, dy = 0.0f;
    for (int i = 0; i < count; i++) {
        if (knots[i].starts) {
            dx = misplace * bell(rng);
            dy = misplace * bell(rng);
        }
        knots[i].x += dx + stray * bell(rng);
        knots[i].y += dy + stray * bell(rng);
        if (knots[i].corner && chance(rng, rounding))
            knots[i].corner = 0;
    }
}

/* How high the waist of capitals and the bodies of small letters are, how long ascenders
   and descenders: each zone is stretched by itself. */
static void stretch_zones(struct rng *rng, struct glyph_knot *knots, int count)
{
    float above = rng_range(rng, 0.65f, 1.2f), below = rng_range(rng, 0.75f, 1.2f);
    float body = 35.0f;
    for (int i = 0; i < count; i++) {
        float y = knots[i].y - 35.0f;
        if (y < 0.0f)
            y *= above;
        else if (y > body)
            y = body + below * (y - body);
        knots[i].y = y;
    }
}

/* Strokes cut short or overshooting: an end moves along its own direction. */
static void stretch_ends(struct rng *rng, struct glyph_knot *knots, int count)
{
    for (int i = 0; i < count; i++) {
        int neighbour = knots[i].starts                ? i + 1
                        : ends_stroke(knots, count, i) ? i - 1
                                                       : i;
        if (neighbour == i || neighbour == count || !chance(rng, 0.25f))
            continue;
        float by = rng_range(rng, -0.2f, 0.25f);
        knots[i].x += by * (knots[i].x - knots[neighbour].x);
        knots[i].y += by * (knots[i].y - knots[neighbour].y);
    }
}

/* The pen not quite lifted: now and then a line joins two strokes. */
static void join_strokes(struct rng *rng, struct glyph_knot *knots, int count)
{
    for (int i = 1; i < count; i++) {
        if (knots[i].starts && chance(rng, 0.05f)) {
            knots[i].starts = 0;
            knots[i].corner = 1;
            knots[i - 1].corner = 1;
        }
    }
}

/* The small hook that a landing or leaving pen makes. */
static int add_ticks(struct rng *rng, struct glyph_knot *knots, int count)
{
    float reach = 0.12f * knots_extent(knots, count);
    for (int i = 0; i < count && count < MAX_KNOTS; i++) {
        int start = knots[i].starts;
        if (start == ends_stroke(knots, count, i) || !chance(rng, 0.06f))
            continue;
        struct glyph_knot tick = {
            .x = knots[i].x + (start ? -reach : reach) * rng_range(rng, 0.2f, 1.0f),
            .y = knots[i].y + reach * rng_range(rng, -1.0f, 0.6f),
            .starts = (unsigned char)start,
        };
        int at = start ? i : i + 1;
        memmove(&knots[at + 1], &knots[at], (size_t)(count - at) * sizeof *knots);
        knots[at] = tick;
        count++;
        if (start)
            knots[i + 1].starts = 0;
        i++;
    }
    return count;
}

/* Cubic Bezier pieces through one smooth run of knots, first to last inclusive,
   flattened. The tangents are those of a Catmull-Rom curve with centripetal parameters.
 */
static void flatten_run(const struct glyph_knot *knots, int first, int last,
                        struct ink *ink)
{
    float step[MAX_KNOTS], tangent[MAX_KNOTS][2];
    int n = last - first;
    const struct glyph_knot *p = &knots[first];
    for (int i = 0; i < n; i++) {
        float dx = p[i + 1].x - p[i].x, dy = p[i + 1].y - p[i].y;
        step[i] = sqrtf(sqrtf(dx * dx + dy * dy)) + 0.01f;
    }
    for (int axis = 0; axis < 2; axis++) {
        float slope[MAX_KNOTS];
        for (int i = 0; i < n; i++)
            slope[i] = (axis ? p[i + 1].y - p[i].y : p[i + 1].x - p[i].x) / step[i];
        for (int i = 1; i < n; i++)
            tangent[i][axis] = (slope[i - 1] * step[i] + slope[i] * step[i - 1]) /
                               (step[i - 1] + step[i]);
        tangent[0][axis] = n == 1 ? slope[0] : 2.0f * slope[0] - tangent[1][axis];
        tangent[n][axis] = n == 1 ? slope[0] : 2.0f * slope[n - 1] - tangent[n - 1][axis];
    }
    for (int i = 0; i < n; i++) {
        float third = step[i] / 3.0f;
        float bx[2] = {p[i].x + tangent[i][0] * third,
                       p[i + 1].x - tangent[i + 1][0] * third};
        float by[2] = {p[i].y + tangent[i][1] * third,
                       p[i + 1].y - tangent[i + 1][1] * third};
        for (int s = 1; s <= CURVE_STEPS; s++) {
            float t = (float)s / CURVE_STEPS, u = 1.0f - t;
            float w0 = u * u * u, w1 = 3.0f * u * u * t;
            float w2 = 3.0f * u * t * t, w3 = t * t * t;
            ink_add(ink, w0 * p[i].x + w1 * bx[0] + w2 * bx[1] + w3 * p[i + 1].x,
                    w0 * p[i].y + w1 * by[0] + w2 * by[1] + w3 * p[i + 1].y, 1);
        }
    }
}

static void flatten(const struct glyph_knot *knots, int count, struct ink *ink)
{
    int first = 0;
    ink->count = 0;
    for (int i = 0; i < count; i++) {
        if (knots[i].starts) {
            ink_add(ink, knots[i].x, knots[i].y, 0);
            first = i;
        } else if (knots[i].corner || ends_stroke(knots, count, i)) {
            flatten_run(knots, first, i, ink);
            first = i;
        }
    }
}

static float snap(float value, float grid)
{
    float steps = value / grid + (value < 0.0f ? -0.5f : 0.5f);
    return grid * (float)(int)steps;
}

/* Unevenness finer than the knots, the steps of a coarse tablet, and a gap where the pen
 * left the paper. */
static void roughen(struct rng *rng, struct ink *ink, float extent)
{
    float rough = rng_uniform(rng);
    rough = 0.012f * extent * rough * rough;
    for (int i = 0; i < ink->count; i++) {
        ink->points[i].x += rough * bell(rng);
        ink->points[i].y += rough * bell(rng);
    }
    if (chance(rng, 0.15f)) {
        float grid = extent * rng_range(rng, 0.02f, 0.08f);
        for (int i = 0; i < ink->count; i++) {
            ink->points[i].x = snap(ink->points[i].x, grid);
            ink->points[i].y = snap(ink->points[i].y, grid);
        }
    }
    if (chance(rng, 0.06f)) {
        int gap = (int)rng_below(rng, (uint32_t)ink->count);
        for (int i = gap; i < gap + 3 && i < ink->count; i++)
            ink->points[i].down = 0;
    }
}

/* The writer's slant, turn and proportions. */
static void transform(struct rng *rng, struct ink *ink)
{
    float half = 0.06f * bell(rng); /* tan(angle / 2): sine and cosine without libm */
    float cosine = (1.0f - half * half) / (1.0f + half * half);
    float sine = 2.0f * half / (1.0f + half * half);
    float slant = 0.10f + 0.20f * bell(rng);
    float wide = rng_range(rng, 0.70f, 1.35f);
    if (chance(rng, 0.2f))
        wide *= rng_range(rng, 1.0f, 1.6f);
    for (int i = 0; i < ink->count; i++) {
        struct ink_point *p = &ink->points[i];
        float x = wide * p->x - slant * p->y, y = p->y;
        p->x = cosine * x - sine * y;
        p->y = sine * x + cosine * y;
    }
}

/* One coordinate of a point in the elastic field: lattice cell and smooth weight. */
static int lattice_cell(float at, float *weight)
{
    float scaled = at * (float)(LATTICE - 1);
    int cell = (int)scaled;
    cell = cell > LATTICE - 2 ? LATTICE - 2 : cell;
    float f = scaled - (float)cell;
    *weight = f * f * (3.0f - 2.0f * f);
    return cell;
}

/* Random displacements on a lattice over the letter's box, smooth in between. */
static void warp(struct rng *rng, struct ink *ink)
{
    float field[2][LATTICE][LATTICE], low[2], high[2];
    ink_box(ink, low, high);
    float width = high[0] - low[0] + 1.0f, height = high[1] - low[1] + 1.0f;
    float strength = (width > height ? width : height) * rng_range(rng, 0.0f, 0.06f);
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < LATTICE; i++)
            for (int j = 0; j < LATTICE; j++)
                field[k][i][j] = strength * bell(rng);
    for (int n = 0; n < ink->count; n++) {
        struct ink_point *p = &ink->points[n];
        float u, v;
        int j = lattice_cell((p->x - low[0]) / width, &u);
        int i = lattice_cell((p->y - low[1]) / height, &v);
        float shift[2];
        for (int k = 0; k < 2; k++) {
            float top = field[k][i][j] + u * (field[k][i][j + 1] - field[k][i][j]);
            float bottom =
                field[k][i + 1][j] + u * (field[k][i + 1][j + 1] - field[k][i + 1][j]);
            shift[k] = top + v * (bottom - top);
        }
        p->x += shift[0];
        p->y += shift[1];
    }
}

/* To pixels: longer side about LONGER_SIDE, box about the middle of the canvas. */
static void fit(struct rng *rng, struct ink *ink)
{
    float low[2], high[2];
    ink_box(ink, low, high);
    float width = high[0] - low[0], height = high[1] - low[1];
    float longer = width > height ? width : height;
    float scale = LONGER_SIDE * rng_range(rng, 0.96f, 1.03f) / longer;
    float x0 = 0.5f * (SYNTH_SIZE - scale * (low[0] + high[0])) + 0.2f * bell(rng);
    float y0 = 0.5f * (SYNTH_SIZE - scale * (low[1] + high[1])) + 0.2f * bell(rng);
    for (int i = 0; i < ink->count; i++) {
        ink->points[i].x = x0 + scale * ink->points[i].x;
        ink->points[i].y = y0 + scale * ink->points[i].y;
    }
}

/* Pen width, and pressure that changes along each stroke. */
static void press(struct rng *rng, struct ink *ink)
{
    float pen = rng_range(rng, 1.0f, 1.35f), varies = rng_range(rng, 0.0f, 0.25f);
    float pressure = 0.0f, drift = 0.0f;
    for (int i = 0; i < ink->count; i++) {
        if (!ink->points[i].down) {
            pressure = rng_range(rng, -1.0f, 1.0f);
            drift = 0.1f * rng_range(rng, -1.0f, 1.0f);
        }
        if (pressure + drift > 1.0f || pressure + drift < -1.0f)
            drift = -drift;
        pressure += drift;
        ink->points[i].radius = pen * (1.0f + varies * pressure);
    }
}

static void add_specks(struct rng *rng, float canvas[PIXELS])
{
    struct ink specks = {.count = 0};
    int count = chance(rng, 0.08f) ? 1 + (int)rng_below(rng, 3) : 0;
    for (int i = 0; i < count; i++) {
        ink_add(&specks, rng_range(rng, 2.0f, SYNTH_SIZE - 2.0f),
                rng_range(rng, 2.0f, SYNTH_SIZE - 2.0f), 0);
        specks.points[i].radius = rng_range(rng, 0.1f, 0.7f);
    }
    ink_draw(&specks, SYNTH_SIZE, canvas);
}

/* A three-pixel binomial blur, along rows (stride 1) or columns (stride SYNTH_SIZE). */
static void blur(float canvas[PIXELS], int stride, float weight)
{
    int across = stride == 1 ? SYNTH_SIZE : 1;
    for (int line = 0; line < SYNTH_SIZE; line++) {
        float *at = canvas + line * across, before = 0.0f;
        for (int i = 0; i < SYNTH_SIZE; i++, at += stride) {
            float here = *at, after = i + 1 < SYNTH_SIZE ? at[stride] : 0.0f;
            *at = here + weight * (before - 2.0f * here + after);
            before = here;
        }
    }
}

static void finish(struct rng *rng, float canvas[PIXELS],
                   uint8_t pixels[SYNTH_SIZE * SYNTH_SIZE])
{
    if (chance(rng, 0.2f)) {
        float weight = rng_range(rng, 0.0f, 0.15f);
        blur(canvas, 1, weight);
        blur(canvas, SYNTH_SIZE, weight);
    }
    int noisy = chance(rng, 0.1f);
    float noise = noisy ? rng_range(rng, 0.0f, 0.04f) : 0.0f;
    for (int i = 0; i < PIXELS; i++) {
        float value = canvas[i] + (noisy ? noise * bell(rng) : 0.0f);
        value = value < 0.0f ? 0.0f : value > 1.0f ? 1.0f : value;
        pixels[i] = (uint8_t)(value * 255.0f + 0.5f);
    }
}

int synth_draw(uint64_t seed, int split, uint64_t index,
               uint8_t pixels[SYNTH_SIZE * SYNTH_SIZE])
{
    struct rng rng;
    struct glyph_knot knots[MAX_KNOTS];
    struct ink ink;
    float canvas[PIXELS] = {0};
    int class = (int)(index % SYNTH_CLASSES);

    ASSERT(split == 0 || split == 1);
    rng_init(&rng, seed, RNG_SYNTH, (uint32_t)split, index);
    int count = glyph_knots(pick_form(&rng, class), knots);
    stretch_zones(&rng, knots, count);
    shake_knots(&rng, knots, count);
    stretch_ends(&rng, knots, count);
    join_strokes(&rng, knots, count);
    count = add_ticks(&rng, knots, count);
    flatten(knots, count, &ink);
    roughen(&rng, &ink, knots_extent(knots, count));
    transform(&rng, &ink);
    warp(&rng, &ink);
    fit(&rng, &ink);
    press(&rng, &ink);
    ink_draw(&ink, SYNTH_SIZE, canvas);
    add_specks(&rng, canvas);
    finish(&rng, canvas, pixels);
    return class;
}
