/*
 * fs: paths, folders, and atomic replacement of files.
 */
#ifndef LOCKSTEP_BASE_FS_H
#define LOCKSTEP_BASE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

#define FS_PATH 4096 /* bytes of a path buffer */

/* out = "a/b"; ST_FAIL with a message when it does not fit. */
enum status fs_join(char out[FS_PATH], const char *a, const char *b) MUST_CHECK;

bool fs_is_file(const char *path);
bool fs_is_folder(const char *path);
size_t fs_bytes(const char *path); /* size of a file; 0 if there is none */
/* Does `path` name the file that is open as fd? */
bool fs_same_file(int fd, const char *path);

/* Do both name one file, or would they if it were made? Links are followed. */
bool fs_is_same_path(const char *a, const char *b);

/* Is path, which need not exist yet, the folder or in it? Links are followed. */
bool fs_is_below(const char *path, const char *folder);

/* As mkdir -p, and syncs the parent folders. */
enum status fs_make_folder(const char *path) MUST_CHECK;

/* Names (not paths) in a folder, sorted by strcmp, without "." and "..".
 *names and its strings are the caller's: fs_free_list. */
enum status fs_list(const char *folder, char ***names, int *count) MUST_CHECK;
void fs_free_list(char **names, int count);

/* Reads a whole file into a NUL-terminated string, which the caller frees; *bytes does
   not count the NUL. */
enum status fs_read_text(const char *path, char **text, size_t *bytes) MUST_CHECK;

/* Copies a file's bytes and permissions; on failure no file `to` is left. */
enum status fs_copy(const char *from, const char *to) MUST_CHECK;

/* Atomic replacement, in two steps. fs_temp_name makes a unique name in the same folder
   ("path.tmp.<host>.<pid>"). fs_commit syncs the finished temporary file, renames it to
   `path` and syncs the folder; on failure it removes the temporary file. A file system
   that cannot sync, or not replace a file at once, is noted once in a process. */
enum status fs_temp_name(char out[FS_PATH], const char *path) MUST_CHECK;
enum status fs_commit(const char *temp, const char *path) MUST_CHECK;
/* The same of a text or bytes that are written to `file`. fs_write_end commits, or
   removes the temporary file and reports the errno of the first write that failed;
   fs_write_drop only removes it. Do not move the struct between the calls. */
struct fs_writer {
    FILE *file;
    int fd, error; /* error: errno of the first write that failed */
    char path[FS_PATH], temp[FS_PATH];
};
enum status fs_write_begin(struct fs_writer *writer, const char *path) MUST_CHECK;
enum status fs_write_end(struct fs_writer *writer) MUST_CHECK;
void fs_write_drop(struct fs_writer *writer);
/* Tests, before long work, whether `path` can be written; ST_FAIL if not. */
enum status fs_check_write(const char *path) MUST_CHECK;

/* Makes `path` a symbolic link to `target`, FOLDER/NAME, in place of an earlier link into
   FOLDER. If there is something else at `path`, or the file system has no links, nothing
   changes, which is noted once in a process. */
enum status fs_link(const char *path, const char *target) MUST_CHECK;

/* Removes the temporary files of writers that were killed before fs_commit. */
enum status fs_remove_temps(const char *folder) MUST_CHECK;

#endif
