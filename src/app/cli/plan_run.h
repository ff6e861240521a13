/*
 * plan_run: what `lockstep plan` measures, by training of its own.
 */
#ifndef LOCKSTEP_APP_PLAN_RUN_H
#define LOCKSTEP_APP_PLAN_RUN_H

#include "app/config/config.h"
#include "data/dataset.h"
#include "lab/scaling.h"

struct comm;

/* Everything is borrowed. */
struct plan_run {
    struct comm *comm;
    const struct config *config;
    struct dataset *dataset;
    const struct model *model;
    bool letters;      /* the data set is no file any more: built-in letters */
    int threads, cpus; /* of a rank; of its node */
};

/* Collective. Fills in what of `scaling` is measured; the points that are needed are in
   it, and its network if it was given. sums: numbers of ranks (from 2, up to the
   communicator's) whose sums are wanted. */
enum status plan_measure(const struct plan_run *run, struct scaling *scaling,
                         const int *sums, int count) MUST_CHECK;

#endif
