/*
 * stall: does the job stand still, and who holds it up? Pure: what a watcher saw of each
 * rank, and the seconds of the watcher's own clock; nothing of MPI or threads.
 *
 * Ranks in lockstep cannot go on without each other: if one does not arrive, all others
 * soon wait for it. So the job stands still when nobody makes a move, and slow ranks,
 * which do move, are never reported, however long the others wait for them. Those who
 * hold it up are the ranks that do not wait (stuck in a file, say), and those of which
 * there is no heartbeat any more (stopped, or behind a cut link). If there are none, all
 * wait for each other.
 *
 * Only monitors see all ranks; the lowest one that is not itself stuck speaks for them.
 * Clocks of different ranks are never compared.
 */
#ifndef LOCKSTEP_COMM_STALL_H
#define LOCKSTEP_COMM_STALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/where.h"

#define STALL_GRACE 10 /* seconds after the timeout in which the speaker ends the job */

/* What a rank shows of itself. */
struct stall_sight {
    struct where_spot spot;
    uint64_t beat; /* of its watching thread; 0: not started */
    uint64_t seen; /* moves that it saw, of any rank */
    bool ends;     /* it is ending the job: it speaks, the others need not */
};

struct stall_rank {
    const char *host; /* borrowed */
    bool monitor;     /* it sees all ranks */
    bool near;        /* on the watcher's node: seen as it is, even if it is stopped */
    /* --- by stall_see --- */
    struct stall_sight sight; /* beat 0: never heard of, which proves nothing */
    double beat_at, moved_at; /* when they last changed */
};

struct stall {
    int size, self;
    double warn, timeout, silence; /* seconds; silent is who has no beat for so long */
    struct stall_rank *rank;       /* owned; the caller sets host, monitor and near */
    uint64_t seen;                 /* moves of all ranks that this watcher saw */
    double moved_at;               /* the latest move of anyone */
    bool warned;                   /* of the stall that began at moved_then */
    int blamed, others;            /* rank that was named, or -1; how many besides */
    double moved_then;
};

enum stall_news {
    STALL_NONE,
    STALL_WARNING,     /* once for each stall */
    STALL_OVER,        /* after a warning */
    STALL_END,         /* the job has to be ended */
    STALL_LAST_RESORT, /* nobody has ended it: at least this rank ends */
};

/* At time `now`; self is the watcher's rank. */
void stall_init(struct stall *stall, int size, int self, double warn, double timeout,
                double now);
void stall_release(struct stall *stall);

void stall_see(struct stall *stall, int rank, const struct stall_sight *sight,
               double now);

/* Called every now and then, after what there is to see has been seen. */
enum stall_news stall_judge(struct stall *stall, double now);

/* The first of those who hold the job up; -1: nobody, all wait. */
int stall_culprit(const struct stall *stall, double now);

/* What to say, after stall_judge:
   "rank 3 (n2) has been at step 412, layer linear2 backward, for 60 s". `known` is put
   behind it: what else is known of stall_culprit's rank, or "". */
#define STALL_TEXT 1024
void stall_text(const struct stall *stall, double now, const char *known,
                char text[STALL_TEXT]);
/* "rank 3 (n2) moves again: it held the job up for 75 s". */
void stall_over_text(const struct stall *stall, char text[STALL_TEXT]);

#endif
