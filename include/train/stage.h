/*
 * stage: a rank's place in a pipeline of ranks that share the layers of the network.
 *
 * With P stages, ranks [r P, (r + 1) P) are replica r: rank r P + s holds stage s, some
 * of the model's units (nn/model.h). A replica as a whole does what one rank does without
 * a pipeline. The replica's grains are its micro-batches. A round is one grain for each
 * of a rank's lanes. Rounds pass forward and backward in the order "one forward, one
 * backward" (1F1B), so that stage s keeps at most P - s rounds in flight: D. Narayanan et
 * al., "Memory-Efficient Pipeline-Parallel DNN Training", ICML 2021, section 2.2
 * (PipeDream-Flush). Backward takes the grains in their order, so gradients are added as
 * without a pipeline: the same bits.
 */
#ifndef LOCKSTEP_TRAIN_STAGE_H
#define LOCKSTEP_TRAIN_STAGE_H

#include <stdbool.h>

#include "comm/comm.h"
#include "nn/cut.h"
#include "nn/model.h"

struct stage {
    int count, index;          /* stages of a replica, and this rank's stage */
    struct comm *peers;        /* the ranks of this stage, one of each replica */
    struct comm *line;         /* the ranks of this replica, by stage; NULL: count is 1 */
    const struct model *whole; /* borrowed */
    const struct model *model; /* what this rank computes: &part, or whole */
    struct model part;         /* owned */
    struct model_cut cut;
};

/* Every rank holds the whole model. Not collective. */
void stage_init_whole(struct stage *stage, struct comm *comm, const struct model *whole);
/* Collective. The number of ranks is a multiple of cut->parts. */
void stage_init(struct stage *stage, struct comm *comm, const struct model *whole,
                const struct model_cut *cut);
/* The first stage without any other ranks: only to be inspected, not to be run. Not
   collective. */
void stage_init_first(struct stage *stage, struct comm *comm, const struct model *whole,
                      const struct model_cut *cut);
void stage_release(struct stage *stage);

bool stage_first(const struct stage *stage);
bool stage_last(const struct stage *stage);

/* The stage that holds a layer of the whole model. */
int stage_of_layer(const struct stage *stage, int layer);

/* Slots of workspaces: one for each round in flight, whose activations are kept, and one
   for the round whose input is being received. */
int stage_slots(const struct stage *stage);

/* A pass of the 1F1B schedule: a round goes forward or backward through the stage. */
struct stage_pass {
    int round;
    bool backward;
};
/* The stage's pass number `index`, 0 <= index < 2 * rounds. */
struct stage_pass stage_pass_at(const struct stage *stage, int rounds, int index);

#endif
