/*
 * memory: does it fit in? Better said than met: a process that asks for more than
 * there is, is killed.
 */
#ifndef LOCKSTEP_APP_RUN_MEMORY_H
#define LOCKSTEP_APP_RUN_MEMORY_H

#include "base/status.h"
#include "train/trainer.h"

/* Collective. ST_USAGE, said by the first rank concerned: training by the rule's plan for
   `threads` takes more than this process may have. setup: as for tuning_choose, but with
   its folder. */
enum status memory_check(const struct trainer_setup *setup, int threads) MUST_CHECK;

/* The same of evaluating `samples` samples, on so many lanes. */
enum status memory_check_evaluation(struct comm *comm, const struct stage *stage,
                                    int lanes, uint64_t samples) MUST_CHECK;

/* Collective. A note if the ranks of a node take more together than the machine has, or
   their control group may have; bytes: this rank's. */
void memory_note(struct comm *comm, size_t bytes);

#endif
