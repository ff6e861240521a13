/*
 * spread: the state of a run whose stages hold a part each, tensor by tensor to rank 0
 * for a checkpoint and from there for a resume. No rank ever holds more than its part and
 * one tensor.
 *
 * Rank 0 meets the tensors in the file's order through a struct state_stream. The other
 * stages of replica 0 go through the same order by themselves, once for each file; what
 * rank 0 does not take because its file failed, it takes all the same at the end, and
 * what it cannot give it makes up: they never wait in vain.
 */
#ifndef LOCKSTEP_TRAIN_SPREAD_H
#define LOCKSTEP_TRAIN_SPREAD_H

#include "train/checkpoint.h"
#include "train/stage.h"

struct spread {
    const struct stage *stage;     /* borrowed, also below */
    const struct run_state *state; /* of this rank's part */
    int vectors;
    struct state_stream stream; /* rank 0's end */
    size_t passed;              /* tensors that went by on rank 0, of this transfer */
};

/* vectors: those of the state that are spread, from the first on. Stays where it is while
   the stream is used. Without a pipeline the stream goes to rank 0's own state. */
void spread_init(struct spread *spread, const struct stage *stage,
                 const struct run_state *state, int vectors);

/* All stages of replica 0, of 2 at least, rank 0 after it has used the stream: whatever
   is left of `files` files there, their part of as many from the others. */
void spread_gather(struct spread *spread, int files);

/* Collective over `comm`, all replicas, after rank 0 has used the stream to read a file:
   `st` says there how that went. Every rank gets its part, unless it failed. */
enum status spread_scatter(struct spread *spread, struct comm *comm,
                           enum status st) MUST_CHECK;

#endif
