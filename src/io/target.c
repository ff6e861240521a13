#include "io/target.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "io/h5file.h"
#include "io/kind.h"

#define TARGET_HEAD 64 /* bytes; the longest head of a kind is shorter */

static enum status target_check_inputs(const char *path, const struct stat *target,
                                       const char *const *input, int inputs)
{
    struct stat s;
    for (int i = 0; i < inputs; i++) {
        if (!input[i] || stat(input[i], &s) != 0 || s.st_dev != target->st_dev ||
            s.st_ino != target->st_ino)
            continue;
        if (strcmp(path, input[i]) == 0)
            FAIL(ST_USAGE, "'%s' cannot be written: it is what is read", path);
        FAIL(ST_USAGE, "'%s' cannot be written: it is '%s', which is read", path,
             input[i]);
    }
    return ST_OK;
}

static bool target_has_head(const char *path, const char *head)
{
    char found[TARGET_HEAD];
    size_t length = strlen(head);
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    size_t got = fread(found, 1, sizeof found, file);
    fclose(file);
    return got >= length && memcmp(found, head, length) == 0;
}

static bool target_is_hdf5(const char *path, const struct target_kind *kind)
{
    struct h5file *file;
    char *format = NULL, text[STATUS_TEXT];
    status_capture(text);
    bool is = h5file_open(&file, path) == ST_OK;
    if (is) {
        if (kind->format)
            is = h5file_has_attr(file, "/", "format") &&
                 h5file_get_text(file, "/", "format", &format) == ST_OK &&
                 strcmp(format, kind->format) == 0;
        else
            is = h5file_has(file, kind->object);
        h5file_close(file);
    }
    status_capture(NULL);
    free(format);
    return is;
}

/* Without a message if it cannot be read. */
static bool target_find_kind(const char *path, struct kind *found)
{
    char text[STATUS_TEXT];
    status_capture(text);
    bool read = kind_of_file(path, found) == ST_OK;
    status_capture(NULL);
    return read;
}

static bool target_is_text(const char *path)
{
    struct kind found;
    return target_find_kind(path, &found) &&
           (found.class == KIND_TEXT || found.class == KIND_SPECIAL);
}

static bool target_has_words(const char *path, const char *words)
{
    struct kind found;
    return target_find_kind(path, &found) && strcmp(found.words, words) == 0;
}

/* An empty file is of any kind. */
static bool target_is(const char *path, const struct stat *target,
                      const struct target_kind *kind)
{
    if (kind->by_words)
        return target_has_words(path, kind->words) ||
               (S_ISREG(target->st_mode) && target->st_size == 0);
    if (!kind->head && !kind->format && !kind->object)
        return target_is_text(path) || (S_ISREG(target->st_mode) && target->st_size == 0);
    return S_ISREG(target->st_mode) &&
           (target->st_size == 0 || (kind->head ? target_has_head(path, kind->head)
                                                : target_is_hdf5(path, kind)));
}

/* Is the file certainly of another kind? One of no known kind, or one that cannot be read
   now, may be a damaged file of this kind. */
static bool target_is_other(const char *path, const struct target_kind *kind)
{
    struct kind found;
    if (!target_find_kind(path, &found) || found.class == KIND_OTHER ||
        found.class == KIND_EMPTY)
        return false;
    if (found.class != KIND_HDF5 || !kind->format)
        return true;
    kind_refine(&found, path);
    return kind_is_known(&found) && strcmp(found.words, kind->words) != 0;
}

/* Names what it is, and what it should be. */
static enum status target_refuse(const char *path, const struct target_kind *kind)
{
    struct kind found;
    TRY(kind_of_file(path, &found));
    kind_refine(&found, path);
    FAIL(ST_USAGE, "'%s' cannot be written: it is %s, not %s, and is not replaced", path,
         found.class == KIND_OTHER ? "something else" : found.words, kind->words);
}

enum status target_check(const char *path, const struct target_kind *kind,
                         const char *const *input, int inputs)
{
    struct stat target;
    if (!*path)
        FAIL(ST_USAGE, "cannot write a file whose name is ''");
    if (stat(path, &target) != 0)
        return fs_check_write(path);
    TRY(target_check_inputs(path, &target, input, inputs));
    if (!target_is(path, &target, kind))
        return target_refuse(path, kind);
    return fs_check_write(path);
}

enum status target_check_own(const char *path, const struct target_kind *kind,
                             const char *const *input, int inputs)
{
    struct stat target;
    if (stat(path, &target) != 0)
        return ST_OK;
    TRY(target_check_inputs(path, &target, input, inputs));
    if (!kind || target_is(path, &target, kind) || !target_is_other(path, kind))
        return ST_OK;
    /* A run that still works in the folder may have removed it meanwhile. */
    return stat(path, &target) == 0 ? target_refuse(path, kind) : ST_OK;
}
