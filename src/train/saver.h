/*
 * saver: what a run writes, and when it last did: checkpoints and the metrics.
 */
#ifndef LOCKSTEP_TRAIN_SAVER_H
#define LOCKSTEP_TRAIN_SAVER_H

#include "spread.h"
#include "train/writer.h"
#include "train_run.h"

struct saver {
    struct train_run *run;         /* borrowed, also below */
    const struct run_state *state; /* this rank's */
    const struct metrics *metrics;
    struct checkpoint_info info; /* of the checkpoints; strings borrowed or static */
    struct writer *writer;       /* owned: on rank 0 of a run with a folder, else NULL */
    struct spread spread;        /* of what is saved; stage->count > 1 */
    bool best_due;               /* the last evaluation was the best: save it */
    uint64_t saved_step;         /* of the newest checkpoint; UINT64_MAX: none yet */
    double saved_at, metrics_at; /* timer_now seconds of the last writing */
};

/* Stays where it is. */
void saver_init(struct saver *saver, struct train_run *run, const struct run_state *state,
                const struct metrics *metrics);
void saver_release(struct saver *saver);

/* Collective: hands a checkpoint of this step (due), and the best one if that is due, to
   the writer. ST_FAIL on all ranks: the weights are not finite. */
enum status saver_save(struct saver *saver, bool due) MUST_CHECK;

/* The metrics alone, unless it was written a moment ago or something is being written. */
void saver_save_metrics(struct saver *saver);

/* Collective: waits until everything is on disk, or it was said what is not. */
enum status saver_settle(struct saver *saver) MUST_CHECK;

/* Is a checkpoint due by checkpoint.every_minutes? On rank 0; false on the others. */
bool saver_clock_is_due(const struct saver *saver);

/* Seconds that the slowest checkpoint took to be written; 0 on ranks that write none. */
double saver_slowest(const struct saver *saver);

#endif
