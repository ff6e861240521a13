/*
 * status: the result of functions that can fail, and the program's exit codes.
 *
 * Four kinds of errors:
 *   - user or environment: return an enum status; report it once, where it happened, with
 *     FAIL; pass it on with TRY, or with TRY_TO, which jumps to a cleanup label;
 *   - bug: ASSERT prints where, and ends the whole job with exit code 3;
 *   - failed MPI call: comm prints it and aborts the job;
 *   - NaN and Inf in a loss: the trainer's policy decides; not a status.
 *
 * Messages: lower case, problem first, subject in quotes, what to do last; no full stop:
 *   cannot open 'train.h5': no such file
 */
#ifndef LOCKSTEP_BASE_STATUS_H
#define LOCKSTEP_BASE_STATUS_H

#include <stddef.h>

/* The values are the program's exit codes. */
enum status {
    ST_OK = 0,      /* done */
    ST_FAIL = 1,    /* failed while running: files, machine, data, numbers */
    ST_USAGE = 2,   /* wrong command line or config: nothing was changed */
    ST_BUG = 3,     /* an ASSERT failed */
    ST_PARTIAL = 4, /* done, but for what could not be read: the results name it */
    ST_AGAIN = 75,  /* stopped early on request: the same command continues */
};

#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/* Prints one error line on stderr (log.h adds the rank) and returns `code`. */
enum status status_fail(enum status code, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* For errors that the caller handles: until status_capture(NULL), status_fail in this
   thread prints nothing and writes the first message to `text`. Captures nest. */
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

/* Ends the whole job, not this process alone. Prints nothing. */
_Noreturn void status_abort(enum status code);

/* Sets how a job is ended: comm installs MPI_Abort. The default is _Exit. */
void status_set_abort_hook(void (*hook)(int code));

#endif
