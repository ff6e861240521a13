/*
 * overlap: the batch's gradient is summed across ranks bucket by bucket, in the order in
 * which backward finishes them, behind the computing of what is left of backward.
 *
 * While a lane's last grain goes backward, each bucket that is final is settled in the
 * lane's stack. Thread 0, between its own layers, joins what all lanes have settled,
 * starts its sum over the ranks and moves on the sums that are under way. What is left
 * when backward has ended is joined by all threads and waited for. Only with several
 * ranks, and with lanes of one thread (a team's members have no order among themselves in
 * backward).
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
    struct comm *comm; /* borrowed, also below */
    struct reduce *reduce;
    float *sum;
    int buckets;
    struct plan_bucket
        bucket[COMM_TREE_PIECES]; /* in the order in which they are final */
    bool wanted;                  /* the config's parallel.overlap */
    bool on;                      /* for the step under way */
    int n, lanes;
    atomic_int settled[COMM_TREE_PIECES]; /* lanes that have settled the bucket */
    int started;                          /* buckets whose sum is under way; thread 0's */
    double seconds; /* of thread 0 in joining, starting and polling during backward */
    double spanned; /* seconds in which sums were under way, hidden or not */
    double waited;  /* of these, seconds of waiting after backward */
};

/* The buckets are the plan's. wanted: false, and all sums wait for the end of backward;
   the same bits. */
void overlap_init(struct overlap *overlap, struct comm *comm, struct reduce *reduce,
                  const struct model *model, const struct parallel_plan *plan,
                  bool wanted, float *sum);

/* A new step of n grains, shared by `lanes` lanes of which each has `members` threads at
   most; before the parallel region. */
void overlap_begin(struct overlap *overlap, int n, int lanes, int members);

/* A lane's last grain goes backward. Usable as model_backward's `ready` with the
   struct overlap_lane as its context. */
struct overlap_lane {
    struct overlap *overlap;
    int lane, thread;
    struct tree_chain chain;
    int settled; /* buckets */
};
void overlap_lane_begin(struct overlap_lane *lane, struct overlap *overlap, int index,
                        int thread, int grain);
void overlap_ready(void *context, size_t begin, size_t end);

/* All threads, after all have finished: join what was not started. */
void overlap_join(const struct overlap *overlap, const struct team *all);

/* After the parallel region: sum what was not started, wait for all. idle: this rank had
   no grains. */
void overlap_finish(struct overlap *overlap, bool idle);

#endif
