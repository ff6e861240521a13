#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

#define CLEAR_LINE     "\r\033[K"
#define URGENT_SECONDS 1
#define URGENT_BYTES   2048

static struct {
    int rank;
    char host[64];
    bool replicated;
    bool progress_shown;
    FILE *file;
    char path[FS_PATH]; /* of the file */
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

static void log_put(FILE *file, const char *prefix, const char *text, const char *end)
{
    fputs(prefix, file);
    fputs(text, file);
    fputs(end, file);
    fflush(file);
}

/* Prints on stream and into the file. */
static void log_print(FILE *stream, const char *prefix, const char *fmt, va_list args,
                      const char *end)
{
    char *text = log_printable(fmt, args);
    log_lock();
    log_put(stream, prefix, text, end);
    if (log_state.file)
        log_put(log_state.file, prefix, text, end);
    log_unlock();
    free(text);
}

void log_out(const char *fmt, ...)
{
    if (log_state.rank != 0)
        return;
    va_list args;
    va_start(args, fmt);
    log_print(stdout, "", fmt, args, "");
    va_end(args);
}

void log_note(const char *fmt, ...)
{
    if (log_state.rank != 0)
        return;
    va_list args;
    va_start(args, fmt);
    log_print(stderr, "note: ", fmt, args, "\n");
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
    log_print(stderr, prefix, fmt, args, "\n");
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
    if (log_state.file) {
        fputs(line, log_state.file);
        fflush(log_state.file);
    }
    log_unlock();
}

void log_progress(const char *fmt, ...)
{
    if (log_state.rank != 0 || !isatty(STDERR_FILENO))
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
