#include "data/synth.h"

#include "base/rng.h"
#include "base/status.h"
#include "data/glyphs.h"
#include "data/hand.h"
#include "data/ink.h"

#define PIXELS      (SYNTH_SIZE * SYNTH_SIZE)
#define LATTICE     4     /* nodes of the elastic field, both ways */
#define LONGER_SIDE 20.0f /* pixels, from pen centre to pen centre */

static const struct glyph *synth_pick_form(struct rng *rng, int class)
{
    const struct glyph *forms;
    int small = hand_chance(rng, 0.6f);
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

/* The writer's slant, rotation and proportions. */
static void synth_transform(struct rng *rng, struct ink *ink)
{
    /* tan(angle / 2), which gives sine and cosine without libm. */
    float half = 0.07f * hand_bell(rng);
    float cosine = (1.0f - half * half) / (1.0f + half * half);
    float sine = 2.0f * half / (1.0f + half * half);
    float slant = 0.10f + 0.20f * hand_bell(rng);
    float wide = rng_range(rng, 0.70f, 1.35f);
    if (hand_chance(rng, 0.2f)) /* some write small letters very flat */
        wide *= rng_range(rng, 1.0f, 1.6f);
    /* Only sums below: gcc 12 turns a sum and a difference side by side into fused
       multiply-adds where the machine has them, even under -ffp-contract=off. */
    const float across[2] = {cosine * wide, -sine - cosine * slant};
    const float down[2] = {sine * wide, cosine - sine * slant};
    for (int i = 0; i < ink->count; i++) {
        struct ink_point *p = &ink->points[i];
        float x = p->x, y = p->y;
        p->x = across[0] * x + across[1] * y;
        p->y = down[0] * x + down[1] * y;
    }
}

/* One coordinate, in [0, 1), of a point in the elastic field: returns its lattice cell,
   and the smooth weight of the cell's far end. */
static int synth_lattice_cell(float at, float *weight)
{
    float scaled = at * (float)(LATTICE - 1);
    int cell = (int)scaled;
    cell = cell > LATTICE - 2 ? LATTICE - 2 : cell;
    float f = scaled - (float)cell;
    *weight = f * f * (3.0f - 2.0f * f);
    return cell;
}

/* Random displacements on a lattice over the letter's box, interpolated smoothly. */
static void synth_warp(struct rng *rng, struct ink *ink)
{
    float field[2][LATTICE][LATTICE], low[2], high[2];
    ink_box(ink, low, high);
    float width = high[0] - low[0] + 1.0f, height = high[1] - low[1] + 1.0f;
    float strength = (width > height ? width : height) * rng_range(rng, 0.0f, 0.05f);
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < LATTICE; i++)
            for (int j = 0; j < LATTICE; j++)
                field[k][i][j] = strength * hand_bell(rng);
    for (int n = 0; n < ink->count; n++) {
        struct ink_point *p = &ink->points[n];
        float u, v;
        int j = synth_lattice_cell((p->x - low[0]) / width, &u);
        int i = synth_lattice_cell((p->y - low[1]) / height, &v);
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

/* Scales to pixels, with a longer side of about LONGER_SIDE, and centres the box, with
   some noise. */
static void synth_fit(struct rng *rng, struct ink *ink)
{
    float low[2], high[2];
    ink_box(ink, low, high);
    float width = high[0] - low[0], height = high[1] - low[1];
    float longer = width > height ? width : height;
    float scale = LONGER_SIDE * rng_range(rng, 0.96f, 1.03f) / longer;
    float x0 = 0.5f * (SYNTH_SIZE - scale * (low[0] + high[0])) + 0.2f * hand_bell(rng);
    float y0 = 0.5f * (SYNTH_SIZE - scale * (low[1] + high[1])) + 0.2f * hand_bell(rng);
    for (int i = 0; i < ink->count; i++) {
        ink->points[i].x = x0 + scale * ink->points[i].x;
        ink->points[i].y = y0 + scale * ink->points[i].y;
    }
}

/* The pen's width, and pressure that changes along each stroke. */
static void synth_press(struct rng *rng, struct ink *ink)
{
    float pen = rng_range(rng, 1.05f, 1.35f), varies = rng_range(rng, 0.0f, 0.2f);
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

static void synth_add_specks(struct rng *rng, float canvas[PIXELS])
{
    struct ink specks = {.count = 0};
    int count = hand_chance(rng, 0.08f) ? 1 + (int)rng_below(rng, 3) : 0;
    for (int i = 0; i < count; i++) {
        float x = rng_range(rng, 2.0f, SYNTH_SIZE - 2.0f);
        float y = rng_range(rng, 2.0f, SYNTH_SIZE - 2.0f);
        ink_add(&specks, x, y, 0);
        specks.points[i].radius = rng_range(rng, 0.1f, 0.7f);
    }
    ink_draw(&specks, SYNTH_SIZE, canvas);
}

/* A three-pixel binomial blur, along rows (stride 1) or columns (stride SYNTH_SIZE). */
static void synth_blur(float canvas[PIXELS], int stride, float weight)
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

/* Blur and noise on some images, then bytes. */
static void synth_finish(struct rng *rng, float canvas[PIXELS],
                         uint8_t pixels[SYNTH_SIZE * SYNTH_SIZE])
{
    if (hand_chance(rng, 0.2f)) {
        float weight = rng_range(rng, 0.0f, 0.15f);
        synth_blur(canvas, 1, weight);
        synth_blur(canvas, SYNTH_SIZE, weight);
    }
    int noisy = hand_chance(rng, 0.1f);
    float noise = noisy ? rng_range(rng, 0.0f, 0.04f) : 0.0f;
    for (int i = 0; i < PIXELS; i++) {
        float value = canvas[i] + (noisy ? noise * hand_bell(rng) : 0.0f);
        value = value < 0.0f ? 0.0f : value > 1.0f ? 1.0f : value;
        pixels[i] = (uint8_t)(value * 255.0f + 0.5f);
    }
}

int synth_draw(uint64_t seed, int split, uint64_t index,
               uint8_t pixels[SYNTH_SIZE * SYNTH_SIZE])
{
    struct rng rng;
    struct ink ink;
    float canvas[PIXELS] = {0};
    int class = (int)(index % SYNTH_CLASSES);

    ASSERT(split == 0 || split == 1);
    rng_init(&rng, seed, RNG_SYNTH, (uint32_t)split, index);
    hand_write(&rng, synth_pick_form(&rng, class), &ink);
    synth_transform(&rng, &ink);
    synth_warp(&rng, &ink);
    synth_fit(&rng, &ink);
    synth_press(&rng, &ink);
    ink_draw(&ink, SYNTH_SIZE, canvas);
    synth_add_specks(&rng, canvas);
    synth_finish(&rng, canvas, pixels);
    return class;
}
