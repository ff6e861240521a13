/* Finds out what a path to import is, by content. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "data/import.h"
#include "data/import_pictures.h"
#include "import_impl.h"
#include "import_set.h"
#include "io/kind.h"
#include "io/stream.h"

#define DETECT_BYTES ((size_t)1 << 20) /* of a file that are looked at */

/* The beginning of a plain or gzip-compressed file, of text as UTF-8; the caller frees
 * it.
 */
static enum status detect_head(const char *path, size_t most, char **head, size_t *bytes)
{
    struct stream *stream;
    *head = NULL;
    TRY(stream_open_text(&stream, path));
    *head = mem_zeroed(most + 1, 1);
    enum status st = stream_read(stream, *head, most, bytes);
    stream_close(stream);
    if (st != ST_OK) {
        free(*head);
        *head = NULL;
    }
    return st;
}

static bool detect_is_idx(const char *head, size_t bytes)
{
    return bytes >= 4 && head[0] == 0 && head[1] == 0 && head[2] == 8 &&
           (head[3] == 3 || head[3] == 1);
}

/* Of IDX files: do they hold images (3 dimensions), not labels (1)? What is no file holds
   none. */
static enum status detect_holds_images(const char *path, bool *holds)
{
    char *head;
    size_t bytes = 0;
    *holds = false;
    if (!fs_is_file(path))
        return ST_OK;
    TRY(detect_head(path, 4, &head, &bytes));
    *holds = detect_is_idx(head, bytes) && head[3] == 3;
    free(head);
    return ST_OK;
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
        bool holds = false;
        if (st == ST_OK && strcasestr(names[i], "images"))
            st = detect_holds_images(full, &holds);
        if (holds)
            *kind = IMPORT_IDX;
    }
    fs_free_list(names, count);
    return st;
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
    char *head;
    size_t bytes = 0;
    if (fs_is_folder(path))
        return detect_folder(path, kind);
    if (access(path, R_OK) != 0)
        FAIL(ST_FAIL, "cannot open '%s': %s", path, strerror(errno));
    if (!fs_is_file(path))
        return kind_refuse(path, "a file or a folder that can be imported");
    TRY(detect_head(path, DETECT_BYTES, &head, &bytes));
    enum status st = ST_OK;
    bool text = strlen(head) == bytes;
    if (detect_is_idx(head, bytes))
        *kind = IMPORT_IDX;
    else if (import_is_list_heading(head))
        *kind = IMPORT_LIST;
    else if (text && import_csv_is_table(head, bytes))
        *kind = IMPORT_CSV;
    else
        st = detect_refuse(path);
    free(head);
    return st;
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
static enum status idx_find_test(const char *images, char **test)
{
    static const char *const words[] = {"t10k", "test"};
    for (int i = 0; i < 2; i++) {
        bool holds = false;
        *test = idx_replaced(images, "train", words[i]);
        enum status st = *test ? detect_holds_images(*test, &holds) : ST_OK;
        if (holds)
            return ST_OK;
        free(*test);
        *test = NULL;
        TRY(st);
    }
    return ST_OK;
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
        bool holds = false;
        if (st == ST_OK)
            st = detect_holds_images(path, &holds);
        if (!holds)
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

static enum status idx_find_beside(const char *path, char *images[DATASET_SPLITS])
{
    bool holds;
    TRY(detect_holds_images(path, &holds));
    if (!holds)
        FAIL(ST_FAIL, "'%s' holds IDX labels: name the file of the images", path);
    images[DATASET_TRAIN] = mem_strdup(path);
    return idx_find_test(path, &images[DATASET_TEST]);
}

enum status import_find_idx(const char *path, char *images[DATASET_SPLITS],
                            char *labels[DATASET_SPLITS])
{
    enum status st = ST_OK;
    for (int s = 0; s < DATASET_SPLITS; s++)
        images[s] = labels[s] = NULL;
    if (fs_is_folder(path)) {
        st = idx_search(path, images);
    } else {
        st = idx_find_beside(path, images);
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
