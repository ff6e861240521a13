/*
 * checkpoint_run: for tests of checkpoints: a run, to be written.
 */
#ifndef LOCKSTEP_TESTS_CHECKPOINT_RUN_H
#define LOCKSTEP_TESTS_CHECKPOINT_RUN_H

#include "../network.h"
#include "../scratch.h"

#include "base/mem.h"
#include "base/rng.h"
#include "train/checkpoint.h"

/* A network, a state with every vector, and all that goes with it into a checkpoint. */
struct run {
    struct model model;
    struct run_state state;
    struct metrics metrics;
    struct checkpoint_info info;
};

static const char *const network[] = {
    "conv 5 kernel=3", "maxpool 2",  "relu", "flatten", "linear 6", "gelu",
    "linear classes",  "logsoftmax", NULL,
};

/* Distinct values in every tensor; padding stays zero, as in training. */
SCRATCH_UNUSED static float *draw(const struct model *model, uint32_t which)
{
    float *vector = mem_aligned(model->params, sizeof *vector);
    struct rng rng;
    rng_init(&rng, 8, RNG_TEST, which, 0);
    for (int l = 0; l < model->layers; l++)
        for (int t = 0; t < model->layer[l]->tensors; t++)
            for (size_t i = 0; i < model->layer[l]->tensor[t].count; i++)
                vector[model->layer[l]->tensor[t].offset + i] = rng_normal(&rng);
    return vector;
}

SCRATCH_UNUSED static void model_of(struct model *model, const char *const *lines)
{
    network_build(model, lines, (struct shape){8, 7, 1}, 3, 4);
}

SCRATCH_UNUSED static struct checkpoint_info info_of(void)
{
    char **names = mem_zeroed(3, sizeof *names);
    names[0] = mem_strdup("A");
    names[1] = mem_strdup("B");
    names[2] = mem_strdup("\xc3\x84 umlaut");
    return (struct checkpoint_info){
        .config = mem_strdup("[train]\nepochs = 3\n"),
        .class_name = names,
        .classes = 3,
        .shape = {8, 7, 1},
        .mean = {0.17364},
        .std = {0.33163},
        .treatment = mem_strdup("invert=no"),
        .decoder = mem_strdup("libjpeg 9"),
        .data_hash = 0xfedcba9876543210u,
        .sample_weights_hash = 0x1122334455667788u,
        .state = 0x0123456789abcdefu,
        .lockstep = mem_strdup("0.1.0 (abc)"),
        .mpi = mem_strdup("Open MPI 4.1.4"),
        .blas = mem_strdup("OpenBLAS"),
        .isa = mem_strdup("v4"),
        .bits = mem_strdup("portable"),
        .plan = mem_strdup("threads=1"),
        .progress = {.step = 1ull << 40 | 5,
                     .epoch = 2.25,
                     .evaluated_step = 4,
                     .best_step = 3,
                     .best_score = 0.911234567,
                     .evals_without_gain = 2,
                     .interval_loss = 12.5,
                     .interval_correct = 77,
                     .interval_samples = 99},
    };
}

SCRATCH_UNUSED static void run_init(struct run *run, bool ema)
{
    *run = (struct run){0};
    model_of(&run->model, network);
    run->state = (struct run_state){
        .params = draw(&run->model, 0),
        .ema = ema ? draw(&run->model, 1) : NULL,
        .optim = {draw(&run->model, 2), draw(&run->model, 3)},
        .optims = 2,
        .optim_name = {"m", "v"},
    };
    run->info = info_of();
    metrics_init(&run->metrics, 3);
    metrics_add_train(&run->metrics, &(struct metrics_train){.step = 4, .loss = 0.5});
    struct confusion confusion;
    confusion_init(&confusion, 3, 0);
    for (int i = 0; i < 9; i++)
        confusion.matrix[i] = i + 1;
    metrics_add_eval(&run->metrics, &(struct metrics_eval){.step = 4, .accuracy = 0.9},
                     &confusion);
    confusion_release(&confusion);
}

SCRATCH_UNUSED static void state_release(struct run_state *state)
{
    free(state->params);
    free(state->ema);
    for (int i = 0; i < state->optims; i++)
        free(state->optim[i]);
}

SCRATCH_UNUSED static void run_release(struct run *run)
{
    state_release(&run->state);
    metrics_release(&run->metrics);
    checkpoint_info_release(&run->info);
    model_release(&run->model);
}

SCRATCH_UNUSED static enum status run_write(const struct run *run, const char *path)
{
    struct state_store store = {&run->model, &run->state};
    struct state_stream from = state_stream_of(&store);
    return checkpoint_write(path, &run->info, &run->model, &run->state, &from,
                            &run->metrics);
}

#endif
