/*
 * tune: the plan of a training step (train/plan.h), chosen by measuring.
 *
 * First each step's passes under every split that its layer knows, by teams of the sizes
 * that come into question; the splits take turns, so that what else the machine does hits
 * all alike. Then whole training steps: each thread with grains of its own, threads that
 * share grains as the kernels choose or as measured, and one thread alone; with several
 * ranks then sums in pieces of other sizes, and by each algorithm that applies. The plan
 * by rule stays unless another is faster by more than TUNE_GAIN. After M. Frigo and S.
 * Johnson, "The Design and Implementation of FFTW3", Proc. IEEE 93(2), 2005, section II:
 * plans are timed, not guessed.
 *
 * Collective: a time is that of the slowest rank, so all choose the same.
 */
#ifndef LOCKSTEP_LAB_TUNE_H
#define LOCKSTEP_LAB_TUNE_H

#include "base/status.h"
#include "train/plan.h"

#define TUNE_GAIN       0.02 /* of the time; less may be chance */
#define TUNE_CANDIDATES 24
#define TUNE_TEAMS      4 /* sizes of teams that are tried, at most */

struct comm;

/* One pass of one step of the network, under each split. */
struct tune_pass {
    double seconds[SPLITS]; /* medians; 0: not a split of this layer */
    enum split best;
};

/* A team that shares a grain of n samples. */
struct tune_team {
    int members, n;
    struct tune_pass *forward, *backward; /* owned: (ops of the model) */
};

struct tune_candidate {
    const char *name; /* "batch", "channel, by layer" */
    struct parallel_plan plan;
    double seconds; /* of a training step, median */
};

struct tune_job {
    struct comm *comm; /* borrowed, also below */
    const struct model *model;
    struct parallel_plan rule; /* what runs unless something else is faster */
    int grains, samples;       /* of a batch, over all ranks */
    /* Seconds of a training step under the plan, on this rank. */
    enum status (*step)(const void *context, const struct parallel_plan *plan,
                        double *seconds);
    const void *context;
};

struct tune_result {
    int teams, candidates;
    struct tune_team team[TUNE_TEAMS];
    struct tune_candidate candidate[TUNE_CANDIDATES];
    int chosen;
};

/* Is there anything to choose? */
bool tune_matters(const struct tune_job *job);

/* About two seconds for a small network. */
enum status tune_search(const struct tune_job *job,
                        struct tune_result *result) MUST_CHECK;

void tune_result_release(struct tune_result *result);

/* One team alone, whose passes are allocated; rounds follow each other for about
 * `seconds`. */
void tune_measure_team(struct comm *comm, const struct model *model,
                       struct tune_team *team, double seconds);

#endif
