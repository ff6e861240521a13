/* augment: what is drawn, and all of it. */
#include <math.h>

#include "base/portable_math.h"
#include "data/augment.h"
#include "data/randaugment.h"
#include "data/view.h"

#define ERASE_LEAST 0.02 /* share of the area */
#define ERASE_MOST  0.33
#define ERASE_RATIO 3.3 /* of the sides, and its inverse */
#define CROP_RATIO  (4. / 3)

bool augment_enabled(const struct augment_options *options)
{
    return options->shift != 0 || options->shift_share != 0 || options->rotate != 0 ||
           options->scale != 0 || options->shear != 0 || options->elastic != 0 ||
           options->flip != 0 || options->flip_vertical || options->random_crop ||
           options->crop != 0 || options->resized_crop != 0 || options->brightness != 0 ||
           options->contrast != 0 || options->saturation != 0 || options->hue != 0 ||
           options->randaugment > 0 || options->erase != 0;
}

/* Uniform in [-strength, strength). */
static double draw_symmetric(struct rng *rng, double strength)
{
    return strength * (2.0 * (double)rng_uniform(rng) - 1.0);
}

/* The largest shift along a side of so many pixels. */
static double draw_shift(const struct augment_options *options, int side)
{
    return options->shift + options->shift_share * side;
}

/* A factor for an option that is on; 0 for one that is off. */
static double draw_factor(struct rng *rng, double strength)
{
    double x = draw_symmetric(rng, strength);
    return strength != 0 ? fmax(1 + x, 0) : 0;
}

/* A rectangle of so many shares of the area, which lies inside. The ratio of its sides,
   in shares, is at most `ratio` times, or its inverse, that of middle to 1 / middle. */
static struct augment_box draw_box(struct rng *rng, double least, double most,
                                   double ratio, double middle)
{
    double area = least + (most - least) * (double)rng_uniform(rng);
    double stretch =
        middle * portable_exp(0.5 * draw_symmetric(rng, portable_log(ratio)));
    struct augment_box box = {.w = fmin(sqrt(area) * stretch, 1),
                              .h = fmin(sqrt(area) / stretch, 1)};
    box.x = (1 - box.w) * (double)rng_uniform(rng);
    box.y = (1 - box.h) * (double)rng_uniform(rng);
    return box;
}

static bool draw_alternating(uint64_t seed, uint32_t epoch, uint64_t sample)
{
    struct rng rng;
    rng_init(&rng, seed, RNG_FLIP, 0, sample);
    return ((rng_u32(&rng) ^ epoch) & 1) != 0;
}

/* Where a rectangle of `size` begins on an axis of `extent` pixels. Always draws once. */
static int draw_crop(const struct augment_options *options, struct rng *rng, int extent,
                     int size)
{
    uint32_t places = (uint32_t)(extent - size) + 2 * (uint32_t)options->crop + 1;
    uint32_t draw = rng_u32(rng); /* not rng_below, which may draw twice */
    if (!options->random_crop && options->crop == 0)
        return view_centre(extent, size);
    return (int)(((uint64_t)draw * places) >> 32) - options->crop;
}

/* A rectangle that will have the output's sides; 1 / stretch is that of equal shares. */
static struct augment_box draw_part(const struct augment_sample *sample, struct rng *rng)
{
    struct shape from = sample->shape, to = sample->out;
    double stretch = sqrt(((double)to.w * from.h) / ((double)to.h * from.w));
    return draw_box(rng, sample->options->resized_crop, 1, CROP_RATIO, stretch);
}

/* All of it is always drawn: one option does not change what another one draws. */
static void draw_picture(const struct augment_sample *sample, struct rng *rng,
                         struct augment_draw *draw)
{
    const struct augment_options *options = sample->options;
    uint32_t coins = rng_u32(rng);
    draw->flip[0] = options->flip == AUGMENT_FLIP_RANDOM && (coins & 1);
    draw->flip[1] = options->flip_vertical && (coins & 2);
    draw->crop[0] = draw_crop(options, rng, sample->shape.w, sample->out.w);
    draw->crop[1] = draw_crop(options, rng, sample->shape.h, sample->out.h);
    struct augment_box box = draw_part(sample, rng);
    if (options->resized_crop > 0)
        draw->box = box;
    draw->brightness = draw_factor(rng, options->brightness);
    draw->contrast = draw_factor(rng, options->contrast);
    draw->saturation = draw_factor(rng, options->saturation);
    draw->hue = draw_symmetric(rng, options->hue);
    bool erases = (double)rng_uniform(rng) < options->erase;
    box = draw_box(rng, ERASE_LEAST, ERASE_MOST, ERASE_RATIO, 1);
    if (erases)
        draw->erase = box;
}

void augment_draw(const struct augment_sample *sample, struct augment_draw *draw)
{
    const struct augment_options *options = sample->options;
    uint64_t seed = sample->seed, number = sample->sample;
    uint32_t epoch = sample->epoch;
    struct rng rng;
    *draw = (struct augment_draw){.elastic = options->elastic};
    rng_init(&rng, seed, RNG_AUGMENT, epoch, number);
    draw->shift[0] = draw_symmetric(&rng, draw_shift(options, sample->out.w));
    draw->shift[1] = draw_symmetric(&rng, draw_shift(options, sample->out.h));
    draw->rotate = draw_symmetric(&rng, options->rotate);
    draw->scale[0] = 1.0 + draw_symmetric(&rng, options->scale);
    draw->scale[1] = 1.0 + draw_symmetric(&rng, options->scale);
    draw->shear = draw_symmetric(&rng, options->shear);
    draw->rng = rng;
    rng_init(&rng, seed, RNG_PICTURE, epoch, number);
    draw_picture(sample, &rng, draw);
    if (options->flip == AUGMENT_FLIP_ALTERNATE)
        draw->flip[0] = draw_alternating(seed, epoch, number);
}

/* --- all of it --- */

static void augment_set_outside(const struct augment_sample *sample,
                                struct augment_draw *draw)
{
    int fill = sample->options->fill, c = sample->shape.c;
    if (fill == AUGMENT_FILL_AUTO)
        fill = c == 1 ? AUGMENT_FILL_BLACK : AUGMENT_FILL_BORDER;
    draw->edge = fill == AUGMENT_FILL_BORDER    ? AUGMENT_EDGE_BORDER
                 : fill == AUGMENT_FILL_REFLECT ? AUGMENT_EDGE_REFLECT
                                                : AUGMENT_EDGE_COLOUR;
    for (int k = 0; k < c && fill == AUGMENT_FILL_MEAN; k++)
        draw->outside[k] = (float)(AUGMENT_WHITE * sample->mean[k]);
}

static void augment_erase(const struct augment_sample *sample,
                          const struct augment_draw *draw, float *x)
{
    int h = sample->out.h, w = sample->out.w, c = sample->out.c;
    const struct augment_box *box = &draw->erase;
    int top = (int)(box->y * h + 0.5), left = (int)(box->x * w + 0.5);
    int bottom = (int)((box->y + box->h) * h + 0.5);
    int right = (int)((box->x + box->w) * w + 0.5);
    for (int y = top; y < bottom && y < h; y++)
        for (int i = left; i < right && i < w; i++)
            for (int k = 0; k < c; k++)
                x[(y * w + i) * c + k] = (float)(AUGMENT_WHITE * sample->mean[k]);
}

void augment_image(const struct augment_sample *sample, const uint8_t *in, float *out)
{
    struct augment_draw draw;
    augment_draw(sample, &draw);
    augment_set_outside(sample, &draw);
    augment_warp(&draw, sample->shape, sample->out, in, out);
    augment_colour(&draw, sample->out, out);
    if (sample->options->randaugment > 0)
        randaugment_image(sample, &draw, out);
    if (draw.erase.w > 0)
        augment_erase(sample, &draw, out);
}
