/* microbench: memory layouts, access order, algorithms of a convolution. */
#include "lab/microbench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/timer.h"
#include "kernels/kernels.h"
#include "kernels/lab.h"
#include "nn/layer_shape.h"

#define MICROBENCH_REPEATS       15
#define MICROBENCH_REPEATS_LEAST 6 /* from 6 on there is a 95 % interval */
/* Seconds of an action's repeats, unless the least number of them takes longer. */
#define MICROBENCH_PATIENCE 1.0
#define MICROBENCH_SHORT    2e-5 /* seconds: shorter actions are timed several at once */
#define MICROBENCH_MATRIX   ((size_t)1 << 29) /* bytes, however large the caches are */
#define MICROBENCH_WALK     ((size_t)1 << 20) /* elements of a walk, at most */
#define MICROBENCH_LINE     16                /* floats in a line of a cache */

static const char *const layout_names[] = {"NCHW", "NHWC", "blocked"};

const char *microbench_layout_name(enum microbench_layout layout)
{
    return layout_names[layout];
}

/* The time of an action, from up to MICROBENCH_REPEATS measurements. */
static struct sample microbench_time(void (*act)(void *context), void *context)
{
    double seconds[MICROBENCH_REPEATS];
    int count = 1, repeats = 0;
    act(context);
    double begin = timer_now();
    act(context);
    double once = timer_now() - begin;
    if (once < MICROBENCH_SHORT)
        count = (int)(MICROBENCH_SHORT / (once + 1e-8)) + 1;
    double since = timer_now();
    while (repeats < MICROBENCH_REPEATS && (repeats < MICROBENCH_REPEATS_LEAST ||
                                            timer_now() - since < MICROBENCH_PATIENCE)) {
        begin = timer_now();
        for (int j = 0; j < count; j++)
            act(context);
        seconds[repeats++] = (timer_now() - begin) / count;
    }
    return sample_of(seconds, repeats);
}

/* Values that are neither equal nor extreme. */
static float *microbench_values(size_t count)
{
    float *x = mem_aligned(count, sizeof *x);
    for (size_t i = 0; i < count; i++)
        x[i] = (float)(i % 61) / 61 - 0.4f;
    return x;
}

/* --- layouts --- */

struct layout_run {
    const struct conv_shape *shape;
    int layout;
    float *to;
    const float *from, *weight;
};

static void layout_convolve(void *context)
{
    const struct layout_run *run = context;
    if (run->layout == LAYOUT_NCHW)
        lab_kernels()->layout_nchw(run->shape, run->to, run->from, run->weight);
    else if (run->layout == LAYOUT_NHWC)
        lab_kernels()->layout_nhwc(run->shape, run->to, run->from, run->weight);
    else
        lab_kernels()->layout_blocked(run->shape, run->to, run->from, run->weight);
}

/* (N, pixels, C) to (N, C / group, pixels, group). */
static void layout_regroup(float *restrict to, const float *restrict from, int n,
                           int pixels, int channels, int group)
{
    for (int i = 0; i < n; i++, from += (size_t)pixels * (size_t)channels)
        for (int c = 0; c < channels; c += group)
            for (int p = 0; p < pixels; p++, to += group)
                memcpy(to, from + (size_t)p * (size_t)channels + (size_t)c,
                       (size_t)group * sizeof *to);
}

static void layout_convert(void *context)
{
    const struct layout_run *run = context;
    const struct conv_shape *s = run->shape;
    const int group[LAYOUTS] = {1, s->c, KERNELS_GROUP};
    layout_regroup(run->to, run->from, s->n, s->h * s->w, s->c, group[run->layout]);
}

void microbench_layouts(struct microbench_layouts *layouts, int batch)
{
    struct conv_shape *s = &layouts->shape;
    *s = (struct conv_shape){
        .n = batch, .h = 13, .w = 13, .c = 32, .k = 64, WINDOW_SQUARE(3, 1, 0)};
    conv_shape_complete(s);
    size_t in = (size_t)s->n * (size_t)(s->h * s->w * s->c);
    float *x = microbench_values(in), *other = mem_aligned(in, sizeof *other);
    float *weight = microbench_values((size_t)s->k * conv_taps(s));
    float *y = mem_aligned((size_t)s->n * (size_t)(s->p * s->q * s->k), sizeof *y);
    for (int layout = 0; layout < LAYOUTS; layout++) {
        struct layout_run run = {s, layout, y, x, weight};
        layouts->conv[layout] = microbench_time(layout_convolve, &run);
        run.to = other;
        layouts->convert[layout] = microbench_time(layout_convert, &run);
    }
    free(x);
    free(other);
    free(weight);
    free(y);
}

/* --- access order --- */

/* A walk visits `tracks` rows or columns, and the next walk those behind them: a large
   matrix takes seconds by columns, and comes from the same memory in parts. The parts are
   of whole cache lines, which neighbouring columns share. */
struct walk_run {
    float *x;
    size_t side, outer, inner; /* strides of the two loops, in floats */
    size_t tracks, next;
};

static size_t walk_tracks(size_t side)
{
    size_t lines = MICROBENCH_WALK / (side * MICROBENCH_LINE);
    size_t tracks = (lines > 0 ? lines : 1) * MICROBENCH_LINE;
    return tracks < side ? tracks : side;
}

static void walk_matrix(void *context)
{
    struct walk_run *run = context;
    if (run->next + run->tracks > run->side)
        run->next = 0;
    size_t begin = run->next;
    run->next += run->tracks;
    for (size_t i = begin; i < run->next; i++) {
        float *x = run->x + i * run->outer;
        if (run->inner == 1)
            for (size_t j = 0; j < run->side; j++)
                x[j] *= 1.0000001f;
        else
            for (size_t j = 0; j < run->side; j++)
                x[j * run->inner] *= 1.0000001f;
    }
}

static struct sample walk_time(struct walk_run *run, size_t outer, size_t inner)
{
    run->outer = outer;
    run->inner = inner;
    run->next = 0;
    struct sample sample = microbench_time(walk_matrix, run);
    double count = (double)run->side * (double)run->tracks;
    sample.median /= count;
    sample.low /= count;
    sample.high /= count;
    return sample;
}

int microbench_walks(const struct machine *machine,
                     struct microbench_walk walks[MACHINE_LEVELS])
{
    int count = 0;
    size_t before = 0;
    for (int level = 0; level < MACHINE_LEVELS; level++) {
        size_t bytes = level < MACHINE_MEMORY ? machine->cache[level] / 2 : 2 * before;
        if (bytes <= before / 2 || bytes == 0)
            continue;
        before = level < MACHINE_MEMORY ? machine->cache[level] : before;
        bytes = bytes < MICROBENCH_MATRIX ? bytes : MICROBENCH_MATRIX;
        size_t side = 16;
        while ((side + 32) * (side + 32) * sizeof(float) <= bytes)
            side += 32; /* no power of 2: columns would share few sets of a cache */
        struct walk_run run = {.x = microbench_values(side * side),
                               .side = side,
                               .tracks = walk_tracks(side)};
        struct microbench_walk *w = &walks[count++];
        *w = (struct microbench_walk){.level = (enum machine_level)level,
                                      .side = (int)side};
        w->row = walk_time(&run, side, 1);
        w->column = walk_time(&run, 1, side);
        free(run.x);
    }
    return count;
}

/* --- algorithms of a convolution --- */

struct conv_run {
    const struct conv_trial *trial;
    int way;
};

static void conv_run_way(void *context)
{
    const struct conv_run *run = context;
    conv_trial_run(run->trial, run->way);
}

static void conv_measure(struct microbench_conv *conv)
{
    struct conv_trial trial;
    conv_trial_init(&trial, CONV_FORWARD, &conv->shape);
    conv->ways = trial.ways;
    for (int w = 0; w < trial.ways; w++) {
        struct conv_run run = {&trial, w};
        conv->way[w] = trial.way[w];
        conv->time[w] = microbench_time(conv_run_way, &run);
    }
    conv_trial_release(&trial);
}

int microbench_convs(const struct model *model, int batch, struct microbench_conv *convs,
                     int most)
{
    int count = 0;
    for (int i = 0; i < model->layers && count < most; i++) {
        const struct layer *layer = model->layer[i];
        const struct conv_shape *shape = layer_conv_shape(layer);
        if (!shape)
            continue;
        struct microbench_conv *conv = &convs[count++];
        *conv = (struct microbench_conv){
            .shape = *shape,
            .chosen = conv_algorithm_chosen(CONV_FORWARD, shape, &layer->policy),
        };
        snprintf(conv->name, LAYER_NAME, "%s", layer->name);
        conv->shape.n = batch;
        conv_measure(conv);
    }
    return count;
}
