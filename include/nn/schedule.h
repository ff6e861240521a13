/*
 * schedule: the learning rate as a function of the step alone (nothing to save).
 *
 *   constant  lr
 *   step      lr * gamma^(number of milestones passed), one every `step_every` epochs,
 *             counted from the start of the run
 *   cosine    lr down to lr * final (the last step) along half a cosine, from the end of
 *             the warmup
 *   onecycle  Smith and Topin, "Super-convergence", 2018, in PyTorch's cosine form: from
 *             lr / div up to lr over the first `pct_start` of the run, down to
 *             lr / div / final_div
 *
 * `warmup` epochs of linear rise from 0 come first (not for onecycle): with W steps of
 * warmup, step s < W has (s + 1) / W of the rate.
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

/* Rate of step `step` (0 is the first) of `total`, with steps_per_epoch steps an epoch.
 */
double schedule_lr(const struct schedule_options *options, double lr, uint64_t step,
                   uint64_t total, double steps_per_epoch);

#endif
