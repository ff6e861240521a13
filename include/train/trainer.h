/*
 * trainer: synchronous data-parallel training of one run, from its first step or from a
 * checkpoint to its end. All functions are collective unless they say otherwise.
 *
 * Every rank holds the same weights. A step's global batch is cut into grains
 * (base/grain.h), each rank computes the gradients of its contiguous share, and the fixed
 * tree adds them (train/reduce.h, comm_tree_sum). Step s of epoch e uses positions [s B,
 * (s + 1) B) of the epoch's order; the last batch of an epoch may be short. The state
 * after any step depends on config and data alone, not on ranks, threads, kills or
 * resumes.
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
struct weights_source;

/* A key of the config, for other programs that show or compare runs. */
enum run_parameter_kind { RUN_PARAMETER_TEXT, RUN_PARAMETER_NUMBER, RUN_PARAMETER_FLAG };
struct run_parameter {
    char *name; /* owned, as the text: "optim.lr" */
    enum run_parameter_kind kind;
    char *text;    /* as in the config */
    double number; /* RUN_PARAMETER_NUMBER */
    bool flag;     /* RUN_PARAMETER_FLAG */
};

/* Everything is borrowed and outlives the trainer. */
struct trainer_setup {
    struct comm *comm;
    struct dataset *dataset;
    const struct model *model; /* the whole network */
    const struct stage *stage; /* this rank's part of it; NULL: all */
    const struct run_options *options;
    const struct parallel_plan *plan; /* lanes and buckets are the same on all ranks */
    int spare_cpus;                   /* of this host, used by no thread of any rank */
    const char *folder;               /* of the run; NULL: nothing is written */
    struct lockfile *lock;            /* on it, rank 0's; NULL: none */
    double deadline; /* timer_now seconds at which the run must have ended; 0: none */
    const float *class_weight; /* (classes) of the loss; NULL: all 1 */
    const char *features_text; /* what else features depend on (train/features.h); NULL */
    const char *config_text;   /* effective config, stored in checkpoints */
    const struct run_parameter *parameter; /* (parameters): of the config, for logs */
    int parameters;
    bool json;           /* the log's events go to stdout as records (base/log.h), too */
    double began;        /* timer_now seconds at which the program began; 0: unknown */
    const char *version; /* of lockstep */
};

struct trainer *trainer_create(const struct trainer_setup *setup);
void trainer_free(struct trainer *trainer);

/* Steps of an epoch over `images` images; the last one may have a short batch. */
uint64_t train_epoch_steps(const struct train_options *options, uint64_t images);
/* Steps of the whole run; the last epoch's part is rounded up. */
uint64_t train_total_steps(const struct train_options *options, uint64_t images);

/* Steps in the whole run, and steps done. Not collective. */
uint64_t trainer_total_steps(const struct trainer *trainer);
uint64_t trainer_step(const struct trainer *trainer);

/* Start with random weights (by the seed), with these and those that layers take from
   the training images (init=whiten), with the weights of a checkpoint (train/weights.h),
   or resume from the exact state of a checkpoint. Measurements need no images. */
void trainer_start(struct trainer *trainer);
enum status trainer_start_with_data(struct trainer *trainer) MUST_CHECK;
enum status trainer_start_from(struct trainer *trainer,
                               const struct weights_source *source) MUST_CHECK;
enum status trainer_resume(struct trainer *trainer, const char *checkpoint) MUST_CHECK;

/* Train to the end. ST_OK: finished (or early_stop). ST_AGAIN: stopped on request or in
   time for the deadline, with a checkpoint, unless features were still being computed
   before the first step. ST_FAIL: bad numbers, or the last state could not be saved
   (train/writer.h). */
enum status trainer_run(struct trainer *trainer) MUST_CHECK;

/* Is it time to stop for the deadline? By rank 0's clock; false on other ranks. */
bool trainer_time_is_up(const struct trainer *trainer);

/* For measurements: `count` steps, or (forward) `count` batches forward only, without log
   and checkpoints. ST_FAIL: the numbers of a step were not finite. */
enum status trainer_time_steps(struct trainer *trainer, int count, bool forward,
                               double *seconds) MUST_CHECK;

/* A step at this rate, whatever the schedule says. *loss: the mean over its batch, before
   the weights change; not finite if the numbers went bad, and then they do not change.
   ST_FAIL: an image cannot be read. */
enum status trainer_try_rate(struct trainer *trainer, double rate,
                             double *loss) MUST_CHECK;

/* Where the time went so far. Not collective. */
const struct phases *trainer_phases(const struct trainer *trainer);

/* What training takes besides the data, in bytes: workspaces, weights, gradients,
   optimizer state, gradients on their way between nodes, evaluation, and on a rank that
   writes, the copies. Not collective. */
size_t trainer_bytes(const struct trainer_setup *setup);
/* The least that training takes on a rank of a pipeline that is only planned: with one
   lane, on the first of `replicas` ranks that hold this stage. Of the stage, count, index
   and model are used. */
size_t trainer_bytes_least(const struct run_options *options, const struct stage *stage,
                           int replicas);

#endif
