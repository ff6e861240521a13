/*
 * trial: training on the built-in letters, or on a data set, to measure how fast it is.
 * All trainers that the laboratory times are made here: they start from fresh weights and
 * write nothing.
 */
#ifndef LOCKSTEP_LAB_TRIAL_H
#define LOCKSTEP_LAB_TRIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "data/dataset.h"
#include "nn/model.h"
#include "train/trainer.h"

struct comm;

/* --- what a trial trains on --- */

struct trial_source {
    const char *data; /* a data set; NULL: built-in letters */
    /* Size and channels of built-in letters; 0 x 0: as drawn, 28x28x1. */
    struct shape letters;
};

/* Collective. Training images, a whole number of batches: of the data set, or at least
   `least` letters, or fewer batches of large ones. Their file is temporary, one on each
   node, and removed as soon as it is open. */
enum status trial_open(struct comm *comm, const struct trial_source *source, int least,
                       int batch, struct dataset *dataset) MUST_CHECK;

/* Images to run a network on, as the view shows them, and the number of classes to build
   it for: a data set's first training images, repeated if it has fewer than `count`, or
   letters. */
struct trial_input {
    struct shape in;
    int classes;
    float *images; /* owned: (count, in) */
};
enum status trial_input(const struct trial_source *source, const struct input_crop *crop,
                        int count, struct trial_input *input) MUST_CHECK;

/* --- timed steps --- */

/* Options for a trial of a run with these options: no checkpoints, a learning rate that
   stays, and too many epochs to be finished. */
struct run_options trial_options(const struct run_options *run);

/* Collective. Seconds of a training step of the run `setup` under a plan, on this rank:
   the mean of several, whose learning rate is 0, so that all steps are alike. */
enum status trial_step_seconds(const struct trainer_setup *setup,
                               const struct parallel_plan *plan,
                               double *seconds) MUST_CHECK;

struct trial_rate {
    double median, low, high; /* images per second */
    double cpu; /* images per second of CPU time of the busiest rank: the median */
};

/* A rate; source, batch, threads, ranks and train_only are given. */
struct trial_row {
    struct trial_source source;
    int batch, threads, ranks, grain;
    bool train_only; /* forward alone is not timed */
    struct trial_rate train, forward;
    double dense, truly; /* FLOPs of a training step per image */
    double reduce;       /* share of a step spent adding gradients, this rank's */
    size_t bytes;        /* of workspaces and vectors, this rank's */
};

/* Collective. A network, trained with the options except row->batch. The
   grain is theirs, or smaller so that every thread has one. */
enum status trial_steps(struct comm *comm, const struct model_spec *spec,
                        const struct run_options *options, int repeats,
                        struct trial_row *row) MUST_CHECK;

/* The row with the smallest batch that has TRIAL_KNEE of the best training rate. */
#define TRIAL_KNEE 0.95
int trial_knee(const struct trial_row *rows, int count);

#endif
