#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/stop.h"

#define CLEAR_LINE     "\r\033[K"
#define URGENT_SECONDS 1
#define URGENT_BYTES   2048
#define LOG_COLUMNS    80 /* of a terminal that does not tell */

enum log_stream { LOG_OUT, LOG_ERR, LOG_FILE, LOG_STREAMS };

/* What happened to a stream. */
struct log_loss {
    int error;              /* errno of the first write that failed; 0: none */
    bool told[LOG_STREAMS]; /* where that was said */
};

static struct {
    int rank;
    char host[64];
    bool replicated;
    bool progress_shown;
    bool reserved; /* stdout is for records */
    FILE *file;
    char path[FS_PATH]; /* of the file */
    struct log_loss loss[LOG_STREAMS];
} log_state;

static pthread_mutex_t log_mutex = PTHREAD_MUTEX_INITIALIZER;

/* Also erases the progress line. */
static void log_lock(void)
{
    pthread_mutex_lock(&log_mutex);
    if (log_state.progress_shown)
        fputs(CLEAR_LINE, stderr);
    log_state.progress_shown = false;
}

static void log_unlock(void)
{
    pthread_mutex_unlock(&log_mutex);
}

void log_init(int rank, const char *host)
{
    log_state.rank = rank;
    snprintf(log_state.host, sizeof log_state.host, "%s", host);
}

bool log_set_replicated(bool on)
{
    bool before = log_state.replicated;
    log_state.replicated = on;
    return before;
}

/* Replaces control characters: texts may come from files that hold anything. The caller
   frees. */
static char *log_printable(const char *fmt, va_list args)
{
    char *text = mem_vformat(fmt, args);
    for (char *c = text; *c; c++)
        if (((unsigned char)*c < ' ' && *c != '\n' && *c != '\t') || *c == '\177')
            *c = '?';
    return text;
}

static FILE *log_stream_file(enum log_stream stream)
{
    FILE *const files[LOG_STREAMS] = {stdout, stderr, log_state.file};
    return files[stream];
}

/* A failed write leaves the reason in errno only until the next call. One call prints
   all: stderr has no buffer, and mpirun would mix pieces of several ranks. */
static void log_put(enum log_stream stream, const char *prefix, const char *text,
                    const char *end)
{
    FILE *file = log_stream_file(stream);
    struct log_loss *loss = &log_state.loss[stream];
    if (!file)
        return;
    bool good = fprintf(file, "%s%s%s", prefix, text, end) >= 0 && fflush(file) == 0;
    if (!good && !loss->error)
        loss->error = errno;
}

/* Without a file, log_finish reports what was lost. */
static void log_tell_loss(enum log_stream lost, enum log_stream where)
{
    struct log_loss *loss = &log_state.loss[lost];
    if (!loss->error || loss->told[where] || where == lost || !log_state.file)
        return;
    loss->told[where] = true;
    bool in_file = lost != LOG_FILE && !(lost == LOG_OUT && log_state.reserved);
    char *name = mem_format("'%s'", log_state.path);
    const char *const names[] = {"the standard output", "the standard error", name};
    char *text = mem_format(
        "cannot write to %s: %s; the run goes on%s%s", names[lost], strerror(loss->error),
        in_file ? ", and everything is in " : "", in_file ? name : "");
    log_put(where, "note: ", text, "\n");
    free(name);
    free(text);
}

static void log_tell_losses(void)
{
    for (int lost = 0; lost < LOG_STREAMS; lost++) {
        log_tell_loss(lost, LOG_ERR);
        log_tell_loss(lost, LOG_FILE);
    }
}

/* Prints on the stream and into the file. */
static void log_print(enum log_stream stream, const char *prefix, const char *fmt,
                      va_list args, const char *end)
{
    char *text = log_printable(fmt, args);
    log_lock();
    log_put(stream, prefix, text, end);
    log_put(LOG_FILE, prefix, text, end);
    size_t length = strlen(text);
    if (*end || (length > 0 && text[length - 1] == '\n'))
        log_tell_losses(); /* not in the middle of a line */
    log_unlock();
    free(text);
}

void log_out(const char *fmt, ...)
{
    if (log_state.rank != 0)
        return;
    va_list args;
    va_start(args, fmt);
    log_print(log_state.reserved ? LOG_ERR : LOG_OUT, "", fmt, args, "");
    va_end(args);
}

void log_reserve_stdout(void)
{
    log_state.reserved = true;
}

void log_record(const char *text)
{
    if (log_state.rank != 0)
        return;
    log_lock();
    log_put(LOG_OUT, "", text, "\n");
    log_tell_losses();
    log_unlock();
}

void log_note(const char *fmt, ...)
{
    if (log_state.rank != 0)
        return;
    va_list args;
    va_start(args, fmt);
    log_print(LOG_ERR, "note: ", fmt, args, "\n");
    va_end(args);
}

void log_verror(const char *fmt, va_list args)
{
    if (log_state.replicated && log_state.rank != 0)
        return;
    char prefix[96];
    if (log_state.rank == 0)
        snprintf(prefix, sizeof prefix, "lockstep: ");
    else
        snprintf(prefix, sizeof prefix, "[rank %d %s] ", log_state.rank, log_state.host);
    log_print(LOG_ERR, prefix, fmt, args, "\n");
}

void log_error(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    log_verror(fmt, args);
    va_end(args);
}

void log_write(const char *text)
{
    struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&fd, 1, 0) != 1)
        return;
    ssize_t written = write(STDERR_FILENO, text, strlen(text));
    (void)written;
}

void log_urgent(const char *prefix, const char *text)
{
    char line[URGENT_BYTES];
    struct timespec until;
    snprintf(line, sizeof line, "%s%s\n", prefix, text);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += URGENT_SECONDS;
    bool mine = pthread_mutex_timedlock(&log_mutex, &until) == 0;
    if (mine && log_state.progress_shown)
        log_write(CLEAR_LINE);
    log_write(line);
    if (!mine)
        return;
    log_state.progress_shown = false;
    log_put(LOG_FILE, line, "", "");
    log_unlock();
}

bool log_shows_progress(void)
{
    const char *term = getenv("TERM");
    return log_state.rank == 0 && isatty(STDERR_FILENO) && term && *term &&
           strcmp(term, "dumb") != 0;
}

int log_columns(void)
{
    struct winsize size;
    bool told = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return told ? size.ws_col : LOG_COLUMNS;
}

bool log_has_colour(void)
{
    const char *without = getenv("NO_COLOR");
    return log_shows_progress() && !(without && *without);
}

void log_progress(const char *fmt, ...)
{
    if (!log_shows_progress())
        return;
    log_lock();
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    fflush(stderr);
    va_end(args);
    log_state.progress_shown = true;
    log_unlock();
}

enum status log_open_file(const char *path)
{
    if (log_state.rank != 0)
        return ST_OK;
    snprintf(log_state.path, sizeof log_state.path, "%s", path);
    log_state.file = fopen(path, "a");
    if (!log_state.file)
        FAIL(ST_FAIL, "cannot write '%s': %s", path, strerror(errno));
    log_lock();
    log_tell_losses();
    log_unlock();
    return ST_OK;
}

void log_keep_file(void)
{
    if (!log_state.file || fs_same_file(fileno(log_state.file), log_state.path))
        return;
    FILE *file = fopen(log_state.path, "a");
    if (!file)
        return;
    log_lock();
    fclose(log_state.file);
    log_state.file = file;
    log_unlock();
}

void log_close_file(void)
{
    if (log_state.file)
        fclose(log_state.file);
    log_state.file = NULL;
}

enum status log_finish(void)
{
    log_lock();
    log_put(LOG_OUT, "", "", "");
    log_unlock();
    int error = log_state.file ? 0 : log_state.loss[LOG_OUT].error;
    log_close_file();
    if (error == EPIPE)
        stop_by_pipe();
    if (error)
        FAIL(ST_FAIL, "cannot write to the standard output: %s", strerror(error));
    return ST_OK;
}
