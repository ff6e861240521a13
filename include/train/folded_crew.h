/*
 * folded_crew: a crew for a network in use: without a backward pass, with norms folded
 * into the layers before them (nn/fold.h).
 */
#ifndef LOCKSTEP_TRAIN_FOLDED_CREW_H
#define LOCKSTEP_TRAIN_FOLDED_CREW_H

#include "nn/fold.h"
#include "train/crew.h"

struct folded_crew {
    struct fold fold;
    struct stage stage; /* the original's with the folded model */
    struct crew crew;
};

/* stage and params (the stage's weights) are borrowed. value: of the original, that
   passes begin with (feature in nn/model.h); 0: with the input. Stays where it is: crew
   points into it. Not collective. */
void folded_crew_init(struct folded_crew *folded, const struct stage *stage,
                      const struct parallel_plan *plan, const float *params, int value);
/* What was cleared with {0} may be released, too. */
void folded_crew_release(struct folded_crew *folded);

/* Bytes of its weights and of the crew. Of the stage: count, index and model. */
size_t folded_crew_bytes(const struct stage *stage, const struct parallel_plan *plan);

#endif
