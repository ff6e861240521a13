/*
 * stepper: one training step: forward and backward of the rank's grains, the sum over all
 * grains, the update.
 */
#ifndef LOCKSTEP_TRAIN_STEPPER_H
#define LOCKSTEP_TRAIN_STEPPER_H

#include "flow.h"
#include "input.h"
#include "nn/optim.h"
#include "overlap.h"
#include "train/crew.h"
#include "train/norm.h"
#include "train/reduce.h"
#include "train_run.h"

/* What the stages of a replica complete for each other: each writes what it knows, the
   rest is 0. In words of 8 bytes, for comm_merge. */
struct replica_sums {
    double loss;
    uint64_t correct, stop, checkpoint, unreadable;
    double squares[]; /* of the gradient, by unit of the whole model */
};
size_t replica_sums_bytes(int units);

struct stepper {
    struct train_run *run; /* borrowed */
    struct train_input input;
    struct crew crew;
    struct flow flow;
    struct reduce reduce;
    struct overlap overlap;
    struct run_state state; /* its vectors are owned, model->params floats each */
    float *sum;             /* owned: the batch's gradient and tail (train/reduce.h) */
    struct norm norm;
    struct optim optim;
    struct replica_sums *replica_sums; /* owned */
    const double *rate;                /* of every step; NULL: by the schedule */
};

/* What a rank has to tell the others: it travels in the tail of the sum. */
struct step_flags {
    bool stop;       /* the rank was asked to stop, or time is up */
    bool checkpoint; /* rank 0's clock asks for one */
};

/* A step's batch and its outcome. */
struct train_step {
    struct train_batch batch;
    int lanes;
    double lr;
    double loss; /* sum over the samples */
    uint64_t correct;
    double grad_norm;        /* L2, of the mean gradient, before clipping */
    bool bad;                /* loss or gradient is not finite: nothing was updated */
    bool unreadable;         /* a rank could not decode an image: the same, and bad */
    struct step_flags flags; /* of any rank */
};

/* Collective. Stays where it is. */
void stepper_init(struct stepper *stepper, struct train_run *run);
void stepper_release(struct stepper *stepper);

/* Room for the partial sums of a rank with `lanes` lanes that has `most` of a batch's
   `grains` grains. Not collective. */
struct reduce_size stepper_reduce_size(const struct model *model, int lanes, int grains,
                                       int most);

/* Collective: compute, sum, update. Does not touch run->progress. */
enum status stepper_step(struct stepper *stepper, struct step_flags flags,
                         struct train_step *step) MUST_CHECK;

/* Collective: forward only, as in use, of the batch that stepper_step would take. Nothing
   is changed. */
enum status stepper_forward(struct stepper *stepper, struct train_step *step) MUST_CHECK;

/* What the passes of a grain are given. */
struct grain_pass stepper_grain_pass(const struct stepper *stepper,
                                     const struct train_batch *batch,
                                     const struct lane *lane, int grain);

/* After the sums (update.c): the gradient's norm, then the new weights. Called by all
   threads, each with its number; *update is shared by them. */
void stepper_update(struct stepper *stepper, struct train_step *step,
                    struct optim_update *update, int thread);

#endif
