#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

static void (*abort_hook)(int code);
/* The texts of this thread's captures, the innermost last. */
#define STATUS_CAPTURES 8
static _Thread_local char *captured[STATUS_CAPTURES];
static _Thread_local int captures; /* 0: messages are printed */

void status_set_abort_hook(void (*hook)(int code))
{
    abort_hook = hook;
}

enum status status_fail(enum status code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = captures > 0 ? captured[captures - 1] : NULL;
    if (!text)
        log_verror(fmt, args);
    else if (!*text)
        vsnprintf(text, STATUS_TEXT, fmt, args);
    va_end(args);
    return code;
}

void status_capture(char text[STATUS_TEXT])
{
    if (!text) {
        captures -= captures > 0;
        return;
    }
    ASSERT(captures < STATUS_CAPTURES);
    captured[captures++] = text;
    *text = '\0';
}

void status_abort(enum status code)
{
    if (abort_hook)
        abort_hook(code);
    _Exit(code);
}

void status_bug(const char *file, int line, const char *what)
{
    fflush(stdout);
    fprintf(stderr, "lockstep: bug at %s:%d: expected %s; please report it\n", file, line,
            what);
    status_abort(ST_BUG);
}

void status_out_of_memory(size_t bytes)
{
    fflush(stdout);
    fprintf(stderr, "lockstep: out of memory: cannot allocate %zu bytes\n", bytes);
    status_abort(ST_FAIL);
}
