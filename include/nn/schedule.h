/*
 * schedule: the learning rate as a function of the step alone, without state.
 *
 *   constant  lr
 *
 *   step      lr * gamma^m after m milestones, one every `step_every` epochs from the
 *             start of the run
 *
 *   cosine    half a cosine from lr at the end of the warmup to lr * final at the last
 *             step
 *
 *   onecycle  Smith and Topin, "Super-convergence", 2018, in PyTorch's cosine form: from
 *             lr / div up to lr over the first `pct_start` of the run, then down to
 *             lr / div / final_div
 *
 * `warmup` epochs of linear rise come first (not for onecycle): with W steps of warmup,
 * step s < W has (s + 1) / W of the rate.
 */
#ifndef LOCKSTEP_NN_SCHEDULE_H
#define LOCKSTEP_NN_SCHEDULE_H

#include <stdint.h>

enum schedule_kind {
    SCHEDULE_CONSTANT,
    SCHEDULE_STEP,
    SCHEDULE_COSINE,
    SCHEDULE_ONECYCLE
};

struct schedule_options {
    int kind;          /* enum schedule_kind */
    double warmup;     /* epochs */
    double step_every; /* epochs */
    double gamma;
    double final;     /* cosine: final fraction of lr */
    double pct_start; /* onecycle: rising part of the run, 0..1 */
    double div;       /* onecycle: lr / div is the initial rate */
    double final_div; /* onecycle: initial rate / final_div is the last rate */
};

/* The rate of step `step`, 0 <= step < total. */
double schedule_lr(const struct schedule_options *options, double lr, uint64_t step,
                   uint64_t total, double steps_per_epoch);

#endif
