/* Finds out what a path to import is, by content. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "data/import_pictures.h"
#include "import_impl.h"
#include "import_set.h"
#include "io/kind.h"
#include "io/stream.h"

#define DETECT_BYTES 4096 /* of a file that are looked at */

/* The first bytes of a plain or gzip-compressed file, as text. */
static enum status detect_head(const char *path, char head[DETECT_BYTES + 1],
                               size_t *bytes)
{
    struct stream *stream;
    TRY(stream_open(&stream, path));
    enum status st = stream_read(stream, head, DETECT_BYTES, bytes);
    stream_close(stream);
    head[st == ST_OK ? *bytes : 0] = '\0';
    return st;
}

static bool detect_is_idx(const char *head, size_t bytes)
{
    return bytes >= 4 && head[0] == 0 && head[1] == 0 && head[2] == 8 &&
           (head[3] == 3 || head[3] == 1);
}

/* Of IDX files: do they hold images (3 dimensions), not labels (1)? Files that cannot be
   read hold none. */
static bool detect_holds_images(const char *path)
{
    char head[DETECT_BYTES + 1], text[STATUS_TEXT];
    size_t bytes = 0;
    status_capture(text);
    bool is = fs_is_file(path) && detect_head(path, head, &bytes) == ST_OK &&
              detect_is_idx(head, bytes) && head[3] == 3;
    status_capture(NULL);
    return is;
}

static enum status detect_folder(const char *path, enum import_kind *kind)
{
    char **names, full[FS_PATH];
    int count;
    enum status st = ST_OK;
    *kind = IMPORT_FOLDER;
    TRY(fs_list(path, &names, &count));
    for (int i = 0; i < count && st == ST_OK && *kind == IMPORT_FOLDER; i++) {
        if (import_is_dropping(names[i]) || import_is_picture_name(names[i]))
            continue;
        st = fs_join(full, path, names[i]);
        if (st == ST_OK && strcasestr(names[i], "images") && detect_holds_images(full))
            *kind = IMPORT_IDX;
    }
    fs_free_list(names, count);
    return st;
}

/* Lines of numbers, or a heading and lines of numbers. */
static bool detect_is_table(const char *head)
{
    const char *line = head, *end = strchr(head, '\n');
    if (strspn(line, " \t\"") != strcspn(line, "0123456789-") && end)
        line = end + 1; /* a heading */
    size_t length = strcspn(line, "\n");
    return length > 0 && memchr(line, ',', length) &&
           strspn(line, "0123456789-, \t\r.") >= length;
}

static enum status detect_refuse(const char *path)
{
    struct kind kind;
    TRY(kind_of_file(path, &kind));
    if (kind.class == KIND_IMAGE)
        FAIL(ST_FAIL,
             "'%s' is %s: a folder of class folders is expected, or a list with a "
             "heading like 'path,label'",
             path, kind.words);
    return kind_refuse(path,
                       "a list of pictures (a first line like 'path,label' is missing), "
                       "a table of pixels or an IDX file");
}

enum status import_detect(const char *path, enum import_kind *kind)
{
    char head[DETECT_BYTES + 1];
    size_t bytes = 0;
    if (fs_is_folder(path))
        return detect_folder(path, kind);
    if (access(path, R_OK) != 0)
        FAIL(ST_FAIL, "cannot open '%s': %s", path, strerror(errno));
    if (!fs_is_file(path))
        FAIL(ST_FAIL, "'%s' is neither a file nor a folder", path);
    TRY(detect_head(path, head, &bytes));
    const char *text = strncmp(head, "\xef\xbb\xbf", 3) == 0 ? head + 3 : head;
    if (detect_is_idx(head, bytes))
        *kind = IMPORT_IDX;
    else if (import_is_list_heading(text))
        *kind = IMPORT_LIST;
    else if (strlen(head) == bytes && detect_is_table(text))
        *kind = IMPORT_CSV;
    else
        return detect_refuse(path);
    return ST_OK;
}

/* --- IDX files that belong together --- */

/* path with the last occurrence of `from` in its name replaced by `to`; NULL without. */
static char *idx_replaced(const char *path, const char *from, const char *to)
{
    const char *name = import_basename(path), *at = NULL;
    for (const char *p = name; (p = strcasestr(p, from)) != NULL; p++)
        at = p;
    if (!at)
        return NULL;
    return mem_format("%.*s%s%s", (int)(at - path), path, to, at + strlen(from));
}

/* The file of the labels beside a file of images: "images" becomes "labels", idx3 idx1.
 */
static enum status idx_find_labels(const char *images, char **labels)
{
    char *named = idx_replaced(images, "images", "labels");
    *labels = named ? idx_replaced(named, "idx3", "idx1") : NULL;
    if (!*labels && named) {
        *labels = named;
        named = NULL;
    }
    free(named);
    if (*labels && fs_is_file(*labels))
        return ST_OK;
    enum status st = status_fail(ST_FAIL,
                                 "cannot find the labels of '%s'%s%s%s; give them with "
                                 "'lockstep data import-idx'",
                                 images, *labels ? ": there is no '" : "",
                                 *labels ? *labels : "", *labels ? "'" : "");
    free(*labels);
    *labels = NULL;
    return st;
}

static bool idx_is_test(const char *path)
{
    const char *name = import_basename(path);
    return strcasestr(name, "t10k") || strcasestr(name, "test");
}

/* The file of the test images beside a file "train...", or NULL. */
static char *idx_find_test(const char *images)
{
    static const char *const words[] = {"t10k", "test"};
    for (int i = 0; i < 2; i++) {
        char *test = idx_replaced(images, "train", words[i]);
        if (test && detect_holds_images(test))
            return test;
        free(test);
    }
    return NULL;
}

static enum status idx_search(const char *folder, char *images[DATASET_SPLITS])
{
    char **names, path[FS_PATH];
    int count;
    enum status st = ST_OK;
    TRY(fs_list(folder, &names, &count));
    for (int i = 0; i < count && st == ST_OK; i++) {
        if (!strcasestr(names[i], "images") || import_is_dropping(names[i]))
            continue;
        st = fs_join(path, folder, names[i]);
        if (st != ST_OK || !detect_holds_images(path))
            continue;
        int split = idx_is_test(names[i]) ? DATASET_TEST : DATASET_TRAIN;
        if (images[split])
            st = status_fail(ST_FAIL,
                             "'%s' and '%s' both hold %s images: name one of the "
                             "files instead of the folder",
                             images[split], path, dataset_split_name[split]);
        else
            images[split] = mem_strdup(path);
    }
    fs_free_list(names, count);
    if (st == ST_OK && !images[DATASET_TRAIN])
        FAIL(ST_FAIL, "'%s' holds no IDX file of training images", folder);
    return st;
}

enum status import_find_idx(const char *path, char *images[DATASET_SPLITS],
                            char *labels[DATASET_SPLITS])
{
    enum status st = ST_OK;
    for (int s = 0; s < DATASET_SPLITS; s++)
        images[s] = labels[s] = NULL;
    if (fs_is_folder(path)) {
        st = idx_search(path, images);
    } else if (!detect_holds_images(path)) {
        st = status_fail(ST_FAIL, "'%s' holds IDX labels: name the file of the images",
                         path);
    } else {
        images[DATASET_TRAIN] = mem_strdup(path);
        images[DATASET_TEST] = idx_find_test(path);
    }
    for (int s = 0; s < DATASET_SPLITS && st == ST_OK; s++)
        if (images[s])
            st = idx_find_labels(images[s], &labels[s]);
    for (int s = 0; s < DATASET_SPLITS && st != ST_OK; s++) {
        free(images[s]);
        free(labels[s]);
        images[s] = labels[s] = NULL;
    }
    return st;
}
