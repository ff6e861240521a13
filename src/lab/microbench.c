/* Layouts, orders and ways. */
#include "lab/microbench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/timer.h"
#include "kernels/kernels.h"
#include "kernels/lab.h"

#define REPEATS 15
#define SHORT   2e-5 /* seconds: what is shorter is timed several times at once */
#define GROUP   KERNELS_GROUP

static const char *const layout_names[] = {"NCHW", "NHWC", "blocked"};

const char *microbench_layout_name(enum microbench_layout layout)
{
    return layout_names[layout];
}

/* Of an action, repeated. */
static struct sample time_of(void (*act)(void *context), void *context)
{
    double seconds[REPEATS];
    int count = 1;
    act(context);
    double begin = timer_now();
    act(context);
    double once = timer_now() - begin;
    if (once < SHORT)
        count = (int)(SHORT / (once + 1e-8)) + 1;
    for (int i = 0; i < REPEATS; i++) {
        begin = timer_now();
        for (int j = 0; j < count; j++)
            act(context);
        seconds[i] = (timer_now() - begin) / count;
    }
    return sample_of(seconds, REPEATS);
}

/* Some values that are neither equal nor extreme. */
static float *values(size_t count)
{
    float *x = mem_aligned(count, sizeof *x);
    for (size_t i = 0; i < count; i++)
        x[i] = (float)(i % 61) / 61 - 0.4f;
    return x;
}

/* --- layouts --- */

struct layout_job {
    const struct conv_shape *shape;
    int layout;
    float *to;
    const float *from, *weight;
};

static void convolve(void *context)
{
    const struct layout_job *job = context;
    if (job->layout == LAYOUT_NCHW)
        lab_kernels()->layout_nchw(job->shape, job->to, job->from, job->weight);
    else if (job->layout == LAYOUT_NHWC)
        lab_kernels()->layout_nhwc(job->shape, job->to, job->from, job->weight);
    else
        lab_kernels()->layout_blocked(job->shape, job->to, job->from, job->weight);
}

/* (N, pixels, C) to (N, C / group, pixels, group). */
static void regroup(float *restrict to, const float *restrict from, int n, int pixels,
                    int channels, int group)
{
    for (int i = 0; i < n; i++, from += (size_t)pixels * (size_t)channels)
        for (int c = 0; c < channels; c += group)
            for (int p = 0; p < pixels; p++, to += group)
                memcpy(to, from + (size_t)p * (size_t)channels + (size_t)c,
                       (size_t)group * sizeof *to);
}

static void convert(void *context)
{
    const struct layout_job *job = context;
    const struct conv_shape *s = job->shape;
    static const int groups[] = {1, 0, GROUP};
    int group = job->layout == LAYOUT_NHWC ? s->c : groups[job->layout];
    regroup(job->to, job->from, s->n, s->h * s->w, s->c, group);
}

void microbench_layouts(struct microbench_layouts *layouts, int batch)
{
    struct conv_shape *s = &layouts->shape;
    *s = (struct conv_shape){
        .n = batch, .h = 13, .w = 13, .c = 32, .k = 64, .r = 3, .s = 3, .stride = 1};
    conv_shape_complete(s);
    size_t in = (size_t)s->n * (size_t)(s->h * s->w * s->c);
    float *x = values(in), *other = mem_aligned(in, sizeof *other);
    float *weight = values((size_t)(s->k * s->r * s->s * s->c));
    float *y = mem_aligned((size_t)s->n * (size_t)(s->p * s->q * s->k), sizeof *y);
    for (int layout = 0; layout < LAYOUTS; layout++) {
        struct layout_job job = {s, layout, y, x, weight};
        layouts->conv[layout] = time_of(convolve, &job);
        job.to = other;
        layouts->convert[layout] = time_of(convert, &job);
    }
    free(x);
    free(other);
    free(weight);
    free(y);
}

/* --- orders --- */

struct walk_job {
    float *x;
    size_t side, outer, inner; /* distances between turns of the loops */
};

static void walk(void *context)
{
    const struct walk_job *job = context;
    for (size_t i = 0; i < job->side; i++) {
        float *x = job->x + i * job->outer;
        if (job->inner == 1)
            for (size_t j = 0; j < job->side; j++)
                x[j] *= 1.0000001f;
        else
            for (size_t j = 0; j < job->side; j++)
                x[j * job->inner] *= 1.0000001f;
    }
}

static struct sample per_element(struct sample sample, size_t side)
{
    double count = (double)side * (double)side;
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
        size_t side = 16;
        while ((side + 32) * (side + 32) * sizeof(float) <= bytes)
            side += 32; /* no power of 2, whose columns fall into few sets of a cache */
        struct walk_job job = {values(side * side), side, side, 1};
        struct microbench_walk *w = &walks[count++];
        *w = (struct microbench_walk){.level = (enum machine_level)level,
                                      .side = (int)side};
        w->row = per_element(time_of(walk, &job), side);
        job.outer = 1;
        job.inner = side;
        w->column = per_element(time_of(walk, &job), side);
        free(job.x);
    }
    return count;
}

/* --- ways --- */

struct way_job {
    const struct conv_shape *shape;
    float *y;
    const float *x, *weight, *bias;
    void *scratch;
};

static const struct team alone = {.size = 1};

static void direct(void *context)
{
    const struct way_job *job = context;
    lab_conv_direct(&alone, job->shape, job->y, job->x, job->weight, job->bias,
                    job->scratch);
}

static void gemm(void *context)
{
    const struct way_job *job = context;
    lab_conv_gemm(&alone, job->shape, job->y, job->x, job->weight, job->bias,
                  job->scratch);
}

static void measure_ways(struct microbench_ways *ways)
{
    const struct conv_shape *s = &ways->shape;
    size_t taps = (size_t)s->r * (size_t)s->s * (size_t)s->c;
    float *x = values((size_t)s->n * (size_t)s->h * (size_t)s->w * (size_t)s->c);
    float *weight = values((size_t)s->k * taps), *bias = values((size_t)s->k);
    float *y =
        mem_aligned((size_t)s->n * (size_t)s->p * (size_t)s->q * (size_t)s->k, sizeof *y);
    void *scratch = mem_aligned(lab_conv_scratch(s), 1);
    struct way_job job = {s, y, x, weight, bias, scratch};
    ways->direct = time_of(direct, &job);
    ways->gemm = time_of(gemm, &job);
    void *all[] = {x, weight, bias, y, scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

int microbench_ways(const struct model *model, int batch, struct microbench_ways *ways,
                    int most)
{
    int count = 0;
    for (int i = 0; i < model->layers && count < most; i++) {
        const struct conv_shape *shape = layer_conv_shape(model->layer[i]);
        if (!shape)
            continue;
        ways[count] = (struct microbench_ways){
            .shape = *shape,
            .takes_direct = lab_conv_is_direct(shape),
        };
        snprintf(ways[count].name, LAYER_NAME, "%s", model->layer[i]->name);
        ways[count].shape.n = batch;
        measure_ways(&ways[count++]);
    }
    return count;
}
