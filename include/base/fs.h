/*
 * fs: paths, folders, and files that appear whole or not at all.
 */
#ifndef LOCKSTEP_BASE_FS_H
#define LOCKSTEP_BASE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define FS_PATH 4096 /* bytes of a path buffer */

/* out = "a/b"; ST_FAIL with a message when it does not fit. */
enum status fs_join(char out[FS_PATH], const char *a, const char *b) MUST_CHECK;

bool fs_is_file(const char *path);
bool fs_is_folder(const char *path);
size_t fs_bytes(const char *path); /* of a file; 0 if there is none */
/* Is what `fd` has open still what `path` names? */
bool fs_same_file(int fd, const char *path);

/* Like mkdir -p. */
enum status fs_make_folder(const char *path) MUST_CHECK;

/* Names (not paths) in a folder, sorted by strcmp, without "." and "..".
 *names and its strings are the caller's: fs_free_list. */
enum status fs_list(const char *folder, char ***names, int *count) MUST_CHECK;
void fs_free_list(char **names, int count);

/* A whole file as a NUL-terminated string (the caller frees); *bytes without the NUL. */
enum status fs_read_text(const char *path, char **text, size_t *bytes) MUST_CHECK;

/* Atomic replacement, in two steps. fs_temp_name: a unique name beside `path`
   ("path.tmp.<host>.<pid>"). fs_commit: fsync the finished temporary file, rename it to
   `path`, fsync the folder; on failure the temporary file is removed. */
enum status fs_temp_name(char out[FS_PATH], const char *path) MUST_CHECK;
enum status fs_commit(const char *temp, const char *path) MUST_CHECK;
/* Before long work: could they be taken? ST_FAIL with a message if not. */
enum status fs_check_write(const char *path) MUST_CHECK;

/* Remove what is left in a folder of writers that were killed before fs_commit. */
enum status fs_remove_temps(const char *folder) MUST_CHECK;

#endif
