/*
 * writer: checkpoints and metrics.h5 are written by a thread of their own, from copies,
 * while training goes on. On rank 0 alone; nothing here is collective.
 *
 * Trouble with the storage (a full disk, a folder that is gone) does not stop the
 * training: it is noted once, the last good checkpoint stays, what could not be written
 * is left out until the next one is due, and the first that succeeds is noted as well.
 * A folder that was deleted or moved away is made anew.
 *
 * A state that is spread over ranks, too large for one perhaps, is not copied: it streams
 * to the file tensor by tensor while training waits.
 */
#ifndef LOCKSTEP_TRAIN_WRITER_H
#define LOCKSTEP_TRAIN_WRITER_H

#include <stdbool.h>

#include "base/lockfile.h"
#include "base/status.h"
#include "nn/model.h"
#include "train/checkpoint.h"
#include "train/metrics.h"

/* Everything is borrowed and outlives the writer. */
struct writer_setup {
    const struct model *model;
    const char *folder;    /* of the run */
    struct lockfile *lock; /* on it; NULL: none */
    int keep;              /* newest checkpoints that stay */

    /* NULL: copies are written by the thread. Else writer_put writes, in the caller's
       thread, what each file takes from the stream (metrics alone are the other thread's
       all the same); the caller sets info.state. A best state that could not be written
       is then lost, which is said. */
    const struct state_stream *stream;
};

struct writer;
/* Room for the copies of a state like `like` is made here. */
struct writer *writer_create(const struct writer_setup *setup,
                             const struct run_state *like);
void writer_free(struct writer *writer); /* writes what was put; NULL is fine */

/* What is written besides metrics.h5. */
enum { WRITER_STEP = 1, WRITER_BEST = 2 };

/* Hands over a copy of state and metrics; waits first if the one before is still being
   written. info's strings are borrowed until it is written; its `state` is filled in by
   the writer. */
void writer_put(struct writer *writer, unsigned what, const struct checkpoint_info *info,
                const struct run_state *state, const struct metrics *metrics);

bool writer_idle(struct writer *writer);

/* Waits until nothing is under way. ST_OK: the newest checkpoint and the best one are on
   disk; otherwise what is missing was said. */
enum status writer_wait(struct writer *writer) MUST_CHECK;

/* Seconds that the slowest checkpoint took to be written. */
double writer_slowest(struct writer *writer);

#endif
