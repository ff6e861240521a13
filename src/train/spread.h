/*
 * spread: moves the state of a run whose stages hold a part each, tensor by tensor, to
 * rank 0 for a checkpoint and back for a resume. No rank ever holds more than its part
 * and one tensor.
 *
 * Rank 0 handles the tensors in the file's order, through a struct state_stream. The
 * other stages of replica 0 go through the same order on their own, once for each file.
 * They never wait in vain: if a file fails on rank 0, rank 0 still receives the tensors
 * that are left, or sends something in place of those it could not read.
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
    size_t passed;              /* tensors that rank 0 has handled in this transfer */
};

/* vectors: how many of the state's vectors are moved, from the first on. Stays where it
   is while the stream is used. Without a pipeline the stream is rank 0's own state. */
void spread_init(struct spread *spread, const struct stage *stage,
                 const struct run_state *state, int vectors);

/* Called by the stages of replica 0, two at least; rank 0 calls it after it has written
   `files` files from the stream. Rank 0 receives what it did not write; the others send
   their part. */
void spread_gather(struct spread *spread, int files);

/* Collective over `comm`, all replicas. Rank 0 calls it after it has read a file into the
   stream; st: how that ended. On success every rank has its part. */
enum status spread_scatter(struct spread *spread, struct comm *comm,
                           enum status st) MUST_CHECK;

#endif
