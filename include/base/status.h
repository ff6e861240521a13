/*
 * status: what a function that can fail returns, and what the program exits with.
 *
 * Four kinds of trouble, four ways:
 *   user or environment  return an enum status; say it once, where it happened, with
 *                        FAIL; hand it on with TRY (or TRY_TO, which goes to a cleanup
 *                        label and needs a local `enum status st`)
 *   bug                  ASSERT: prints where, ends the whole job with exit code 3
 *   failed MPI call      handled inside comm: printed, job aborted
 *   bad numbers          NaN and Inf in a loss are the trainer's business, not a status
 *
 * Messages: lower case, problem first, subject in quotes, what to do last; no full stop:
 *   cannot open 'train.h5': no such file
 */
#ifndef LOCKSTEP_BASE_STATUS_H
#define LOCKSTEP_BASE_STATUS_H

#include <stddef.h>

/* The values are the program's exit codes. */
enum status {
    ST_OK = 0,     /* done */
    ST_FAIL = 1,   /* files, machine, data, numbers: failed while running */
    ST_USAGE = 2,  /* command line or config: nothing was done or touched */
    ST_BUG = 3,    /* an ASSERT failed */
    ST_AGAIN = 75, /* stopped early on request: the same command again goes on */
};

#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/* Print one error line on stderr (log.h adds who speaks) and give back `code`. */
enum status status_fail(enum status code, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* For trouble that is not the end: until status_capture(NULL), this thread's status_fail
   writes its message to `text` (the first of several) and prints nothing. */
#define STATUS_TEXT 4608 /* room for a path and what is wrong with it */
void status_capture(char text[STATUS_TEXT]);

#define FAIL(code, ...) return status_fail((code), __VA_ARGS__)

#define TRY(expr)                         \
    do {                                  \
        enum status try_status_ = (expr); \
        if (try_status_ != ST_OK)         \
            return try_status_;           \
    } while (0)

/* With `enum status st` in scope: on failure set it and go to the cleanup label. */
#define TRY_TO(label, expr) \
    do {                    \
        st = (expr);        \
        if (st != ST_OK)    \
            goto label;     \
    } while (0)

/* A bug in lockstep itself; never disabled. */
#define ASSERT(cond) ((cond) ? (void)0 : status_bug(__FILE__, __LINE__, #cond))

_Noreturn void status_bug(const char *file, int line, const char *what);

/* Memory ran out: printed, ends the whole job with exit code 1. */
_Noreturn void status_out_of_memory(size_t bytes);

/* Ends the whole job, not this process alone; what is to be said was said. */
_Noreturn void status_abort(enum status code);

/* How that is done: comm installs MPI_Abort here; without it, _Exit. */
void status_set_abort_hook(void (*hook)(int code));

#endif
