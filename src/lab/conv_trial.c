#include "lab/conv_trial.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"

static const struct team alone = {.size = 1};

int conv_way_names(const char *names[CONV_WAYS])
{
    const struct conv_algorithm *row;
    int count = 0;
    for (int i = 0; (row = conv_algorithm_row(i)) != NULL; i++) {
        int known = 0;
        while (known < count && strcmp(names[known], row->name) != 0)
            known++;
        if (known < count)
            continue;
        ASSERT(count < CONV_WAYS);
        names[count++] = row->name;
    }
    return count;
}

static float *trial_random(size_t count, uint32_t purpose)
{
    struct rng rng;
    float *values = mem_aligned(count, sizeof *values);
    rng_init(&rng, 1, RNG_TEST, purpose, 0);
    for (size_t i = 0; i < count; i++)
        values[i] = rng_range(&rng, -1.0f, 1.0f);
    return values;
}

static void trial_add_ways(struct conv_trial *trial)
{
    const struct conv_shape *shape = &trial->shape;
    const char *names[CONV_WAYS];
    int count = conv_way_names(names);
    size_t scratch = 0;
    for (int i = 0; i < count; i++) {
        const struct conv_algorithm *way =
            conv_algorithm_named(trial->pass, names[i], shape);
        if (!way)
            continue;
        size_t bytes = way->scratch(shape, 1);
        scratch = bytes > scratch ? bytes : scratch;
        if (way->packed)
            trial->packed[trial->ways] =
                mem_aligned(way->packed(shape), sizeof **trial->packed);
        trial->way[trial->ways] = way;
        conv_trial_pack(trial, trial->ways++);
    }
    trial->scratch = mem_aligned(scratch, 1);
}

void conv_trial_init(struct conv_trial *trial, enum conv_pass pass,
                     const struct conv_shape *shape)
{
    size_t n = (size_t)shape->n;
    size_t xs = n * (size_t)shape->h * (size_t)shape->w * (size_t)shape->c;
    size_t ys = n * (size_t)shape->p * (size_t)shape->q * (size_t)shape->k;
    size_t ws = (size_t)shape->k * conv_taps(shape);
    const size_t outs[CONV_PASSES] = {ys, xs, ws};
    *trial = (struct conv_trial){.pass = pass,
                                 .shape = *shape,
                                 .weight = trial_random(ws, 2),
                                 .bias = trial_random((size_t)shape->k, 3),
                                 .out = mem_aligned(outs[pass], sizeof(float))};
    if (pass != CONV_DATA)
        trial->x = trial_random(xs, 0);
    if (pass != CONV_FORWARD)
        trial->dy = trial_random(ys, 1);
    trial_add_ways(trial);
}

void conv_trial_release(struct conv_trial *trial)
{
    for (int i = 0; i < trial->ways; i++)
        free(trial->packed[i]);
    void *all[] = {trial->x,    trial->dy,  trial->weight,
                   trial->bias, trial->out, trial->scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

void conv_trial_pack(const struct conv_trial *trial, int way)
{
    if (trial->packed[way])
        trial->way[way]->pack(&alone, &trial->shape, trial->packed[way], trial->weight);
}

void conv_trial_run(const struct conv_trial *trial, int way)
{
    const struct conv_operands operands = {
        .out = trial->out,
        .in = trial->pass == CONV_DATA ? trial->dy : trial->x,
        .dy = trial->dy,
        .packed = trial->packed[way] ? trial->packed[way] : trial->weight,
        .bias = trial->pass == CONV_FORWARD ? trial->bias : NULL,
        .scratch = trial->scratch};
    trial->way[way]->run(&alone, &trial->shape, &operands);
}
