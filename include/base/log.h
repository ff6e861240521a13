/*
 * log: who speaks, and where.
 *
 * stdout carries results (log_out), stderr carries chatter (log_note, log_error).
 * Rank 0 speaks; other ranks speak only in failure, as "[rank 3 host] ...". While every
 * rank does the same thing on the same input (parsing one config, say) the others are
 * silenced with log_set_replicated(true), so that one trouble is told once.
 * With a log file open (rank 0) everything said on either stream is also written there.
 * Control characters in a text, which a terminal would obey, are shown as '?'.
 * Lines of several threads do not mix; log_init and the file are the main thread's.
 */
#ifndef LOCKSTEP_BASE_LOG_H
#define LOCKSTEP_BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>

#include "base/status.h"

/* Identity of this process; before the call it is rank 0. Copies host. */
void log_init(int rank, const char *host);

/* true: only rank 0 reports failures; false: every rank reports its own. Returns the
   setting before, for the end of a scope. */
bool log_set_replicated(bool on);

/* A result: stdout, as formatted (the caller writes the '\n'). Rank 0 only. */
void log_out(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* One line of chatter on stderr: "note: ...". Rank 0 only. The '\n' is added. */
void log_note(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* One error line on stderr: "lockstep: ..." or "[rank 3 host] ...". The '\n' is added. */
void log_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_verror(const char *fmt, va_list args);

/* A line of a thread that nothing may hold up: a thread that is stuck in what it writes
   keeps it for a second at most, from the file; a stderr that takes nothing (a terminal
   stopped by Ctrl-S, a full pipe) loses it. Whatever the rank. */
void log_urgent(const char *prefix, const char *text);
/* Text on stderr, unless it takes none now; may be called in a signal's handler. */
void log_write(const char *text);

/* Transient progress on a terminal's stderr (rewritten in place, erased by the next
   line); nothing when stderr is not a terminal. */
void log_progress(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Also write everything to `path` (appended). Rank 0 calls it; closing twice is fine. */
enum status log_open_file(const char *path) MUST_CHECK;
void log_close_file(void);
/* If its folder was deleted or moved away: a new one at the same path, if that can be. */
void log_keep_file(void);

#endif
