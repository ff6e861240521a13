/*
 * stages: which layers of the network each rank of a pipeline has: in training as
 * parallel.pipeline and parallel.stages say, in evaluation as --pipeline says.
 */
#ifndef LOCKSTEP_APP_RUN_STAGES_H
#define LOCKSTEP_APP_RUN_STAGES_H

#include "base/status.h"
#include "train/options.h"
#include "train/stage.h"

/* How the cut was chosen: named by the user, balanced by measured time, or balanced by
   the number of weights. */
enum stages_by { STAGES_NAMED, STAGES_MEASURED, STAGES_WEIGHED };

/* What the stages are for: to train; to check what would be trained, for which a single
   rank gets the first stage, so that `train --check` works without mpirun; or to check it
   for other machines: nothing is measured here, and weights are balanced. */
enum stages_purpose { STAGES_TRAIN, STAGES_CHECK, STAGES_CHECK_ELSEWHERE };

struct stages {
    struct stage stage; /* this rank's */
    enum stages_by by;
    double cost[MODEL_LAYERS]; /* of each unit: seconds per grain, or number of weights */
};

/* Collective. model: the whole network, described at least (model_describe). Without a
   pipeline the stage is all of it. ST_USAGE if the network cannot be cut so. */
enum status stages_open(struct stages *stages, struct comm *comm,
                        const struct model *model, const struct run_options *options,
                        enum stages_purpose purpose) MUST_CHECK;
/* The same for evaluation, in `count` stages: those named for training if there were as
   many, otherwise balanced by the number of weights. */
enum status stages_open_trained(struct stages *stages, struct comm *comm,
                                const struct model *model,
                                const struct parallel_options *trained,
                                int count) MUST_CHECK;
void stages_close(struct stages *stages); /* zeroed or opened */

/* This rank's stage, "stage 1: conv3+linear1"; the caller frees. */
char *stages_text(const struct stages *stages);

/* A line of the header, if there is a pipeline: "2 replicas x 3 stages: ...". */
void stages_print(const struct stages *stages);

#endif
