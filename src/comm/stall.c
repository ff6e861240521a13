#include "comm/stall.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"

#define NAMED 3 /* ranks besides the first; the rest is counted */

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
    /* A monitor sees ranks that this one does not. */
    if (r->monitor && rank != stall->self && sight->seen != r->sight.seen)
        stall->moved_at = now;
    r->sight = *sight;
}

static bool heard(const struct stall_rank *rank)
{
    return rank->sight.beat > 0;
}

/* Who has come to its end needs no heartbeat. */
static bool silent(const struct stall *stall, int rank, double now)
{
    const struct stall_rank *r = &stall->rank[rank];
    return rank != stall->self && r->sight.spot.part != WHERE_END &&
           now - r->beat_at >= stall->silence;
}

/* While the job stands still. */
static bool stuck(const struct stall *stall, int rank, double now)
{
    const struct stall_rank *r = &stall->rank[rank];
    if (!heard(r) || r->sight.spot.part == WHERE_END)
        return false;
    return silent(stall, rank, now) || !r->sight.spot.waiting;
}

/* The lowest monitor that is not stuck; or, if all are, whose thread still runs. */
static int speaker(const struct stall *stall, double now)
{
    int able = -1;
    for (int r = 0; r < stall->size; r++) {
        const struct stall_rank *rank = &stall->rank[r];
        if (rank->sight.ends)
            return r;
        if (!rank->monitor || !heard(rank) || rank->sight.spot.part == WHERE_END)
            continue;
        if (!stuck(stall, r, now))
            return r;
        if (able < 0 && !silent(stall, r, now))
            able = r;
    }
    return able;
}

int stall_culprit(const struct stall *stall, double now)
{
    for (int r = 0; r < stall->size; r++)
        if (stuck(stall, r, now))
            return r;
    return -1;
}

static int count_stuck(const struct stall *stall, double now)
{
    int count = 0;
    for (int r = 0; r < stall->size; r++)
        count += stuck(stall, r, now);
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
    if (still < stall->warn || speaker(stall, now) != stall->self)
        return STALL_NONE;
    if (still >= stall->timeout)
        return STALL_END;
    if (stall->warned)
        return STALL_NONE;
    stall->warned = true;
    stall->moved_then = stall->moved_at;
    stall->blamed = stall_culprit(stall, now);
    stall->others = count_stuck(stall, now) - 1;
    return STALL_WARNING;
}

/* --- in words --- */

static void append(char text[STALL_TEXT], const char *fmt, ...) PRINTF_LIKE(2, 3);

static void append(char text[STALL_TEXT], const char *fmt, ...)
{
    size_t length = strlen(text);
    va_list args;
    va_start(args, fmt);
    vsnprintf(text + length, STALL_TEXT - length, fmt, args);
    va_end(args);
}

static void append_spot(char text[STALL_TEXT], const struct stall_rank *rank)
{
    char spot[WHERE_TEXT];
    where_text(&rank->sight.spot, spot);
    append(text, "%s", spot);
}

static bool same_spot(const struct where_spot *a, const struct where_spot *b)
{
    return a->step == b->step && a->part == b->part && a->layer == b->layer;
}

static bool unheard(const struct stall *stall, int rank, double now)
{
    (void)now;
    return !heard(&stall->rank[rank]);
}

static bool late_too(const struct stall *stall, int rank, double now)
{
    return stuck(stall, rank, now) && rank != stall_culprit(stall, now);
}

/* The ranks that `pick` picks: the first by name, the rest by number; nothing if there
   are none. */
static void append_ranks(const struct stall *stall, double now,
                         bool (*pick)(const struct stall *stall, int rank, double now),
                         const char *intro, char text[STALL_TEXT])
{
    int count = 0;
    for (int r = 0; r < stall->size; r++) {
        if (!pick(stall, r, now) || ++count > NAMED)
            continue;
        append(text, "%srank %d (%s)", count == 1 ? intro : ", ", r, stall->rank[r].host);
    }
    if (count > NAMED)
        append(text, " and %d more", count - NAMED);
}

/* Each place where ranks wait, by the first of them. */
static void append_waiters(const struct stall *stall, double now, const char *intro,
                           char text[STALL_TEXT])
{
    int places = 0;
    for (int r = 0; r < stall->size && places < NAMED; r++) {
        const struct stall_rank *rank = &stall->rank[r];
        bool told = !heard(rank) || stuck(stall, r, now);
        for (int s = 0; s < r && !told; s++)
            told = heard(&stall->rank[s]) && !stuck(stall, s, now) &&
                   same_spot(&rank->sight.spot, &stall->rank[s].sight.spot);
        if (told)
            continue;
        append(text, "%srank %d waits at ", places++ ? ", " : intro, r);
        append_spot(text, rank);
    }
}

/* Of a rank on another node only the last heartbeat is known: it may have gone on. */
void stall_text(const struct stall *stall, double now, const char *known,
                char text[STALL_TEXT])
{
    int first = stall_culprit(stall, now);
    *text = '\0';
    if (first < 0) {
        append(text, "all ranks wait for each other, for %.0f s", now - stall->moved_at);
        append_waiters(stall, now, ": ", text);
        append_ranks(stall, now, unheard, "; nothing was ever heard of ", text);
        return;
    }
    const struct stall_rank *rank = &stall->rank[first];
    append(text, "rank %d (%s) has been ", first, rank->host);
    if (rank->near || !silent(stall, first, now)) {
        append(text, "at ");
        append_spot(text, rank);
        append(text, ", for %.0f s", now - rank->moved_at);
    } else {
        append(text, "silent for %.0f s, last heard of at ", now - rank->beat_at);
        append_spot(text, rank);
        append_waiters(stall, now, "; ", text);
    }
    append(text, "%s", known);
    append_ranks(stall, now, late_too, "; also late: ", text);
}

void stall_over_text(const struct stall *stall, char text[STALL_TEXT])
{
    double seconds = stall->moved_at - stall->moved_then;
    *text = '\0';
    if (stall->blamed < 0)
        append(text, "the job goes on: it stood still for %.0f s", seconds);
    else if (stall->others == 0)
        append(text, "rank %d (%s) moves again: it held the job up for %.0f s",
               stall->blamed, stall->rank[stall->blamed].host, seconds);
    else
        append(text,
               "rank %d (%s) moves again: it and %d more held the job up for %.0f s",
               stall->blamed, stall->rank[stall->blamed].host, stall->others, seconds);
}
