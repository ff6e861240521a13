/*
 * tuning: the plan of a run (train/plan.h): by rule, measured before, or measured now.
 *
 * What was measured is kept in a file for each key, $XDG_CACHE_HOME/lockstep/plan-HASH
 * (or
 * ~/.cache/...). The key is all that decides the times: CPU, kernels, CPUs allowed, ranks
 * and threads, network, batch, grain, versions. Rank 0 reads, decides and writes.
 */
#ifndef LOCKSTEP_APP_RUN_TUNING_H
#define LOCKSTEP_APP_RUN_TUNING_H

#include "base/status.h"
#include "lab/tune.h"
#include "train/trainer.h"

enum tuning_mode {
    TUNING_OFF,    /* the rule */
    TUNING_CACHED, /* what was measured before; else, if the run takes longer than a
                      minute and the machine is not busy, measured now and kept */
    TUNING_FORCE   /* measure now, and keep it */
};
/* "off", "cached", "force"; ST_USAGE for another word. */
enum status tuning_read_mode(const char *text, enum tuning_mode *mode) MUST_CHECK;

/* The rule: what the config's parallel.intra and parallel.reduce say. */
void tuning_rule(const struct parallel_options *options, int threads,
                 struct parallel_plan *plan);

/* Collective. The plan of a run before anything is measured: the rule, fitted to a
   pipeline. What is chosen later has no more lanes. setup: as for tuning_choose. */
void tuning_by_rule(const struct trainer_setup *setup, int threads,
                    struct parallel_plan *plan);

struct tuning {
    struct parallel_plan plan;
    char source[128];           /* "by rule", "measured before, ...", ... */
    struct tune_result *result; /* owned; NULL: nothing was measured */
    double seconds;             /* that it took */
};
/* Collective. setup is the run's, complete but for plan and folder, which are not looked
   at; with an intra other than auto the rule stands and nothing is measured. */
enum status tuning_choose(const struct trainer_setup *setup, int threads,
                          enum tuning_mode mode, struct tuning *tuning) MUST_CHECK;
void tuning_release(struct tuning *tuning);

#endif
