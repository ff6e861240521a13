/*
 * forward_pass: the samples of a loader go forward through the network, grain by grain,
 * by all threads of a rank and, in a pipeline, through all stages. What becomes of a
 * grain is up to a function of the caller.
 */
#ifndef LOCKSTEP_TRAIN_FORWARD_PASS_H
#define LOCKSTEP_TRAIN_FORWARD_PASS_H

#include "data/loader.h"
#include "flow.h"
#include "train/crew.h"

struct forward_pass {
    const struct crew *crew; /* borrowed, also below */
    struct loader *loader;
    uint32_t epoch;   /* of the loader's */
    bool labels_only; /* no images are needed */
    /* Of the rank: the grains at hand, and the position of the first sample of
       grain 0. */
    struct grain_range grains;
    uint64_t position;
    /* Called by every member of the lane's team, for each of the lane's grains: loads the
       grain, calls model_forward and uses what comes out. */
    void (*grain)(const struct forward_pass *pass, const struct lane *lane,
                  struct workspace *ws, int grain);
    void *context; /* of that function */

    /* --- its own --- */
    struct flow flow;
    int lanes;
};

/* The caller has set everything but grains, position and what is the pass's own. */
void forward_pass_init(struct forward_pass *pass);
void forward_pass_release(struct forward_pass *pass);

/* Reads the images of pass->grains, unless the data set is resident; `most` samples at
   most in any call. The stages of a replica, which all call it, agree: they go on or stop
   together. st: what the rank knows already. */
enum status forward_pass_read(struct forward_pass *pass, uint64_t most,
                              enum status st) MUST_CHECK;

/* Not collective: ST_AGAIN if this rank was asked to stop, or if it is after `latest`, in
   timer_now seconds. */
enum status forward_pass_may_go_on(double latest) MUST_CHECK;

/* All grains that were read. The ranks of a replica call it together. */
void forward_pass_run(struct forward_pass *pass);

/* --- for the caller's function --- */

int forward_pass_samples(const struct forward_pass *pass, int grain);

/* Images and labels, by all members of the lane's team: the first stage has the images,
   unless labels_only; the others need the labels alone. A sample that cannot be decoded
   is reported to dataset_fail. */
void forward_pass_load(const struct forward_pass *pass, const struct lane *lane,
                       struct workspace *ws, int grain);

#endif
