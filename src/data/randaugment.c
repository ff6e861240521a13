#include "data/randaugment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define LEVELS 256 /* values of a channel */

#define ROTATE    30.0 /* degrees at strength 1, and so on */
#define FACTOR    0.9
#define BITS      4
#define SHEAR     0.3
#define TRANSLATE (150.0 / 331.0) /* of the side */

/* An operation at work. */
struct randaugment_job {
    double strength;
    const struct augment_draw *draw; /* what is outside */
    struct shape shape;
    uint8_t *bytes;
    float *x;
};

static int randaugment_size(const struct randaugment_job *job)
{
    return shape_size(job->shape);
}

/* The nearest whole values. */
static void randaugment_round(int size, float *x)
{
    for (int i = 0; i < size; i++) {
        float whole = floorf(x[i] + 0.5f);
        x[i] = whole < 0 ? 0 : whole > AUGMENT_WHITE ? AUGMENT_WHITE : whole;
    }
}

static void randaugment_copy(const struct randaugment_job *job)
{
    int size = randaugment_size(job);
    for (int i = 0; i < size; i++)
        job->bytes[i] = (uint8_t)job->x[i];
}

/* --- by a table: each value of a channel becomes another one --- */

/* count: how many pixels of the channel have each value. */
static void randaugment_autocontrast(const int count[LEVELS], double strength,
                                     uint8_t table[LEVELS])
{
    int low = 0, high = LEVELS - 1;
    (void)strength;
    while (low < high && count[low] == 0)
        low++;
    while (high > low && count[high] == 0)
        high--;
    for (int v = low; v <= high && low < high; v++)
        table[v] = (uint8_t)((2 * 255 * (v - low) + (high - low)) / (2 * (high - low)));
}

/* As Pillow's ImageOps.equalize. */
static void randaugment_equalize(const int count[LEVELS], double strength,
                                 uint8_t table[LEVELS])
{
    int all = 0, last = 0;
    (void)strength;
    for (int v = 0; v < LEVELS; v++) {
        all += count[v];
        last = count[v] > 0 ? count[v] : last;
    }
    int step = (all - last) / (LEVELS - 1);
    int below = step / 2;
    for (int v = 0; v < LEVELS && step > 0; below += count[v], v++)
        table[v] = (uint8_t)(below / step < LEVELS ? below / step : LEVELS - 1);
}

static void randaugment_solarize(const int count[LEVELS], double strength,
                                 uint8_t table[LEVELS])
{
    (void)count;
    for (int v = 0; v < LEVELS; v++)
        if (v >= LEVELS * (1 - fabs(strength)))
            table[v] = (uint8_t)(LEVELS - 1 - v);
}

static void randaugment_posterize(const int count[LEVELS], double strength,
                                  uint8_t table[LEVELS])
{
    unsigned lower = (1u << (int)rint(BITS * fabs(strength))) - 1;
    (void)count;
    for (unsigned v = 0; v < LEVELS; v++)
        table[v] = (uint8_t)(v & ~lower);
}

static void randaugment_map_channel(const struct randaugment_job *job, int channel,
                                    void (*fill)(const int count[LEVELS], double strength,
                                                 uint8_t table[LEVELS]))
{
    int count[LEVELS] = {0}, size = randaugment_size(job), step = job->shape.c;
    uint8_t table[LEVELS];
    for (int v = 0; v < LEVELS; v++)
        table[v] = (uint8_t)v;
    for (int i = channel; i < size; i += step)
        count[(int)job->x[i]]++;
    fill(count, job->strength, table);
    for (int i = channel; i < size; i += step)
        job->x[i] = table[(int)job->x[i]];
}

/* --- by the colours of data/augment.h --- */

static double randaugment_factor(const struct randaugment_job *job)
{
    return 1 + FACTOR * job->strength;
}

static void randaugment_colour(const struct randaugment_job *job,
                               const struct augment_draw *colours)
{
    augment_colour(colours, job->shape, job->x);
    randaugment_round(randaugment_size(job), job->x);
}

static void randaugment_color(const struct randaugment_job *job)
{
    randaugment_colour(job,
                       &(struct augment_draw){.saturation = randaugment_factor(job)});
}

static void randaugment_contrast(const struct randaugment_job *job)
{
    randaugment_colour(job, &(struct augment_draw){.contrast = randaugment_factor(job)});
}

static void randaugment_brightness(const struct randaugment_job *job)
{
    randaugment_colour(job,
                       &(struct augment_draw){.brightness = randaugment_factor(job)});
}

/* --- by the pixels around --- */

/* The smoothed value at p, rounded; `line` values are in a row. */
static int randaugment_smooth(const uint8_t *p, int line, int c)
{
    int sum = 4 * p[0];
    for (int y = -line; y <= line; y += line)
        sum += p[y - c] + p[y] + p[y + c];
    return (sum + 6) / 13;
}

static void randaugment_sharpness(const struct randaugment_job *job)
{
    int h = job->shape.h, c = job->shape.c, line = job->shape.w * c;
    double factor = randaugment_factor(job);
    randaugment_copy(job);
    for (int y = 1; y < h - 1; y++)
        for (int i = y * line + c; i < (y + 1) * line - c; i++) {
            int s = randaugment_smooth(job->bytes + i, line, c);
            job->x[i] = (float)(s + factor * (job->bytes[i] - s));
        }
    randaugment_round(randaugment_size(job), job->x);
}

/* --- by the geometry of data/augment.h --- */

static void randaugment_warp(const struct randaugment_job *job, struct augment_draw move)
{
    move.scale[0] = move.scale[1] = 1;
    move.edge = job->draw->edge;
    memcpy(move.outside, job->draw->outside, sizeof move.outside);
    randaugment_copy(job);
    augment_warp(&move, job->shape, job->shape, job->bytes, job->x);
    randaugment_round(randaugment_size(job), job->x);
}

static void randaugment_rotate(const struct randaugment_job *job)
{
    randaugment_warp(job, (struct augment_draw){.rotate = ROTATE * job->strength});
}

static void randaugment_shear_x(const struct randaugment_job *job)
{
    randaugment_warp(job, (struct augment_draw){.shear = SHEAR * job->strength});
}

static void randaugment_shear_y(const struct randaugment_job *job)
{
    randaugment_warp(job, (struct augment_draw){.shear_y = SHEAR * job->strength});
}

static int randaugment_way(const struct randaugment_job *job, int side)
{
    return (int)rint(TRANSLATE * job->strength * side);
}

static void randaugment_translate_x(const struct randaugment_job *job)
{
    int way = randaugment_way(job, job->shape.w);
    randaugment_warp(job, (struct augment_draw){.crop = {-way, 0}});
}

static void randaugment_translate_y(const struct randaugment_job *job)
{
    int way = randaugment_way(job, job->shape.h);
    randaugment_warp(job, (struct augment_draw){.crop = {0, -way}});
}

/* --- all of them --- */

/* Each is a table or a function of the image; the identity is neither. */
static const struct {
    void (*table)(const int count[LEVELS], double strength, uint8_t table[LEVELS]);
    void (*image)(const struct randaugment_job *job);
} randaugment_ops[RANDAUGMENT_KINDS] = {
    [RANDAUGMENT_AUTOCONTRAST] = {.table = randaugment_autocontrast},
    [RANDAUGMENT_EQUALIZE] = {.table = randaugment_equalize},
    [RANDAUGMENT_ROTATE] = {.image = randaugment_rotate},
    [RANDAUGMENT_SOLARIZE] = {.table = randaugment_solarize},
    [RANDAUGMENT_COLOR] = {.image = randaugment_color},
    [RANDAUGMENT_POSTERIZE] = {.table = randaugment_posterize},
    [RANDAUGMENT_CONTRAST] = {.image = randaugment_contrast},
    [RANDAUGMENT_BRIGHTNESS] = {.image = randaugment_brightness},
    [RANDAUGMENT_SHARPNESS] = {.image = randaugment_sharpness},
    [RANDAUGMENT_SHEAR_X] = {.image = randaugment_shear_x},
    [RANDAUGMENT_SHEAR_Y] = {.image = randaugment_shear_y},
    [RANDAUGMENT_TRANSLATE_X] = {.image = randaugment_translate_x},
    [RANDAUGMENT_TRANSLATE_Y] = {.image = randaugment_translate_y},
};

void randaugment_apply(const struct randaugment_op *op, const struct augment_draw *draw,
                       struct shape shape, uint8_t *bytes, float *x)
{
    const struct randaugment_job job = {op->strength, draw, shape, bytes, x};
    if (randaugment_ops[op->kind].image)
        randaugment_ops[op->kind].image(&job);
    for (int c = 0; c < shape.c && randaugment_ops[op->kind].table; c++)
        randaugment_map_channel(&job, c, randaugment_ops[op->kind].table);
}

/* Always two words, which rng_below is not. */
struct randaugment_op randaugment_next(struct rng *rng, double magnitude)
{
    uint32_t kind = rng_u32(rng), coin = rng_u32(rng);
    double m = magnitude / RANDAUGMENT_MOST;
    return (struct randaugment_op){
        (enum randaugment_kind)(((uint64_t)kind * RANDAUGMENT_KINDS) >> 32),
        coin & 1 ? -m : m};
}

void randaugment_image(const struct augment_sample *sample,
                       const struct augment_draw *draw, float *x)
{
    const struct augment_options *options = sample->options;
    int size = shape_size(sample->out);
    uint8_t *bytes = mem_zeroed((size_t)size, 1);
    struct rng rng;
    rng_init(&rng, sample->seed, RNG_OPS, sample->epoch, sample->sample);
    randaugment_round(size, x);
    for (int i = 0; i < options->randaugment; i++) {
        struct randaugment_op op = randaugment_next(&rng, options->magnitude);
        randaugment_apply(&op, draw, sample->out, bytes, x);
    }
    free(bytes);
}
