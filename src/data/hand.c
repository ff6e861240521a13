#include "data/hand.h"

#include <math.h>
#include <string.h>

#include "base/status.h"

/* Each random number is drawn in a statement of its own: C does not define the order of
   calls within a statement, and the bytes must not depend on the compiler. */

#define MAX_KNOTS   (GLYPH_MAX_KNOTS + 12) /* hooks add knots at the ends of strokes */
#define CURVE_STEPS 7                      /* straight segments in a Bezier curve */

int hand_chance(struct rng *rng, float probability)
{
    return rng_uniform(rng) < probability;
}

float hand_bell(struct rng *rng)
{
    float sum = 0.0f;
    for (int i = 0; i < 4; i++)
        sum += rng_uniform(rng);
    return (sum - 2.0f) * 1.7320508f;
}

/* The longer side of the knots' bounding box. */
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

/* Is knot i the last of its stroke? */
static int ends_stroke(const struct glyph_knot *knots, int count, int i)
{
    return i + 1 == count || knots[i + 1].starts;
}

/* Displaces each knot and each stroke as a whole, and rounds some corners. */
static void shake_knots(struct rng *rng, struct glyph_knot *knots, int count)
{
    float extent = knots_extent(knots, count);
    float stray = extent * rng_range(rng, 0.01f, 0.045f);
    float misplace = extent * rng_range(rng, 0.0f, 0.04f);
    float rounding = hand_chance(rng, 0.3f) ? 0.25f : 0.03f;
    float dx = 0.0f, dy = 0.0f;
    for (int i = 0; i < count; i++) {
        if (knots[i].starts) {
            dx = misplace * hand_bell(rng);
            dy = misplace * hand_bell(rng);
        }
        knots[i].x += dx + stray * hand_bell(rng);
        knots[i].y += dy + stray * hand_bell(rng);
        if (knots[i].corner && hand_chance(rng, rounding))
            knots[i].corner = 0;
    }
}

/* Varies the height of a capital's waist and of ascenders, and the length of descenders:
   the zones above the x-height and below the baseline are scaled independently. */
static void stretch_zones(struct rng *rng, struct glyph_knot *knots, int count)
{
    float above = rng_range(rng, 0.65f, 1.2f), below = rng_range(rng, 0.75f, 1.2f);
    for (int i = 0; i < count; i++) {
        float y = knots[i].y;
        if (y < GLYPH_X_HEIGHT)
            y = GLYPH_X_HEIGHT + above * (y - GLYPH_X_HEIGHT);
        else if (y > GLYPH_BASELINE)
            y = GLYPH_BASELINE + below * (y - GLYPH_BASELINE);
        knots[i].y = y;
    }
}

/* Shortens or lengthens strokes: an end moves along its own direction. */
static void stretch_ends(struct rng *rng, struct glyph_knot *knots, int count)
{
    for (int i = 0; i < count; i++) {
        int neighbour = knots[i].starts                ? i + 1
                        : ends_stroke(knots, count, i) ? i - 1
                                                       : i;
        if (neighbour == i || neighbour == count || !hand_chance(rng, 0.25f))
            continue;
        float by = rng_range(rng, -0.2f, 0.25f);
        knots[i].x += by * (knots[i].x - knots[neighbour].x);
        knots[i].y += by * (knots[i].y - knots[neighbour].y);
    }
}

/* Sometimes joins two strokes by a line, as if the pen had not been lifted. */
static void join_strokes(struct rng *rng, struct glyph_knot *knots, int count)
{
    for (int i = 1; i < count; i++) {
        if (knots[i].starts && hand_chance(rng, 0.05f)) {
            knots[i].starts = 0;
            knots[i].corner = 1;
            knots[i - 1].corner = 1;
        }
    }
}

/* Adds small hooks where the pen touches or leaves the paper. Returns the new count. */
static int add_hooks(struct rng *rng, struct glyph_knot *knots, int count)
{
    float reach = 0.12f * knots_extent(knots, count);
    for (int i = 0; i < count && count < MAX_KNOTS; i++) {
        int start = knots[i].starts;
        if (start == ends_stroke(knots, count, i) || !hand_chance(rng, 0.06f))
            continue;
        float dx = (start ? -reach : reach) * rng_range(rng, 0.2f, 1.0f);
        float dy = reach * rng_range(rng, -1.0f, 0.6f);
        struct glyph_knot hook = {
            .x = knots[i].x + dx, .y = knots[i].y + dy, .starts = (unsigned char)start};
        int at = start ? i : i + 1;
        memmove(&knots[at + 1], &knots[at], (size_t)(count - at) * sizeof *knots);
        knots[at] = hook;
        count++;
        if (start)
            knots[i + 1].starts = 0;
        i++;
    }
    return count;
}

/* Adds a smooth curve through knots first to last, inclusive: cubic Bezier curves, each
   of CURVE_STEPS straight segments. The tangents are those of a centripetal Catmull-Rom
   curve. */
static void flatten_run(const struct glyph_knot *knots, int first, int last,
                        struct ink *ink)
{
    float step[MAX_KNOTS], tangent[MAX_KNOTS][2];
    int n = last - first;
    ASSERT(n > 0);
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
        const float bx[2] = {p[i].x + tangent[i][0] * third,
                             p[i + 1].x - tangent[i + 1][0] * third};
        const float by[2] = {p[i].y + tangent[i][1] * third,
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

/* Turns strokes into points; curves end at corners. */
static void hand_flatten(const struct glyph_knot *knots, int count, struct ink *ink)
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

static float hand_snap(float value, float grid)
{
    float steps = value / grid + (value < 0.0f ? -0.5f : 0.5f);
    return grid * (float)(int)steps;
}

/* Adds noise finer than the knots; on some letters also the steps of a coarse tablet, or
   a gap where the pen left the paper. */
static void hand_roughen(struct rng *rng, struct ink *ink, float extent)
{
    float rough = rng_uniform(rng);
    rough = 0.012f * extent * rough * rough;
    for (int i = 0; i < ink->count; i++) {
        ink->points[i].x += rough * hand_bell(rng);
        ink->points[i].y += rough * hand_bell(rng);
    }
    if (hand_chance(rng, 0.2f)) {
        float grid = extent * rng_range(rng, 0.02f, 0.08f);
        for (int i = 0; i < ink->count; i++) {
            ink->points[i].x = hand_snap(ink->points[i].x, grid);
            ink->points[i].y = hand_snap(ink->points[i].y, grid);
        }
    }
    if (hand_chance(rng, 0.06f)) {
        int gap = (int)rng_below(rng, (uint32_t)ink->count);
        for (int i = gap; i < gap + 3 && i < ink->count; i++)
            ink->points[i].down = 0;
    }
}

void hand_write(struct rng *rng, const struct glyph *form, struct ink *ink)
{
    struct glyph_knot knots[MAX_KNOTS];
    int count = glyph_knots(form, knots);
    stretch_zones(rng, knots, count);
    shake_knots(rng, knots, count);
    stretch_ends(rng, knots, count);
    join_strokes(rng, knots, count);
    count = add_hooks(rng, knots, count);
    hand_flatten(knots, count, ink);
    hand_roughen(rng, ink, knots_extent(knots, count));
}
