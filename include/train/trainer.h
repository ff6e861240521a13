/*
 * trainer: synchronous data-parallel training of one run, from its first step or from a
 * checkpoint to its end. All functions are collective unless they say otherwise.
 *
 * Every rank holds the same weights; a step's global batch is cut into grains, each rank
 * computes the gradients of its contiguous share, and the fixed tree adds them up
 * (train/reduce.h, comm_tree_sum). Step s of epoch e uses positions [s B, (s + 1) B) of
 * the epoch's order; the last batch of an epoch may be short. The state after any step
 * depends on config and data alone, not on ranks, threads, kills or resumes.
 */
#ifndef LOCKSTEP_TRAIN_TRAINER_H
#define LOCKSTEP_TRAIN_TRAINER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "base/timer.h"
#include "data/dataset.h"
#include "nn/model.h"
#include "train/checkpoint.h"
#include "train/options.h"
#include "train/plan.h"
#include "train/stage.h"

struct comm;
struct lockfile;
struct trainer;

/* Everything is borrowed and outlives the trainer. */
struct trainer_setup {
    struct comm *comm;
    struct dataset *dataset;
    const struct model *model; /* the whole network */
    const struct stage *stage; /* what this rank has of it; NULL: all */
    const struct run_options *options;
    const struct parallel_plan *plan; /* of this rank; lanes and buckets are all ranks' */
    int spare_cpus;                   /* of this host that no rank's thread has */
    const char *folder;               /* of the run; NULL: nothing is written */
    struct lockfile *lock;            /* on it, rank 0's; NULL: none */
    double deadline;         /* timer_now seconds at which all must be over; 0: none */
    const char *config_text; /* effective config, stored in checkpoints */
    const char *version;     /* of lockstep */
};

struct trainer *trainer_create(const struct trainer_setup *setup);
void trainer_free(struct trainer *trainer);

/* Steps in the whole run, and steps done. Not collective. */
uint64_t trainer_total_steps(const struct trainer *trainer);
uint64_t trainer_step(const struct trainer *trainer);

/* Start from fresh weights (the seed's), from the weights of a checkpoint, or go on from
   a checkpoint, from its exact state. */
void trainer_start(struct trainer *trainer);
enum status trainer_start_from(struct trainer *trainer,
                               const char *checkpoint) MUST_CHECK;
enum status trainer_resume(struct trainer *trainer, const char *checkpoint) MUST_CHECK;

/* Train to the end. ST_OK: finished (or early_stop); ST_AGAIN: stopped on request or in
   time for the deadline, with a checkpoint; ST_FAIL: bad numbers, or the last state could
   not be saved (train/writer.h). */
enum status trainer_run(struct trainer *trainer) MUST_CHECK;

/* Is it time to stop for the deadline? By rank 0's clock; false on the others. */
bool trainer_time_is_up(const struct trainer *trainer);

/* For measurements: `count` steps, or (forward) as many batches forward only, without log
   and checkpoints. Returns ST_FAIL if a step went bad. */
enum status trainer_time_steps(struct trainer *trainer, int count, bool forward,
                               double *seconds) MUST_CHECK;

/* For measurements, not collective: where the time went so far. */
const struct phases *trainer_phases(const struct trainer *trainer);

/* Bytes of workspaces, weights, gradients, optimizer state, what of them is on its way to
   other nodes and, on a rank that writes, their copies: what training takes besides the
   data. Not collective. */
size_t trainer_bytes(const struct trainer_setup *setup);
/* The least that it takes on a rank of a pipeline that need not be there yet: with one
   lane, on the first of so many replicas. Of the stage: count, index, model. */
size_t trainer_bytes_least(const struct run_options *options, const struct stage *stage,
                           int replicas);

#endif
