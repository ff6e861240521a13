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
} speaker;

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static void take_turn(void)
{
    pthread_mutex_lock(&turn);
    if (speaker.progress_shown)
        fputs(CLEAR_LINE, stderr);
    speaker.progress_shown = false;
}

static void end_turn(void)
{
    pthread_mutex_unlock(&turn);
}

void log_init(int rank, const char *host)
{
    speaker.rank = rank;
    snprintf(speaker.host, sizeof speaker.host, "%s", host);
}

bool log_set_replicated(bool on)
{
    bool before = speaker.replicated;
    speaker.replicated = on;
    return before;
}

/* Some of it was read from files, which may hold anything: what a terminal would obey is
   shown as '?'. The caller frees. */
static char *printable(const char *fmt, va_list args)
{
    char *text = mem_vformat(fmt, args);
    for (char *c = text; *c; c++)
        if (((unsigned char)*c < ' ' && *c != '\n' && *c != '\t') || *c == '\177')
            *c = '?';
    return text;
}

static void put(FILE *file, const char *prefix, const char *text, const char *end)
{
    fputs(prefix, file);
    fputs(text, file);
    fputs(end, file);
    fflush(file);
}

static void say(FILE *stream, const char *prefix, const char *fmt, va_list args,
                const char *end)
{
    char *text = printable(fmt, args);
    take_turn();
    put(stream, prefix, text, end);
    if (speaker.file)
        put(speaker.file, prefix, text, end);
    end_turn();
    free(text);
}

void log_out(const char *fmt, ...)
{
    if (speaker.rank != 0)
        return;
    va_list args;
    va_start(args, fmt);
    say(stdout, "", fmt, args, "");
    va_end(args);
}

void log_note(const char *fmt, ...)
{
    if (speaker.rank != 0)
        return;
    va_list args;
    va_start(args, fmt);
    say(stderr, "note: ", fmt, args, "\n");
    va_end(args);
}

void log_verror(const char *fmt, va_list args)
{
    if (speaker.replicated && speaker.rank != 0)
        return;
    char prefix[96];
    if (speaker.rank == 0)
        snprintf(prefix, sizeof prefix, "lockstep: ");
    else
        snprintf(prefix, sizeof prefix, "[rank %d %s] ", speaker.rank, speaker.host);
    say(stderr, prefix, fmt, args, "\n");
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
    bool mine = pthread_mutex_timedlock(&turn, &until) == 0;
    if (mine && speaker.progress_shown)
        log_write(CLEAR_LINE);
    log_write(line);
    if (!mine)
        return;
    speaker.progress_shown = false;
    if (speaker.file) {
        fputs(line, speaker.file);
        fflush(speaker.file);
    }
    end_turn();
}

void log_progress(const char *fmt, ...)
{
    if (speaker.rank != 0 || !isatty(STDERR_FILENO))
        return;
    take_turn();
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    fflush(stderr);
    va_end(args);
    speaker.progress_shown = true;
    end_turn();
}

enum status log_open_file(const char *path)
{
    if (speaker.rank != 0)
        return ST_OK;
    snprintf(speaker.path, sizeof speaker.path, "%s", path);
    speaker.file = fopen(path, "a");
    if (!speaker.file)
        FAIL(ST_FAIL, "cannot write '%s': %s", path, strerror(errno));
    return ST_OK;
}

void log_keep_file(void)
{
    if (!speaker.file || fs_same_file(fileno(speaker.file), speaker.path))
        return;
    FILE *file = fopen(speaker.path, "a");
    if (!file)
        return;
    take_turn();
    fclose(speaker.file);
    speaker.file = file;
    end_turn();
}

void log_close_file(void)
{
    if (speaker.file)
        fclose(speaker.file);
    speaker.file = NULL;
}
