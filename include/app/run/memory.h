/*
 * memory: refuse instead of being killed for memory.
 */
#ifndef LOCKSTEP_APP_RUN_MEMORY_H
#define LOCKSTEP_APP_RUN_MEMORY_H

#include "base/status.h"
#include "train/trainer.h"

/* Collective. ST_USAGE if on some rank training with the rule's plan for `threads` takes
   more memory than the process may have; the first such rank reports it. setup: as for
   tuning_choose, but with its folder. */
enum status memory_check(const struct trainer_setup *setup, int threads) MUST_CHECK;

/* The same for an evaluation on `lanes` lanes that takes `bytes` on this rank. */
enum status memory_check_evaluation(struct comm *comm, const struct stage *stage,
                                    int lanes, size_t bytes) MUST_CHECK;

/* Collective. Prints a note if the ranks of some node together take more memory than the
   machine has or their control group allows; bytes: what this rank takes. */
void memory_note(struct comm *comm, size_t bytes);

#endif
