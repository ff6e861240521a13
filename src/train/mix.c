#include "mix.h"

#include <math.h>
#include <stddef.h>

#include "base/rng.h"

bool mix_enabled(const struct mix *mix)
{
    return mix->mixup > 0 || mix->cutmix > 0;
}

/* A side of the box: the pixels [*begin, *end) of an axis of `extent` pixels. */
static void mix_draw_side(struct rng *rng, int extent, double part, int *begin, int *end)
{
    int half = (int)(extent * part) / 2;
    int centre = (int)rng_below(rng, (uint32_t)extent);
    *begin = centre > half ? centre - half : 0;
    *end = centre + half < extent ? centre + half : extent;
}

struct mix_draw mix_draw(const struct mix *mix, uint32_t epoch, uint64_t position)
{
    struct mix_draw draw = {0};
    struct rng rng;
    rng_init(&rng, mix->seed, RNG_MIX, epoch, position);
    bool coin = rng_u32(&rng) & 1;
    draw.box = mix->cutmix > 0 && (coin || !(mix->mixup > 0));
    double share = rng_beta(&rng, draw.box ? mix->cutmix : mix->mixup);
    if (draw.box) {
        int h = mix->shape.h, w = mix->shape.w;
        double part = sqrt(1 - share);
        mix_draw_side(&rng, w, part, &draw.left, &draw.right);
        mix_draw_side(&rng, h, part, &draw.top, &draw.bottom);
        int area = (draw.bottom - draw.top) * (draw.right - draw.left);
        share = 1 - (double)area / ((double)h * w);
    }
    draw.share = (float)share;
    return draw;
}

static void mix_blend(float *x, float *y, int size, float share)
{
    float rest = 1 - share;
    for (int i = 0; i < size; i++) {
        float one = share * x[i] + rest * y[i];
        y[i] = share * y[i] + rest * x[i];
        x[i] = one;
    }
}

static void mix_exchange(float *x, float *y, struct shape shape,
                         const struct mix_draw *draw)
{
    for (int row = draw->top; row < draw->bottom; row++) {
        int end = (row * shape.w + draw->right) * shape.c;
        for (int i = (row * shape.w + draw->left) * shape.c; i < end; i++) {
            float one = y[i];
            y[i] = x[i];
            x[i] = one;
        }
    }
}

/* Each part of the loss has the weight w of its own image, so the weight is
   l w + (1 - l) w', and the share l w / weight. */
static struct target mix_target(const struct target *own, const struct target *other,
                                float share)
{
    struct target target = *own;
    target.mixed = other->label;
    target.mixed_set = other->set;
    target.share = share;
    if (own->weight != other->weight) {
        double part = (double)share * (double)own->weight;
        double rest = (1 - (double)share) * (double)other->weight;
        target.weight = (float)(part + rest);
        target.share = part + rest > 0 ? (float)(part / (part + rest)) : share;
    }
    return target;
}

static void mix_targets(struct target *one, struct target *two, float share)
{
    struct target mixed = mix_target(one, two, share);
    *two = mix_target(two, one, share);
    *one = mixed;
}

void mix_images(const struct mix *mix, const struct team *team,
                const struct mix_grain *grain, float *x, struct target *target)
{
    int size = shape_size(mix->shape), begin, end;
    team_split(team, grain->n / 2, &begin, &end);
    for (int i = begin; i < end; i++) {
        int j = grain->n - 1 - i;
        struct mix_draw draw = mix_draw(mix, grain->epoch, grain->first + (uint64_t)i);
        mix_targets(&target[i], &target[j], draw.share);
        if (!x)
            continue;
        float *one = x + (size_t)i * (size_t)size, *two = x + (size_t)j * (size_t)size;
        if (draw.box)
            mix_exchange(one, two, mix->shape, &draw);
        else
            mix_blend(one, two, size, draw.share);
    }
}
