/*
 * scratch: for unit tests that write files and look at what was said.
 *
 * A folder of its own, removed with all that is in it, and a log file in it in which
 * everything said can be found again: expect_said.
 */
#ifndef LOCKSTEP_TESTS_SCRATCH_H
#define LOCKSTEP_TESTS_SCRATCH_H

/* cmocka's own needs, in its order */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"

#define SCRATCH_UNUSED __attribute__((unused))

static char scratch_folder[1024];
static long scratch_heard; /* bytes of the log that were looked at */

/* A name in the folder. Eight of them are good at a time. */
SCRATCH_UNUSED static const char *scratch_path(const char *name)
{
    static char path[8][FS_PATH];
    static int turn;
    turn = (turn + 1) % 8;
    snprintf(path[turn], FS_PATH, "%s/%s", scratch_folder, name);
    return path[turn];
}

SCRATCH_UNUSED static const char *scratch_write(const char *name, const void *data,
                                                size_t bytes)
{
    const char *path = scratch_path(name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
    return path;
}

SCRATCH_UNUSED static void *scratch_read(const char *path, size_t *bytes)
{
    char *text = NULL;
    assert_int_equal(fs_read_text(path, &text, bytes), ST_OK);
    return text;
}

/* How many files are in the folder whose name begins so. */
SCRATCH_UNUSED static int scratch_count(const char *prefix)
{
    char **names;
    int count, found = 0;
    assert_int_equal(fs_list(scratch_folder, &names, &count), ST_OK);
    for (int i = 0; i < count; i++)
        found += strncmp(names[i], prefix, strlen(prefix)) == 0;
    fs_free_list(names, count);
    return found;
}

static int scratch_setup(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(scratch_folder, sizeof scratch_folder, "%s/lockstep-test.XXXXXX",
             tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(scratch_folder))
        return -1;
    return log_open_file(scratch_path("said")) == ST_OK ? 0 : -1;
}

static int scratch_remove(const char *path, const struct stat *s, int type,
                          struct FTW *ftw)
{
    (void)s;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int scratch_teardown(void **state)
{
    (void)state;
    log_close_file();
    return nftw(scratch_folder, scratch_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* What was said since it was last called, at most 8 KB of it. */
SCRATCH_UNUSED static const char *scratch_said(void)
{
    static char fresh[8192], path[FS_PATH];
    snprintf(path, sizeof path, "%s/said", scratch_folder);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, scratch_heard, SEEK_SET), 0);
    size_t bytes = fread(fresh, 1, sizeof fresh - 1, file);
    fclose(file);
    fresh[bytes] = '\0';
    scratch_heard += (long)bytes;
    return fresh;
}

/* Since then `lines` lines were said, and `text` (and `more`, if not NULL) is in them. */
SCRATCH_UNUSED static void expect_lines(int lines, const char *text, const char *more)
{
    const char *fresh = scratch_said();
    int found = 0;
    for (const char *p = fresh; *p; p++)
        found += *p == '\n';
    if (found != lines || !strstr(fresh, text) || (more && !strstr(fresh, more)))
        fail_msg("expected %d line(s) with '%s', heard: %s", lines, text, fresh);
}

/* Since then, one line was said, and `text` is in it. */
SCRATCH_UNUSED static void expect_said(const char *text)
{
    expect_lines(1, text, NULL);
}

#endif
