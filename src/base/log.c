#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct {
    int rank;
    char host[64];
    bool replicated;
    bool progress_shown;
    FILE *file;
} speaker;

void log_init(int rank, const char *host)
{
    speaker.rank = rank;
    snprintf(speaker.host, sizeof speaker.host, "%s", host);
}

void log_set_replicated(bool on)
{
    speaker.replicated = on;
}

static void erase_progress(void)
{
    if (!speaker.progress_shown)
        return;
    fputs("\r\033[K", stderr);
    speaker.progress_shown = false;
}

static void to_file(const char *prefix, const char *fmt, va_list args, const char *end)
{
    if (!speaker.file)
        return;
    fputs(prefix, speaker.file);
    vfprintf(speaker.file, fmt, args);
    fputs(end, speaker.file);
    fflush(speaker.file);
}

void log_out(const char *fmt, ...)
{
    if (speaker.rank != 0)
        return;
    erase_progress();
    va_list args;
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    fflush(stdout);
    va_start(args, fmt);
    to_file("", fmt, args, "");
    va_end(args);
}

void log_note(const char *fmt, ...)
{
    if (speaker.rank != 0)
        return;
    erase_progress();
    va_list args;
    va_start(args, fmt);
    fputs("note: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    va_start(args, fmt);
    to_file("note: ", fmt, args, "\n");
    va_end(args);
}

void log_verror(const char *fmt, va_list args)
{
    if (speaker.replicated && speaker.rank != 0)
        return;
    erase_progress();
    fflush(stdout);
    char prefix[96];
    if (speaker.rank == 0)
        snprintf(prefix, sizeof prefix, "lockstep: ");
    else
        snprintf(prefix, sizeof prefix, "[rank %d %s] ", speaker.rank, speaker.host);
    va_list again;
    va_copy(again, args);
    fputs(prefix, stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    to_file(prefix, fmt, again, "\n");
    va_end(again);
}

void log_error(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    log_verror(fmt, args);
    va_end(args);
}

void log_progress(const char *fmt, ...)
{
    if (speaker.rank != 0 || !isatty(STDERR_FILENO))
        return;
    va_list args;
    va_start(args, fmt);
    fputs("\r\033[K", stderr);
    vfprintf(stderr, fmt, args);
    fflush(stderr);
    va_end(args);
    speaker.progress_shown = true;
}

enum status log_open_file(const char *path)
{
    if (speaker.rank != 0)
        return ST_OK;
    speaker.file = fopen(path, "a");
    if (!speaker.file)
        FAIL(ST_FAIL, "cannot write '%s': %s", path, strerror(errno));
    return ST_OK;
}

void log_close_file(void)
{
    if (speaker.file)
        fclose(speaker.file);
    speaker.file = NULL;
}
