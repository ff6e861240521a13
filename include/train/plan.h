/*
 * plan: how the threads of a rank share a training step, and how the ranks exchange what
 * comes of it. By rule or measured (lab/tune.h); it never changes the bits.
 */
#ifndef LOCKSTEP_TRAIN_PLAN_H
#define LOCKSTEP_TRAIN_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "nn/workspace.h"

#define PLAN_BUCKET 65536 /* floats: large enough that bandwidth counts, not latency */
#define PLAN_WORD   16

/* Plain data: broadcast as bytes. */
struct parallel_plan {
    int threads;   /* that compute, 1 at least */
    int lanes;     /* grains under way at a time, at most; 1..threads */
    bool teams;    /* with fewer lanes than threads, threads share grains */
    size_t bucket; /* floats of the gradient that are summed over ranks at a time */
    int align;     /* grains: shares of ranks have multiples of it, 1 at least */
    char reduce[PLAN_WORD];  /* by which algorithm (comm_tree_names) */
    struct split_plan split; /* when a grain is shared */
};

/* Every thread with grains of its own as long as there are enough, else teams that share
   them as the kernels choose. */
void plan_init(struct parallel_plan *plan, int threads);

/* How many lanes work on so many grains, and the most threads that one of them has. */
int plan_lanes(const struct parallel_plan *plan, int grains);
int plan_members(const struct parallel_plan *plan, int grains);

/* One line: "threads=4 lanes=2 teams=on bucket=65536 align=1 reduce=auto
   forward=channel,batch,... backward=..." with an entry for each of the model's steps;
   the caller frees. */
char *plan_text(const struct parallel_plan *plan, const struct model *model);
/* False, and the plan is undefined, for what plan_text of this model does not write. */
bool plan_read(struct parallel_plan *plan, const struct model *model, const char *text);

/* Which ranges of the flat gradient of `count` floats (tail included) are summed over the
   ranks, in the order in which backward finishes them: plan->bucket floats or more each,
   `most` at most. Returns their number; they meet at their ends. */
struct plan_bucket {
    size_t begin, end;
};
int plan_buckets(const struct parallel_plan *plan, const struct model *model,
                 size_t count, struct plan_bucket *bucket, int most);

/* For people: "2 threads, each with grains of its own". Static storage. */
const char *plan_summary(const struct parallel_plan *plan, int grains);

#endif
