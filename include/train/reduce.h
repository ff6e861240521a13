/*
 * reduce: the sum of the gradients of a rank's grains, in the order of the fixed tree
 * (comm/tree.h).
 *
 * A vector is the flat gradient followed by a tail of TAIL_COUNT floats with the other
 * sums of the step. Each lane keeps a stack of partial sums (struct tree_stack) on which
 * it pushes the vectors of its grains, so it needs about log2(grains) vectors, however
 * large the batch is: gradient accumulation costs no memory. Then the stacks of all lanes
 * are joined, by all threads, each on a slice of the elements. The vectors left are those
 * of the rank's maximal nodes, the terms that comm_tree_sum needs.
 */
#ifndef LOCKSTEP_TRAIN_REDUCE_H
#define LOCKSTEP_TRAIN_REDUCE_H

#include <stdbool.h>
#include <stddef.h>

#include "comm/tree.h"
#include "kernels/team.h"

enum reduce_tail {
    TAIL_LOSS,       /* sum over the samples */
    TAIL_CORRECT,    /* an integer */
    TAIL_STOP,       /* > 0: a rank was asked to stop */
    TAIL_CHECKPOINT, /* > 0: rank 0's clock says that a checkpoint is due */
    TAIL_UNREADABLE, /* > 0: a rank could not decode an image */
    TAIL_COUNT = 16,
};

/* A lane's stack: nodes and their vectors, [level]. */
struct reduce_stack {
    struct tree_stack nodes;
    float **vector; /* owned */
};

struct reduce {
    size_t begin;                 /* no addition is made before it */
    size_t count;                 /* floats of a vector, tail included */
    int n;                        /* grains of the current batch, of all ranks */
    int lanes;                    /* for which there is memory */
    struct reduce_stack *stack;   /* owned: (lanes) */
    float *memory;                /* borrowed: all vectors */
    float *terms[TREE_NODES_MAX]; /* by reduce_terms */
};

/* The largest batch. */
struct reduce_size {
    size_t params;
    int lanes, grains; /* grains: of one lane, at most */
    bool all;          /* the lanes have all grains: the first lane begins at grain 0 */
    size_t begin;      /* of the floats that change (model.learn_begin) */
};

/* memory: reduce_floats floats, aligned, borrowed. */
size_t reduce_floats(struct reduce_size size);
void reduce_init(struct reduce *reduce, struct reduce_size size, float *memory);
void reduce_release(struct reduce *reduce);

/* Begins a batch of n grains over all ranks. Call outside of the parallel region. */
void reduce_begin(struct reduce *reduce, int n);

/* Where the vector of the lane's next grain is to be written. */
float *reduce_top(const struct reduce *reduce, int lane);

/* Pushes the vector at reduce_top, which is that of grain `grain`, and makes the
   additions. Called by every member of the lane's team; contains barriers. */
void reduce_push(struct reduce *reduce, int lane, const struct team *team, int grain);

/* The same in two steps, by one thread, for a vector that becomes final range by range:
   reduce_promise takes the grain's place in the stack before the vector is final, then
   reduce_settle makes the additions on each range that is. */
struct tree_chain reduce_promise(struct reduce *reduce, int lane, int grain);
void reduce_settle(const struct reduce *reduce, int lane, struct tree_chain chain,
                   size_t begin, size_t end);

/* Joins the stacks of lanes [0, lanes) on elements [begin, end) of the vectors, which are
   multiples of TAIL_COUNT. The members of the team share the elements. Before it, all
   lanes must have pushed or settled these elements and passed a barrier. */
void reduce_join_range(const struct reduce *reduce, int lanes, const struct team *team,
                       size_t begin, size_t end);

/* Sets reduce->terms, the rank's terms in tree order, and returns how many there are.
   Call after the parallel region. */
int reduce_terms(struct reduce *reduce, int lanes);

#endif
