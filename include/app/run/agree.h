/*
 * agree: all ranks do the same work, which may fail on some of them only: on a host with
 * less memory, say. They go on together, or fail together with one message.
 *
 *   struct agree agree;
 *   agree_begin(&agree);
 *   enum status st = work();
 *   TRY(agree_end(&agree, comm, st));
 */
#ifndef LOCKSTEP_APP_RUN_AGREE_H
#define LOCKSTEP_APP_RUN_AGREE_H

#include "base/status.h"

struct comm;

struct agree {
    char why[STATUS_TEXT]; /* this rank's message, held back */
};

/* From here to agree_end this thread's messages of failure are held back. Not to be
   nested. */
void agree_begin(struct agree *agree);

/* Collective. st: what this rank's work returned. Returns on every rank the status of the
   first rank that failed, which alone prints its message. */
enum status agree_end(struct agree *agree, struct comm *comm, enum status st) MUST_CHECK;

#endif
