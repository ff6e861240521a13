#include "app/run/run_auto.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

#define RUN_AUTO_TRIES 1000

/* Folder and name of a path. */
static const char *run_auto_split(char parent[FS_PATH], const char *base)
{
    const char *slash = strrchr(base, '/');
    snprintf(parent, FS_PATH, "%.*s", slash ? (int)(slash - base) : 1,
             slash ? base : ".");
    if (slash == base)
        snprintf(parent, FS_PATH, "/");
    return slash ? slash + 1 : base;
}

/* N of NAME-N; 1 of NAME itself; 0: another name. */
static int run_auto_number(const char *entry, const char *name)
{
    size_t length = strlen(name);
    if (strncmp(entry, name, length) != 0)
        return 0;
    if (!entry[length])
        return 1;
    if (entry[length] != '-')
        return 0;
    long number = strtol(entry + length + 1, NULL, 10);
    char *again = mem_format("%s-%ld", name, number);
    bool same = strcmp(again, entry) == 0; /* no zeros in front, nothing behind */
    free(again);
    return same && number >= 2 && number < INT_MAX ? (int)number : 0;
}

/* The highest number that is there; 0: none. */
static enum status run_auto_highest(const char *base, int *highest)
{
    char parent[FS_PATH], **entry;
    const char *name = run_auto_split(parent, base);
    int count;
    *highest = 0;
    if (!fs_is_folder(parent))
        return ST_OK;
    TRY(fs_list(parent, &entry, &count));
    for (int i = 0; i < count; i++) {
        int number = run_auto_number(entry[i], name);
        if (number > *highest)
            *highest = number;
    }
    fs_free_list(entry, count);
    return ST_OK;
}

static enum status run_auto_path(char path[FS_PATH], const char *base, int number)
{
    int length = number == 1 ? snprintf(path, FS_PATH, "%s", base)
                             : snprintf(path, FS_PATH, "%s-%d", base, number);
    if (length >= FS_PATH)
        FAIL(ST_USAGE, "path too long: '%s'", base);
    return ST_OK;
}

enum status run_auto_find(char path[FS_PATH], const char *base, bool newest)
{
    int highest;
    TRY(run_auto_highest(base, &highest));
    return run_auto_path(path, base, newest && highest > 0 ? highest : highest + 1);
}

enum status run_auto_claim(char path[FS_PATH], const char *base)
{
    char parent[FS_PATH];
    run_auto_split(parent, base);
    TRY(fs_make_folder(parent));
    for (int i = 0; i < RUN_AUTO_TRIES; i++) {
        TRY(run_auto_find(path, base, false));
        if (mkdir(path, 0777) == 0)
            return ST_OK;
        if (errno != EEXIST)
            break;
    }
    FAIL(ST_FAIL, "cannot make folder '%s': %s", path, strerror(errno));
}
