/*
 * tuning: the plan of a run (train/plan.h): by rule, measured before, or measured now.
 *
 * Measured plans are kept in $XDG_CACHE_HOME/lockstep/plan-HASH, or in
 * ~/.cache/lockstep/, one file for each key. The key is everything that the times depend
 * on: CPU, kernels, allowed CPUs, ranks and threads, network, batch, grain, versions.
 * Rank 0 reads the file, decides and writes it.
 */
#ifndef LOCKSTEP_APP_RUN_TUNING_H
#define LOCKSTEP_APP_RUN_TUNING_H

#include <stdbool.h>

#include "base/status.h"
#include "lab/tune.h"
#include "train/trainer.h"

/* clang-format off */
enum tuning_mode {
    TUNING_OFF,    /* the rule */
    TUNING_CACHED, /* the plan measured before; if there is none and the run takes longer
                      than a minute and the machine is not busy, measured now and kept */
    TUNING_FORCE   /* measured now and kept */
};
/* clang-format on */

/* "off", "cached", "force"; ST_USAGE for another word. */
enum status tuning_read_mode(const char *text, enum tuning_mode *mode) MUST_CHECK;

/* Collective. The plan of a run before anything is measured: the rule (tune_rule), fitted
   to a pipeline. A plan chosen later has at most as many lanes. setup: as for
   tuning_choose. */
void tuning_by_rule(const struct trainer_setup *setup, int threads,
                    struct parallel_plan *plan);

/* Where a plan may come from, and how to decide. Pure. */
enum tuning_source {
    TUNING_BY_RULE,
    TUNING_BY_RULE_PIPELINE, /* a pipeline's plan is not measured */
    TUNING_BY_RULE_FEATURES, /* nor are steps that begin with features */
    TUNING_BY_RULE_BUSY,
    TUNING_BY_RULE_SHORT,
    TUNING_KEPT,
    TUNING_MEASURE
};
struct tuning_facts {
    enum tuning_mode mode;
    bool pipeline;      /* of several stages */
    bool choice;        /* plans can differ, and no parallel.intra asks for one */
    bool kept;          /* a plan measured before was found */
    bool busy;          /* the machine does other work */
    double run_seconds; /* of the whole run, by the rule's plan */
    bool features;      /* steps begin with them (train/features.h) */
};
enum tuning_source tuning_decide(const struct tuning_facts *facts);

struct tuning {
    struct parallel_plan plan;
    char source[128];           /* "by rule", "measured before, ...", ... */
    struct tune_result *result; /* owned; NULL: nothing was measured */
    double seconds;             /* spent measuring */
};

/* Collective. setup is the run's; its plan and folder are not used. With a parallel.intra
   other than auto the rule stands and nothing is measured. */
enum status tuning_choose(const struct trainer_setup *setup, int threads,
                          enum tuning_mode mode, struct tuning *tuning) MUST_CHECK;
void tuning_release(struct tuning *tuning);

#endif
