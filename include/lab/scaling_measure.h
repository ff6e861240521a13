/*
 * scaling_measure: the measurements that predictions are made from (lab/scaling.h).
 */
#ifndef LOCKSTEP_LAB_SCALING_MEASURE_H
#define LOCKSTEP_LAB_SCALING_MEASURE_H

#include "data/dataset.h"
#include "lab/scaling.h"
#include "lab/trial.h"
#include "nn/model.h"
#include "train/options.h"

struct comm;

/* Everything is borrowed. */
struct scaling_run {
    struct comm *comm;
    const struct run_options *options;
    struct dataset *dataset;
    const struct model *model;
    const struct model_spec *spec; /* of the model */
    struct trial_source source;    /* of the data set; the file of letters is gone */
    int threads;                   /* of a rank */
    int cpus;                      /* of its node */
};

/* Collective. Fills in the measured part of `scaling`; the needed points are in it, and
   its network if that was given. sums: the numbers of ranks (from 2, up to the
   communicator's) whose sums are measured. */
enum status scaling_measure(const struct scaling_run *run, struct scaling *scaling,
                            const int *sums, int count) MUST_CHECK;

#endif
