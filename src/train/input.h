/*
 * input: the images of a step: read and augmented ahead, then copied into the workspaces.
 */
#ifndef LOCKSTEP_TRAIN_INPUT_H
#define LOCKSTEP_TRAIN_INPUT_H

#include "data/loader.h"
#include "data/prefetch.h"
#include "train/crew.h"
#include "train/features.h"
#include "train_run.h"

struct train_input {
    struct train_run *run;     /* borrowed */
    struct loader loader;      /* of the training split */
    struct prefetch *prefetch; /* owned; NULL: the images are another stage's, or... */
    const struct features *features; /* ...borrowed: a pass begins with these */
    double *waits;                   /* owned: scratch, seconds by rank */
    double waited;   /* seconds for images, since the last train_input_check */
    bool slow_noted; /* reading is slow, and a note said so */
};

void train_input_init(struct train_input *input, struct train_run *run);
void train_input_release(struct train_input *input);

/* From now on a pass begins with features, and no image is read. */
void train_input_use(struct train_input *input, const struct features *features);

/* A note if fewer batches are read ahead than the config asks for. */
void train_input_note_depth(const struct train_input *input);

/* Collective: the images of the next step are at hand on all ranks, or on none. */
enum status train_input_prepare(struct train_input *input) MUST_CHECK;

/* Grain `grain` of the batch prepared last into one of the lane's workspaces, by the
   lane's whole team. Where the images are another stage's: its labels alone. Features go
   where the pass begins. */
void train_input_load(const struct train_input *input, const struct train_batch *batch,
                      const struct lane *lane, struct workspace *ws, int grain);

/* Nothing is read ahead until the next train_input_prepare: the training split may be
   read by others. */
void train_input_pause(const struct train_input *input);

/* Collective: a note if, on any rank, steps that took `seconds` waited long for the file
   since the last call. */
void train_input_check(struct train_input *input, double seconds);

/* Collective: how the input kept up in the whole run, below the table of phases. Seconds:
   the longest wait of any rank, and the run's. */
void train_input_summary(const struct train_input *input, double longest_wait,
                         double wall);

#endif
