/*
 * overlap: the sum of the batch's gradient over the ranks, hidden behind backward.
 *
 * The gradient is summed in buckets, in the order in which backward finishes them. While
 * the last grain of a lane goes backward, each bucket whose values are final is settled
 * in the lane's stack (train/reduce.h). Between its own layers, thread 0 joins the
 * buckets that all lanes have settled, starts their sums over the ranks, and polls the
 * sums that are under way. What is left after backward is joined by all threads and
 * waited for. Overlap needs several ranks, and lanes of one thread each: the members of a
 * team do not reach the end of a layer in a fixed order.
 *
 * Buckets after S. Li et al., "PyTorch Distributed: Experiences on Accelerating Data
 * Parallel Training", VLDB 2020, section 3.2.3.
 */
#ifndef LOCKSTEP_TRAIN_OVERLAP_H
#define LOCKSTEP_TRAIN_OVERLAP_H

#include <stdatomic.h>
#include <stddef.h>

#include "comm/comm.h"
#include "nn/workspace.h"
#include "train/crew.h"
#include "train/plan.h"
#include "train/reduce.h"

struct overlap {
    struct comm *comm; /* borrowed, as are reduce and sum */
    struct reduce *reduce;
    float *sum;
    int buckets;
    /* In the order in which they become final. */
    struct plan_bucket bucket[COMM_TREE_PIECES];
    bool wanted;       /* the config's parallel.overlap */
    bool on;           /* in the current step */
    int grains, lanes; /* of the current step; lanes 0: no grains here */
    atomic_int settled[COMM_TREE_PIECES]; /* lanes that have settled the bucket */
    int started;    /* buckets whose sum thread 0 has started during backward */
    double spanned; /* seconds in which sums were under way, hidden or not */
    double waited;  /* of these, seconds of waiting after backward */
};

/* The buckets are the plan's. wanted false: all sums are made after backward, with the
   same bits. */
void overlap_init(struct overlap *overlap, struct comm *comm, struct reduce *reduce,
                  const struct model *model, const struct parallel_plan *plan,
                  bool wanted, float *sum);

/* Before the parallel region: a step of `grains` grains over all ranks, in which this
   rank has `lanes` lanes of at most `members` threads each; 0: there is no backward pass
   to hide sums behind. */
void overlap_begin(struct overlap *overlap, int grains, int lanes, int members);

/* Backward of a lane's last grain: the context of overlap_ready. */
struct overlap_lane {
    struct overlap *overlap;
    int lane, thread;
    struct tree_chain chain;
    int settled;    /* buckets */
    double seconds; /* spent on sums by thread 0 */
};
void overlap_lane_begin(struct overlap_lane *lane, struct overlap *overlap, int index,
                        int thread, int grain);
/* For model_backward: elements [begin, end) of the lane's gradient are final. */
void overlap_ready(void *context, size_t begin, size_t end);

/* By all threads, after a barrier: joins the buckets that were not started. */
void overlap_join(const struct overlap *overlap, const struct team *all);

/* After the parallel region: sums what was not started, and waits for all sums. idle:
   this rank had no grains, and overlap_join was not called. */
void overlap_finish(struct overlap *overlap, bool idle);

#endif
