/* metrics: the history in a file. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"
#include "io/h5file.h"
#include "metrics_impl.h"

/* A column of the file and the field of an entry that it holds. */
struct metrics_column {
    const char *path;
    enum h5file_type type; /* H5FILE_U64 or H5FILE_F64: 8 bytes, as the field */
    size_t offset;
};

#define METRICS_TRAIN(name)                                                       \
    {                                                                             \
        "/metrics/train/" #name, H5FILE_F64, offsetof(struct metrics_train, name) \
    }
#define METRICS_EVAL(name)                                                      \
    {                                                                           \
        "/metrics/eval/" #name, H5FILE_F64, offsetof(struct metrics_eval, name) \
    }
#define METRICS_EVAL_GROUP "/metrics/eval/"  /* and the name of a confusion_array */
#define METRICS_MOST       ((size_t)1 << 30) /* entries that a file may hold */

static const struct metrics_column train_columns[] = {
    {"/metrics/train/step", H5FILE_U64, offsetof(struct metrics_train, step)},
    METRICS_TRAIN(loss),
    METRICS_TRAIN(accuracy),
    METRICS_TRAIN(lr),
    METRICS_TRAIN(grad_norm),
    METRICS_TRAIN(images_per_second),
};
static const struct metrics_column eval_columns[] = {
    {"/metrics/eval/step", H5FILE_U64, offsetof(struct metrics_eval, step)},
    METRICS_EVAL(loss),
    METRICS_EVAL(accuracy),
    METRICS_EVAL(average_precision), /* of sets: the last one */
};
enum {
    TRAIN_COLUMNS = sizeof train_columns / sizeof train_columns[0],
    EVAL_COLUMNS = sizeof eval_columns / sizeof eval_columns[0],
};

static int metrics_eval_columns(const struct metrics *metrics)
{
    return metrics->sets ? EVAL_COLUMNS : EVAL_COLUMNS - 1;
}

static enum status metrics_write_columns(struct h5file *file,
                                         const struct metrics_column *columns,
                                         int column_count, const void *entries,
                                         size_t entry_size, int count, uint64_t *hash)
{
    uint64_t *values = mem_zeroed((size_t)count, sizeof *values);
    enum status st = ST_OK;
    for (int c = 0; c < column_count && st == ST_OK; c++) {
        for (size_t i = 0; i < (size_t)count; i++)
            memcpy(&values[i], (const char *)entries + i * entry_size + columns[c].offset,
                   8);
        *hash = hash_bytes(values, (size_t)count * 8, *hash);
        st = h5file_write(file, columns[c].path, columns[c].type, 1,
                          (size_t[]){(size_t)count}, values);
    }
    free(values);
    return st;
}

static void metrics_array_path(char path[FS_PATH], const struct confusion_array *array)
{
    snprintf(path, FS_PATH, METRICS_EVAL_GROUP "%s", array->name);
}

/* An array of all evaluations that are kept; it begins at number `at` of their rows. One
   that is the whole row is written from where it is. */
static enum status metrics_write_array(const struct metrics *metrics, struct h5file *file,
                                       const struct confusion_array *array, size_t at)
{
    size_t kept = (size_t)metrics->confusions, row = metrics_row_count(metrics);
    const size_t dim[] = {kept, array->dim[0], array->dim[1]};
    char path[FS_PATH];
    metrics_array_path(path, array);
    if (array->count == row)
        return h5file_write(file, path, H5FILE_I32, 3, dim, metrics->confusion);
    int32_t *values = mem_zeroed(kept * array->count, sizeof *values);
    for (size_t i = 0; i < kept; i++)
        memcpy(values + i * array->count, metrics->confusion + i * row + at,
               array->count * sizeof *values);
    enum status st = h5file_write(file, path, H5FILE_I32, 3, dim, values);
    free(values);
    return st;
}

/* All counts that are kept: what the hash covers. */
static size_t metrics_confusion_bytes(const struct metrics *metrics)
{
    return (size_t)metrics->confusions * metrics_row_bytes(metrics);
}

static enum status metrics_write_confusions(const struct metrics *metrics,
                                            struct h5file *file, uint64_t *hash)
{
    struct confusion_array array[CONFUSION_ARRAYS];
    int arrays = metrics_arrays(metrics, array);
    size_t at = 0;
    for (int a = 0; a < arrays; a++) {
        TRY(metrics_write_array(metrics, file, &array[a], at));
        at += array[a].count;
    }
    *hash = hash_bytes(metrics->confusion, metrics_confusion_bytes(metrics), *hash);
    return ST_OK;
}

enum status metrics_write(const struct metrics *metrics, struct h5file *file,
                          uint64_t *hash)
{
    TRY(metrics_write_columns(file, train_columns, TRAIN_COLUMNS, metrics->train,
                              sizeof *metrics->train, metrics->trains, hash));
    TRY(metrics_write_columns(file, eval_columns, metrics_eval_columns(metrics),
                              metrics->eval, sizeof *metrics->eval, metrics->evals,
                              hash));
    return metrics_write_confusions(metrics, file, hash);
}

static enum status metrics_read_columns(struct h5file *file,
                                        const struct metrics_column *columns,
                                        int column_count, void *entries,
                                        size_t entry_size, int count, uint64_t *hash)
{
    uint64_t *values = mem_zeroed((size_t)count, sizeof *values);
    enum status st = ST_OK;
    for (int c = 0; c < column_count && st == ST_OK; c++) {
        st = h5file_read(file, columns[c].path, columns[c].type, (size_t)count, values);
        for (size_t i = 0; st == ST_OK && i < (size_t)count; i++)
            memcpy((char *)entries + i * entry_size + columns[c].offset, &values[i], 8);
        *hash = hash_bytes(values, (size_t)count * 8, *hash);
    }
    free(values);
    return st;
}

/* *kept: of how many evaluations a file has the array. */
static enum status metrics_check_array(const struct metrics *metrics, struct h5file *file,
                                       const struct confusion_array *array, size_t evals,
                                       size_t *kept)
{
    struct h5file_info info;
    char path[FS_PATH];
    metrics_array_path(path, array);
    TRY(h5file_info(file, path, &info));
    if (info.ndims != 3 || info.dim[0] > evals || info.dim[1] != array->dim[0] ||
        info.dim[2] != array->dim[1])
        FAIL(ST_FAIL, "'%s': '%s' is not for %d classes", h5file_path(file), path,
             metrics->classes);
    *kept = info.dim[0];
    return ST_OK;
}

/* Earlier versions wrote the matrix for any number of classes. */
static bool metrics_file_is_old(const struct metrics *metrics, struct h5file *file)
{
    struct confusion_array matrix = confusion_array_matrix(metrics->classes);
    char path[FS_PATH];
    metrics_array_path(path, &matrix);
    return metrics->classes > CONFUSION_CLASSES && !metrics->sets &&
           h5file_has(file, path);
}

/* The number of evaluations that have counts in the file: the same in all arrays. */
static enum status metrics_read_kept(const struct metrics *metrics, struct h5file *file,
                                     size_t evals, size_t *kept)
{
    struct confusion_array array[CONFUSION_ARRAYS];
    int arrays = metrics_arrays(metrics, array);
    for (int a = 0; a < arrays; a++) {
        size_t here;
        TRY(metrics_check_array(metrics, file, &array[a], evals, &here));
        if (a > 0 && here != *kept)
            FAIL(ST_FAIL, "'%s' is damaged: its '%s' and '%s' differ in length",
                 h5file_path(file), array[0].name, array[a].name);
        *kept = here;
    }
    return ST_OK;
}

/* The matrices of an old file only enter the hash: no counts are kept of them. */
static enum status metrics_skip_matrices(const struct metrics *metrics,
                                         struct h5file *file, size_t evals,
                                         uint64_t *hash)
{
    struct confusion_array matrix = confusion_array_matrix(metrics->classes);
    char path[FS_PATH];
    size_t kept = 0;
    TRY(metrics_check_array(metrics, file, &matrix, evals, &kept));
    size_t count = kept * matrix.count;
    int32_t *values = mem_zeroed(count, sizeof *values);
    metrics_array_path(path, &matrix);
    enum status st = h5file_read(file, path, H5FILE_I32, count, values);
    *hash = hash_bytes(values, count * sizeof *values, *hash);
    free(values);
    return st;
}

static enum status metrics_read_array(struct metrics *metrics, struct h5file *file,
                                      const struct confusion_array *array, size_t at)
{
    size_t kept = (size_t)metrics->confusions, row = metrics_row_count(metrics);
    size_t count = kept * array->count;
    char path[FS_PATH];
    metrics_array_path(path, array);
    if (array->count == row)
        return h5file_read(file, path, H5FILE_I32, count, metrics->confusion);
    int32_t *values = mem_zeroed(count, sizeof *values);
    enum status st = h5file_read(file, path, H5FILE_I32, count, values);
    for (size_t i = 0; st == ST_OK && i < kept; i++)
        memcpy(metrics->confusion + i * row + at, values + i * array->count,
               array->count * sizeof *values);
    free(values);
    return st;
}

static enum status metrics_read_confusions(struct metrics *metrics, struct h5file *file,
                                           uint64_t *hash)
{
    struct confusion_array array[CONFUSION_ARRAYS];
    int arrays = metrics_arrays(metrics, array);
    size_t at = 0;
    for (int a = 0; a < arrays; a++) {
        TRY(metrics_read_array(metrics, file, &array[a], at));
        at += array[a].count;
    }
    *hash = hash_bytes(metrics->confusion, metrics_confusion_bytes(metrics), *hash);
    metrics_trim_confusions(metrics, metrics_most_confusions(metrics));
    return ST_OK;
}

enum status metrics_read(struct metrics *metrics, struct h5file *file, uint64_t *hash)
{
    struct h5file_info trains, evals;
    int classes = metrics->classes;
    bool sets = metrics->sets;
    size_t kept = 0;
    TRY(h5file_info(file, train_columns[0].path, &trains));
    TRY(h5file_info(file, eval_columns[0].path, &evals));
    bool old = metrics_file_is_old(metrics, file);
    if (!old)
        TRY(metrics_read_kept(metrics, file, evals.count, &kept));
    if (trains.count > METRICS_MOST || evals.count > METRICS_MOST)
        FAIL(ST_FAIL, "'%s' is damaged: a history of %zu lines and %zu evaluations",
             h5file_path(file), trains.count, evals.count);
    metrics_release(metrics);
    metrics_init(metrics, classes);
    metrics->sets = sets;
    metrics->trains = (int)trains.count;
    metrics->evals = (int)evals.count;
    metrics->confusions = (int)kept;
    metrics_reserve_all(metrics, metrics->trains, metrics->evals, metrics->confusions);
    for (int i = 0; i < metrics->evals; i++)
        metrics->eval[i] = (struct metrics_eval){0};
    TRY(metrics_read_columns(file, train_columns, TRAIN_COLUMNS, metrics->train,
                             sizeof *metrics->train, metrics->trains, hash));
    TRY(metrics_read_columns(file, eval_columns, metrics_eval_columns(metrics),
                             metrics->eval, sizeof *metrics->eval, metrics->evals, hash));
    if (old)
        return metrics_skip_matrices(metrics, file, evals.count, hash);
    return metrics_read_confusions(metrics, file, hash);
}

enum status metrics_save(const struct metrics *metrics, const char *path)
{
    struct h5file *file;
    uint64_t hash = 0;
    TRY(h5file_create(&file, path));
    enum status st;
    TRY_TO(out, h5file_put_text(file, "/", "format", METRICS_FORMAT));
    TRY_TO(out, metrics_write(metrics, file, &hash));
    st = h5file_commit(file);
out:
    h5file_close(file);
    return st;
}
