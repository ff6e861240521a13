/*
 * plan: how the threads of a rank share a training step, and how the ranks sum the
 * gradient. Chosen by rule or by measuring (lab/tune.h); it never changes the bits.
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
    int lanes;     /* grains computed at the same time, at most; 1..threads */
    bool teams;    /* with fewer lanes than threads, threads share grains */
    size_t bucket; /* floats of the gradient that are summed over the ranks at a time */
    int align;     /* grains: the shares of ranks begin at multiples; 1: any */
    char reduce[PLAN_WORD];  /* the algorithm of the sum (comm_tree_names) */
    struct split_plan split; /* how threads share a grain, op by op */
};

/* The rule: every thread has grains of its own as long as there are enough, else teams
   share grains as the kernels choose. */
void plan_init(struct parallel_plan *plan, int threads);

/* The lanes that work on `grains` grains, and the threads of the largest lane. */
int plan_lanes(const struct parallel_plan *plan, int grains);
int plan_members(const struct parallel_plan *plan, int grains);

/* One line: "threads=4 lanes=2 teams=on bucket=65536 align=1 reduce=auto
   forward=channel,auto*3,... backward=..." with an entry for each op of the model; *3
   stands for three ops alike. The caller frees. */
char *plan_text(const struct parallel_plan *plan, const struct model *model);
/* The inverse. False, and the plan is undefined, for any other text. */
bool plan_read(struct parallel_plan *plan, const struct model *model, const char *text);

/* The ranges of the flat gradient of `count` floats (tail included) that are summed over
   the ranks, in the order in which backward finishes them: `most` at most, each of
   plan->bucket floats or more but the last. Together they cover the gradient. Returns how
   many there are. */
struct plan_bucket {
    size_t begin, end;
};
int plan_buckets(const struct parallel_plan *plan, const struct model *model,
                 size_t count, struct plan_bucket *bucket, int most);

/* For people: "2 threads, each with grains of its own". Static storage. */
const char *plan_summary(const struct parallel_plan *plan, int grains);

#endif
