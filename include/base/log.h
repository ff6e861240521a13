/*
 * log: output of the program, and which rank prints it.
 *
 * Results go to stdout (log_out), notes and errors to stderr (log_note, log_error). Rank
 * 0 prints; other ranks print errors only, as "[rank 3 host] ...". While every rank does
 * the same on the same input (parsing the config, for example), log_set_replicated(true)
 * silences the others, so that an error is printed once. With a log file open (rank 0),
 * both streams are also written there. Control characters, which a terminal would obey,
 * are printed as '?'. Lines of several threads do not mix. Only the main thread calls
 * log_init and opens, keeps or closes the file.
 *
 * A stream may be lost: full, or closed by its reader. The first failed write to stdout,
 * stderr or the file is told once, with its reason, on the other ones of stderr and file;
 * the program goes on. Without a file that has everything, log_finish makes a lost stdout
 * a failure.
 */
#ifndef LOCKSTEP_BASE_LOG_H
#define LOCKSTEP_BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>

#include "base/status.h"

/* Sets the identity of this process, which is rank 0 before the call. Copies host. */
void log_init(int rank, const char *host);

/* true: only rank 0 reports failures; false: every rank reports its own. Returns the
   setting before, for the end of a scope. */
bool log_set_replicated(bool on);

/* Prints a result on stdout; the caller writes the '\n'. Rank 0 only. */
void log_out(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Prints one line "note: ..." on stderr and adds the '\n'. Rank 0 only. */
void log_note(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Prints one line "lockstep: ..." or "[rank 3 host] ..." on stderr and adds the '\n'. */
void log_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_verror(const char *fmt, va_list args);

/* Prints a line for a thread that must never block. If another thread is blocked in its
   output, waits a second at most and then leaves the line out of the file. The line is
   lost if stderr accepts nothing (stopped by Ctrl-S, a full pipe). Any rank. */
void log_urgent(const char *prefix, const char *text);
/* Writes text to stderr unless that would block. Safe in a signal handler. */
void log_write(const char *text);

/* Progress on a terminal: rewritten in place, erased by the next line. Prints nothing
   unless log_shows_progress: on rank 0, if stderr is a terminal that can erase a line
   (TERM is not dumb). */
void log_progress(const char *fmt, ...) PRINTF_LIKE(1, 2);
bool log_shows_progress(void);
/* Characters of a line of that terminal. */
int log_columns(void);
/* May the progress have colours? Not if NO_COLOR is set (no-color.org). */
bool log_has_colour(void);

/* From now on stdout is for a program: it has the lines of log_record, which are not in
   the file, and nothing else; log_out prints on stderr. */
void log_reserve_stdout(void);
/* A whole line, as it is, to which the '\n' is added. Rank 0 only. */
void log_record(const char *text);

/* From now on also appends everything to `path`. Only rank 0 opens it; the others return
   ST_OK. Closing twice is fine. */
enum status log_open_file(const char *path) MUST_CHECK;
void log_close_file(void);
/* If the file was deleted or moved away, tries to open a new one at the same path. */
void log_keep_file(void);

/* At the end of the program: closes the file; ST_FAIL if results were lost. If that is so
   because the reader of stdout closed the pipe, the process ends as usual: by PIPE. */
enum status log_finish(void) MUST_CHECK;

#endif
