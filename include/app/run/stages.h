/*
 * stages: which layers of the network a rank of a pipeline has: in training by
 * parallel.pipeline and parallel.stages, after it by --pipeline.
 */
#ifndef LOCKSTEP_APP_RUN_STAGES_H
#define LOCKSTEP_APP_RUN_STAGES_H

#include "base/status.h"
#include "train/options.h"
#include "train/stage.h"

enum stages_by { STAGES_NAMED, STAGES_MEASURED, STAGES_WEIGHED };

struct stages {
    struct stage stage;        /* this rank's */
    enum stages_by by;         /* how they were chosen */
    double cost[MODEL_LAYERS]; /* by unit: seconds of a grain, or floats */
};

/* Collective; the model is the whole one, of which this machine may hold a part only.
   Without a pipeline the stage is all of it. check: a rank alone is told what several
   would have. */
enum status stages_open(struct stages *stages, struct comm *comm,
                        const struct model *model, const struct run_options *options,
                        bool check) MUST_CHECK;
/* The same to evaluate what was trained so, in `count` stages: those of then, if they
   were named and as many, or shared so that the heaviest has as little weight as it can.
 */
enum status stages_open_trained(struct stages *stages, struct comm *comm,
                                const struct model *model,
                                const struct parallel_options *trained,
                                int count) MUST_CHECK;
void stages_close(struct stages *stages); /* zeroed or opened */

/* Of this rank: "stage 1: conv3+linear1"; the caller frees. */
char *stages_text(const struct stages *stages);

/* For the run's header, with a pipeline: "2 replicas x 3 stages: ...". */
void stages_print(const struct stages *stages);

#endif
