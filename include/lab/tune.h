/*
 * tune: the plan of a training step (train/plan.h), by rule or chosen by measuring.
 *
 * First the passes of each operation are timed under every split that its layer knows, by
 * teams of the sizes that candidates use; the splits take turns, so that other work on
 * the machine affects all of them alike. Then whole training steps are timed: each thread
 * with its own grains; threads that share grains, as the kernels choose or as measured;
 * one thread alone. With several ranks also sums in pieces of other sizes, by each
 * algorithm that applies, and with uneven shares. The plan by rule stays unless another
 * is faster by more than TUNE_GAIN. After M. Frigo and S. Johnson, "The Design and
 * Implementation of FFTW3", Proc. IEEE 93(2), 2005, section II: plans are timed, not
 * guessed.
 *
 * Collective: a time is that of the slowest rank, so all ranks choose the same plan.
 */
#ifndef LOCKSTEP_LAB_TUNE_H
#define LOCKSTEP_LAB_TUNE_H

#include <stdbool.h>

#include "base/status.h"
#include "train/options.h"
#include "train/plan.h"
#include "train/trainer.h"

#define TUNE_GAIN       0.02 /* of the time; a smaller gain may be chance */
#define TUNE_CANDIDATES 24
#define TUNE_TEAMS      4 /* sizes of teams that are tried, at most */

struct comm;

/* The plan by rule: what parallel.intra and parallel.reduce ask for. Not collective. */
void tune_rule(const struct parallel_options *options, int threads,
               struct parallel_plan *plan);

/* One pass of one operation, under each split. */
struct tune_pass {
    double seconds[SPLITS]; /* medians; 0: not a split of this layer */
    enum split best;
};

/* A team that shares a grain of n samples. */
struct tune_team {
    int members, n;
    struct tune_pass *forward, *backward; /* owned: (model->ops) each */
};

struct tune_candidate {
    const char *name; /* "batch", "channel, by layer" */
    struct parallel_plan plan;
    double seconds; /* of a training step, median */
};

struct tune_result {
    int teams, candidates;
    struct tune_team team[TUNE_TEAMS];
    struct tune_candidate candidate[TUNE_CANDIDATES];
    int chosen;
};

/* Can plans differ at all from the rule? With one thread and one rank they cannot. */
bool tune_matters(struct comm *comm, const struct parallel_plan *rule);

/* setup: the run whose steps are timed; its plan, folder, lock and deadline are not used.
   Takes about two seconds for a small network. The caller releases the result, also after
   a failure. */
enum status tune_search(const struct trainer_setup *setup,
                        const struct parallel_plan *rule,
                        struct tune_result *result) MUST_CHECK;
void tune_result_release(struct tune_result *result);

/* Times the splits of one team, whose members and n are given, for about `seconds`, and
   allocates its passes. */
void tune_measure_team(struct comm *comm, const struct model *model,
                       struct tune_team *team, double seconds);

#endif
