/*
 * writer: a thread that writes checkpoints, the link to the newest one, metrics.h5 and
 * metrics.csv, from copies, while training goes on. On rank 0 only; nothing here is
 * collective.
 *
 * Trouble with the storage (a full disk, a missing folder) does not stop the training: it
 * is noted once, the last good checkpoint stays, the next one is tried when it is due,
 * and the first success is noted as well. A folder that was deleted or moved is made
 * again.
 *
 * A state that is spread over ranks may be too large for one of them. It is not copied:
 * it streams to the file tensor by tensor while training waits.
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
    const char *folder;         /* of the run */
    struct lockfile *lock;      /* on it; NULL: none */
    int keep;                   /* how many checkpoints stay, the newest ones */
    struct metrics_table table; /* of metrics.csv */

    /* NULL: the thread writes copies. Otherwise writer_put itself writes the checkpoints,
       from the stream, and the thread writes metrics only; the caller sets info.state. A
       best state that could not be written is then lost, and reported. */
    const struct state_stream *stream;
};

struct writer;
/* Allocates the copies, of a state with the vectors of `like`. */
struct writer *writer_create(const struct writer_setup *setup,
                             const struct run_state *like);
void writer_free(struct writer *writer); /* finishes writing first; NULL is fine */

/* What writer_put writes besides the metrics. */
enum { WRITER_STEP = 1, WRITER_BEST = 2 };

/* Hands over a copy of state and metrics; waits first if the previous one is still being
   written. info's strings are borrowed until this one is written; the writer fills in
   info->state. */
void writer_put(struct writer *writer, unsigned what, const struct checkpoint_info *info,
                const struct run_state *state, const struct metrics *metrics);

bool writer_idle(struct writer *writer);

/* Waits until nothing is being written. ST_OK: the newest checkpoint and the best one are
   on disk; otherwise the error says what is missing. */
enum status writer_wait(struct writer *writer) MUST_CHECK;

/* How long the slowest checkpoint took to write, in seconds. */
double writer_slowest(struct writer *writer);

#endif
