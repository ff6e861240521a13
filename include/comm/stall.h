/*
 * stall: does the job stand still, and which ranks hold it up? Pure: it judges what a
 * watcher saw of each rank, by the watcher's own clock, in seconds; no MPI, no threads.
 *
 * Ranks in lockstep cannot go on without each other: if one does not arrive, all others
 * soon wait for it. So the job stands still if no rank makes a move (base/where.h). A
 * slow rank does move and is never reported, however long the others wait for it. The
 * ranks that hold the job up (stuck ranks) are those that do not wait, for example stuck
 * in a file, and the silent ones, whose heartbeats have stopped: the process is stopped
 * or the link is cut. If there are none, all ranks wait for each other.
 *
 * Only monitors see all ranks. The lowest monitor that is not stuck itself reports.
 * Clocks of different ranks are never compared.
 */
#ifndef LOCKSTEP_COMM_STALL_H
#define LOCKSTEP_COMM_STALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/where.h"

#define STALL_GRACE \
    10 /* seconds after the timeout that the reporter has to end the job */

/* The state that a rank shows to others. */
struct stall_sight {
    struct where_spot spot;
    uint64_t beat; /* rounds of its watching thread; 0: not started */
    uint64_t seen; /* moves of any rank that it has seen */
    bool ends;     /* it is ending the job, so the others need not */
};

struct stall_rank {
    const char *host; /* borrowed */
    bool monitor;     /* it sees all ranks */
    bool near; /* on the watcher's node: its state is current even if it is stopped */
    /* --- set by stall_see --- */
    struct stall_sight sight; /* beat 0: never seen, which proves nothing */
    double beat_at, moved_at; /* when beat, and the moves, last changed */
};

struct stall {
    int size, self;
    double warn, timeout;
    double silence;          /* a rank without a beat for so long is silent */
    struct stall_rank *rank; /* owned: (size); the caller sets host, monitor and near */
    uint64_t seen;           /* moves of all ranks that this watcher saw */
    double moved_at;         /* the latest move of any rank */
    /* --- of the last warning --- */
    bool warned;        /* the stall is not over */
    double moved_then;  /* when it began */
    int blamed, others; /* the rank that was named, or -1; how many more were stuck */
};

enum stall_news {
    STALL_NONE,
    STALL_WARNING,     /* to be reported, once for each stall */
    STALL_OVER,        /* to be reported, after a warning */
    STALL_END,         /* this rank has to end the job */
    STALL_LAST_RESORT, /* no rank has ended the job: this rank has to end itself */
};

/* self: the watcher's rank; now: its clock. */
void stall_init(struct stall *stall, int size, int self, double warn, double timeout,
                double now);
void stall_release(struct stall *stall);

/* Records the state of a rank. */
void stall_see(struct stall *stall, int rank, const struct stall_sight *sight,
               double now);

/* What is to be done now. Called regularly, after stall_see of all that was seen. */
enum stall_news stall_judge(struct stall *stall, double now);

/* The first of the ranks that hold the job up; -1: none, all wait. */
int stall_culprit(const struct stall *stall, double now);

/* The report of a stall, after stall_judge:
   "rank 3 (n2) has been at step 412, layer linear2 backward, for 60 s". `known` is
   appended to what is said of stall_culprit's rank; it may be "". */
#define STALL_TEXT 1024
void stall_text(const struct stall *stall, double now, const char *known,
                char text[STALL_TEXT]);
/* "rank 3 (n2) moves again: it held the job up for 75 s". */
void stall_over_text(const struct stall *stall, char text[STALL_TEXT]);

#endif
