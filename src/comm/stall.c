#include "comm/stall.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"

#define STALL_NAMED 3 /* ranks in a list; the others are counted */

void stall_init(struct stall *stall, int size, int self, double warn, double timeout,
                double now)
{
    *stall = (struct stall){
        .size = size,
        .self = self,
        .warn = warn,
        .timeout = timeout,
        .silence = warn / 2,
        .rank = mem_zeroed((size_t)size, sizeof *stall->rank),
        .moved_at = now,
        .blamed = -1,
    };
    for (int r = 0; r < size; r++) {
        stall->rank[r].host = "";
        stall->rank[r].beat_at = stall->rank[r].moved_at = now;
    }
}

void stall_release(struct stall *stall)
{
    free(stall->rank);
    *stall = (struct stall){0};
}

void stall_see(struct stall *stall, int rank, const struct stall_sight *sight, double now)
{
    struct stall_rank *r = &stall->rank[rank];
    if (sight->beat != r->sight.beat)
        r->beat_at = now;
    if (sight->spot.moves != r->sight.spot.moves) {
        r->moved_at = stall->moved_at = now;
        stall->seen++;
    }
    /* A monitor sees ranks that this watcher does not. */
    if (r->monitor && rank != stall->self && sight->seen != r->sight.seen)
        stall->moved_at = now;
    r->sight = *sight;
}

static bool stall_heard(const struct stall_rank *rank)
{
    return rank->sight.beat > 0;
}

/* A rank that has come to its end needs no heartbeat. */
static bool stall_silent(const struct stall *stall, int rank, double now)
{
    const struct stall_rank *r = &stall->rank[rank];
    return rank != stall->self && r->sight.spot.part != WHERE_END &&
           now - r->beat_at >= stall->silence;
}

/* Does it hold the job up, if the job stands still? */
static bool stall_stuck(const struct stall *stall, int rank, double now)
{
    const struct stall_rank *r = &stall->rank[rank];
    if (!stall_heard(r) || r->sight.spot.part == WHERE_END)
        return false;
    return stall_silent(stall, rank, now) || !r->sight.spot.waiting;
}

/* The lowest monitor that is not stuck; if all are, the lowest whose watch still runs. */
static int stall_reporter(const struct stall *stall, double now)
{
    int able = -1;
    for (int r = 0; r < stall->size; r++) {
        const struct stall_rank *rank = &stall->rank[r];
        if (rank->sight.ends)
            return r;
        if (!rank->monitor || !stall_heard(rank) || rank->sight.spot.part == WHERE_END)
            continue;
        if (!stall_stuck(stall, r, now))
            return r;
        if (able < 0 && !stall_silent(stall, r, now))
            able = r;
    }
    return able;
}

int stall_culprit(const struct stall *stall, double now)
{
    for (int r = 0; r < stall->size; r++)
        if (stall_stuck(stall, r, now))
            return r;
    return -1;
}

static int stall_count_stuck(const struct stall *stall, double now)
{
    int count = 0;
    for (int r = 0; r < stall->size; r++)
        count += stall_stuck(stall, r, now);
    return count;
}

enum stall_news stall_judge(struct stall *stall, double now)
{
    double still = now - stall->moved_at;
    if (stall->warned && stall->moved_at > stall->moved_then) {
        stall->warned = false;
        return STALL_OVER;
    }
    if (still >= stall->timeout + STALL_GRACE)
        return STALL_LAST_RESORT;
    if (still < stall->warn || stall_reporter(stall, now) != stall->self)
        return STALL_NONE;
    if (still >= stall->timeout)
        return STALL_END;
    if (stall->warned)
        return STALL_NONE;
    stall->warned = true;
    stall->moved_then = stall->moved_at;
    stall->blamed = stall_culprit(stall, now);
    stall->others = stall_count_stuck(stall, now) - 1;
    return STALL_WARNING;
}

/* --- in words --- */

static void stall_append(char text[STALL_TEXT], const char *fmt, ...) PRINTF_LIKE(2, 3);

static void stall_append(char text[STALL_TEXT], const char *fmt, ...)
{
    size_t length = strlen(text);
    va_list args;
    va_start(args, fmt);
    vsnprintf(text + length, STALL_TEXT - length, fmt, args);
    va_end(args);
}

static void stall_append_spot(char text[STALL_TEXT], const struct stall_rank *rank)
{
    char spot[WHERE_TEXT];
    where_text(&rank->sight.spot, spot);
    stall_append(text, "%s", spot);
}

static bool stall_same_spot(const struct where_spot *a, const struct where_spot *b)
{
    return a->step == b->step && a->part == b->part && a->layer == b->layer;
}

static bool stall_unheard(const struct stall *stall, int rank, double now)
{
    (void)now;
    return !stall_heard(&stall->rank[rank]);
}

static bool stall_late_too(const struct stall *stall, int rank, double now)
{
    return stall_stuck(stall, rank, now) && rank != stall_culprit(stall, now);
}

/* A list of the ranks that `pick` picks, after `intro`; nothing if there are none. */
static void stall_append_ranks(const struct stall *stall, double now,
                               bool (*pick)(const struct stall *stall, int rank,
                                            double now),
                               const char *intro, char text[STALL_TEXT])
{
    int count = 0;
    for (int r = 0; r < stall->size; r++) {
        if (!pick(stall, r, now) || ++count > STALL_NAMED)
            continue;
        stall_append(text, "%srank %d (%s)", count == 1 ? intro : ", ", r,
                     stall->rank[r].host);
    }
    if (count > STALL_NAMED)
        stall_append(text, " and %d more", count - STALL_NAMED);
}

/* Each place where ranks wait, with the first rank that waits there. */
static void stall_append_waiters(const struct stall *stall, double now, const char *intro,
                                 char text[STALL_TEXT])
{
    int places = 0;
    for (int r = 0; r < stall->size && places < STALL_NAMED; r++) {
        const struct stall_rank *rank = &stall->rank[r];
        bool told = !stall_heard(rank) || stall_stuck(stall, r, now);
        for (int s = 0; s < r && !told; s++)
            told = stall_heard(&stall->rank[s]) && !stall_stuck(stall, s, now) &&
                   stall_same_spot(&rank->sight.spot, &stall->rank[s].sight.spot);
        if (told)
            continue;
        stall_append(text, "%srank %d waits at ", places++ ? ", " : intro, r);
        stall_append_spot(text, rank);
    }
}

/* A silent rank on another node may have gone on since its last heartbeat. */
void stall_text(const struct stall *stall, double now, const char *known,
                char text[STALL_TEXT])
{
    int first = stall_culprit(stall, now);
    *text = '\0';
    if (first < 0) {
        stall_append(text, "all ranks wait for each other, for %.0f s",
                     now - stall->moved_at);
        stall_append_waiters(stall, now, ": ", text);
        stall_append_ranks(stall, now, stall_unheard, "; no heartbeat ever came from ",
                           text);
        return;
    }
    const struct stall_rank *rank = &stall->rank[first];
    stall_append(text, "rank %d (%s) has been ", first, rank->host);
    if (rank->near || !stall_silent(stall, first, now)) {
        stall_append(text, "at ");
        stall_append_spot(text, rank);
        stall_append(text, ", for %.0f s", now - rank->moved_at);
    } else {
        stall_append(text, "silent for %.0f s, last heard of at ", now - rank->beat_at);
        stall_append_spot(text, rank);
        stall_append_waiters(stall, now, "; ", text);
    }
    stall_append(text, "%s", known);
    stall_append_ranks(stall, now, stall_late_too, "; also late: ", text);
}

void stall_over_text(const struct stall *stall, char text[STALL_TEXT])
{
    double seconds = stall->moved_at - stall->moved_then;
    *text = '\0';
    if (stall->blamed < 0)
        stall_append(text, "the job goes on: it stood still for %.0f s", seconds);
    else if (stall->others == 0)
        stall_append(text, "rank %d (%s) moves again: it held the job up for %.0f s",
                     stall->blamed, stall->rank[stall->blamed].host, seconds);
    else
        stall_append(
            text, "rank %d (%s) moves again: it and %d more held the job up for %.0f s",
            stall->blamed, stall->rank[stall->blamed].host, stall->others, seconds);
}
