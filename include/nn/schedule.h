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
 *   linear    a straight line between the same ends
 *
 *   polynomial  lr * (final + (1 - final) (1 - t)^power), t from 0 to 1 between the same
 *             ends
 *
 *   onecycle  Smith and Topin, "Super-convergence", 2018, as in PyTorch: from lr / div up
 *             to lr over the first `pct_start` of the run, then down to
 *             lr / div / final_div; each part is half a cosine, or with `anneal` linear
 *             a straight line
 *
 *   triangle  straight lines from lr * start at step 0 up to lr at step T, then down to
 *             lr * final at step `total`, one behind the last; T is pct_start of the
 *             steps, rounded down. As airbench94 has it: K. Jordan, "94% on CIFAR-10 in
 *             3.29 seconds on a single GPU", 2024
 *
 * `warmup` epochs of linear rise come first: with W steps of warmup, step s < W has
 * (s + 1) / W of the rate. onecycle and triangle have a rise of their own instead.
 */
#ifndef LOCKSTEP_NN_SCHEDULE_H
#define LOCKSTEP_NN_SCHEDULE_H

#include <stdint.h>

enum schedule_kind {
    SCHEDULE_CONSTANT,
    SCHEDULE_STEP,
    SCHEDULE_COSINE,
    SCHEDULE_ONECYCLE,
    SCHEDULE_LINEAR,
    SCHEDULE_POLYNOMIAL,
    SCHEDULE_TRIANGLE
};

enum schedule_anneal { SCHEDULE_ANNEAL_COSINE, SCHEDULE_ANNEAL_LINEAR };

struct schedule_options {
    int kind;          /* enum schedule_kind */
    double warmup;     /* epochs */
    double step_every; /* epochs */
    double gamma;
    double start;     /* triangle: first fraction of lr */
    double final;     /* cosine, linear, polynomial, triangle: final fraction of lr */
    double power;     /* polynomial */
    int anneal;       /* onecycle: enum schedule_anneal */
    double pct_start; /* onecycle, triangle: rising part of the run, 0..1 */
    double div;       /* onecycle: lr / div is the initial rate */
    double final_div; /* onecycle: initial rate / final_div is the last rate */
};

/* The rate of step `step`, 0 <= step < total. */
double schedule_lr(const struct schedule_options *options, double lr, uint64_t step,
                   uint64_t total, double steps_per_epoch);

#endif
