/*
 * train_run: what every part of a trainer needs to know: the setup of the run, its length
 * and how far it has come.
 *
 * The parts stand on each other in this order, and call only what is before them:
 * train_run, input (a step's images), stepper and update (a step), diagnose, saver
 * (files), report and train_log (the log), trainer.
 */
#ifndef LOCKSTEP_TRAIN_TRAIN_RUN_H
#define LOCKSTEP_TRAIN_TRAIN_RUN_H

#include "base/grain.h"
#include "data/loader.h"
#include "train/trainer.h"

struct train_run {
    struct trainer_setup setup;
    const struct stage *stage; /* setup's, or `whole` */
    struct stage whole;
    const struct model *model; /* what this rank computes: the stage's */
    uint64_t epoch_steps, total_steps;
    struct progress progress;
    struct phases phases;   /* of this process */
    struct balance balance; /* of the training images, if they are balanced */
};

/* Stays where it is: stage may point into it. */
void train_run_init(struct train_run *run, const struct trainer_setup *setup);
void train_run_release(struct train_run *run);

/* The training images in the order of the run, as the network sees them, augmented by
   these options, or as they are (NULL). The caller releases it, before the run. */
void train_run_loader(const struct train_run *run, struct loader *loader,
                      const struct augment_options *augment);

/* Collective: the log's state=, a hash of `state` at this step. */
uint64_t train_run_hash(const struct train_run *run, const struct run_state *state);

/* The split that evaluations are of. */
enum dataset_split train_run_split(const struct train_run *run);
/* Does an evaluation belong to the present step? */
bool train_run_evaluation_is_due(const struct train_run *run);
/* Evaluations between the present step and the run's end, those that the present step
   lacks included. */
uint64_t train_run_evaluations_left(const struct train_run *run);

/* Has the log a line for the present step, which is above 0? Every log.every steps, at
   the run's end, and with an evaluation if there was none since the one before: a short
   run is not without lines. */
bool train_run_line_is_due(const struct train_run *run);

/* Grains of a whole batch. */
int train_run_grains(const struct train_run *run);

/* A step's batch, and this rank's share of its grains. */
struct train_batch {
    uint32_t epoch;
    uint64_t first; /* position in the epoch's order */
    struct grain_range grains;
};

/* The batch of step `number`, from 0. A function of the run and the number alone. Any
   thread, not collective. */
struct train_batch train_run_batch(const struct train_run *run, uint64_t number);

#endif
