/*
 * reduce: the sum of the grains' gradients inside a rank, in the order of the fixed tree
 * (comm/tree.h).
 *
 * A vector is the flat gradient followed by a tail of TAIL_COUNT floats with the step's
 * other sums. Each lane keeps a stack of partial sums: a grain's vector is pushed on top,
 * and as long as the two on top are siblings in the tree the upper is added to the lower.
 * So a lane needs about log2(grains) vectors, however large the batch (gradient
 * accumulation is the same thing). Then the lanes' stacks are joined, all threads at work
 * on slices; what is left are the rank's maximal nodes, the parts that comm_tree_sum
 * wants.
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
    TAIL_COUNT = 16,
};

/* Of a lane: nodes and their vectors, [level]. */
struct reduce_stack {
    struct tree_stack nodes;
    float **vector; /* owned */
};

struct reduce {
    size_t count;               /* floats of a vector, tail included */
    int n;                      /* grains of the current batch, all ranks */
    int lanes;                  /* at most */
    struct reduce_stack *stack; /* owned: (lanes) */
    float *memory;              /* borrowed: all vectors */
    float *parts[TREE_NODES_MAX];
};

/* What it is made for. */
struct reduce_size {
    size_t params;
    int lanes, grains; /* each lane takes so many grains of a batch, at most */
    bool all;          /* the lanes take all of it: the first begins at grain 0 */
};

/* memory is of reduce_floats floats for the same, aligned, and the caller's. */
size_t reduce_floats(struct reduce_size size);
void reduce_init(struct reduce *reduce, struct reduce_size size, float *memory);
void reduce_release(struct reduce *reduce);

/* A new batch of n grains over all ranks. Before the parallel region. */
void reduce_begin(struct reduce *reduce, int n);

/* Where the lane's next grain puts its vector. */
float *reduce_top(const struct reduce *reduce, int lane);

/* The vector at the top is grain `grain`'s. Every member of the lane's team calls it. */
void reduce_push(struct reduce *reduce, int lane, const struct team *team, int grain);

/* The same in two steps, by one thread, for a vector that becomes final range by range:
   reduce_promise takes the grain's place in the stack before the vector is final, then
   reduce_settle makes the additions on each range that is. */
struct tree_chain reduce_promise(struct reduce *reduce, int lane, int grain);
void reduce_settle(const struct reduce *reduce, int lane, struct tree_chain chain,
                   size_t begin, size_t end);

/* Join the stacks of lanes [0, lanes) on elements [begin, end) of the vectors, multiples
   of TAIL_COUNT, shared by the team; after all have pushed or settled them (a barrier is
   the caller's). */
void reduce_join_range(const struct reduce *reduce, int lanes, const struct team *team,
                       size_t begin, size_t end);

/* After the parallel region: the rank's parts, in tree order; returns how many. */
int reduce_parts(struct reduce *reduce, int lanes);

#endif
