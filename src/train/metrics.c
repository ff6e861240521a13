#include "train/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "io/h5file.h"

/* A column of the file and the field of an entry that it holds. */
struct column {
    const char *path;
    enum h5file_type type; /* H5FILE_U64 or H5FILE_F64: 8 bytes, as the field */
    size_t offset;
};

#define TRAIN(name)                                                               \
    {                                                                             \
        "/metrics/train/" #name, H5FILE_F64, offsetof(struct metrics_train, name) \
    }
#define EVAL(name)                                                              \
    {                                                                           \
        "/metrics/eval/" #name, H5FILE_F64, offsetof(struct metrics_eval, name) \
    }
#define CONFUSION    "/metrics/eval/confusion"
#define HISTORY_MOST ((size_t)1 << 30) /* entries */

static const struct column train_columns[] = {
    {"/metrics/train/step", H5FILE_U64, offsetof(struct metrics_train, step)},
    TRAIN(loss),
    TRAIN(accuracy),
    TRAIN(lr),
    TRAIN(grad_norm),
    TRAIN(images_per_second),
};
static const struct column eval_columns[] = {
    {"/metrics/eval/step", H5FILE_U64, offsetof(struct metrics_eval, step)},
    EVAL(loss),
    EVAL(accuracy),
};
enum {
    TRAIN_COLUMNS = sizeof train_columns / sizeof train_columns[0],
    EVAL_COLUMNS = sizeof eval_columns / sizeof eval_columns[0],
};

static size_t confusion_size(const struct metrics *metrics)
{
    return (size_t)metrics->classes * (size_t)metrics->classes;
}

void metrics_init(struct metrics *metrics, int classes)
{
    *metrics = (struct metrics){.classes = classes};
}

void metrics_release(struct metrics *metrics)
{
    free(metrics->train);
    free(metrics->eval);
    free(metrics->confusion);
    *metrics = (struct metrics){0};
}

/* How many confusion matrices are kept. */
static int most_confusions(const struct metrics *metrics)
{
    size_t bytes = confusion_size(metrics) * sizeof *metrics->confusion;
    return bytes < METRICS_CONFUSION ? (int)(METRICS_CONFUSION / bytes) : 1;
}

/* Room for `count` entries at least; it doubles, so that adding is cheap. */
static void *reserve(void *entries, int *room, int count, size_t bytes)
{
    if (count <= *room)
        return entries;
    *room = *room < 32 ? 64 : 2 * *room;
    if (*room < count)
        *room = count;
    return mem_resize(entries, (size_t)*room, bytes);
}

static void reserve_all(struct metrics *metrics, int trains, int evals, int confusions)
{
    metrics->train =
        reserve(metrics->train, &metrics->train_room, trains, sizeof *metrics->train);
    metrics->eval =
        reserve(metrics->eval, &metrics->eval_room, evals, sizeof *metrics->eval);
    metrics->confusion = reserve(metrics->confusion, &metrics->confusion_room, confusions,
                                 confusion_size(metrics) * sizeof *metrics->confusion);
}

static void copy(void *to, const void *from, size_t count, size_t bytes)
{
    if (count > 0)
        memcpy(to, from, count * bytes);
}

void metrics_copy(struct metrics *to, const struct metrics *from)
{
    to->classes = from->classes;
    reserve_all(to, from->trains, from->evals, from->confusions);
    to->trains = from->trains;
    to->evals = from->evals;
    to->confusions = from->confusions;
    copy(to->train, from->train, (size_t)from->trains, sizeof *to->train);
    copy(to->eval, from->eval, (size_t)from->evals, sizeof *to->eval);
    copy(to->confusion, from->confusion, (size_t)from->confusions,
         confusion_size(from) * sizeof *to->confusion);
}

void metrics_add_train(struct metrics *metrics, const struct metrics_train *entry)
{
    reserve_all(metrics, metrics->trains + 1, metrics->evals, metrics->confusions);
    metrics->train[metrics->trains++] = *entry;
}

/* The oldest ones go, so that no more than `most` are left. */
static void trim_confusions(struct metrics *metrics, int most)
{
    size_t size = confusion_size(metrics);
    int surplus = metrics->confusions - most;
    if (surplus <= 0)
        return;
    metrics->confusions = most;
    memmove(metrics->confusion, metrics->confusion + (size_t)surplus * size,
            (size_t)most * size * sizeof *metrics->confusion);
}

void metrics_add_eval(struct metrics *metrics, const struct metrics_eval *entry,
                      const uint64_t *confusion)
{
    size_t size = confusion_size(metrics);
    trim_confusions(metrics, most_confusions(metrics) - 1);
    reserve_all(metrics, metrics->trains, metrics->evals + 1, metrics->confusions + 1);
    metrics->eval[metrics->evals++] = *entry;
    int32_t *newest = metrics->confusion + (size_t)metrics->confusions++ * size;
    for (size_t i = 0; i < size; i++)
        newest[i] = (int32_t)confusion[i];
}

double metrics_eval_loss(const struct metrics *metrics, uint64_t step)
{
    for (int i = metrics->evals - 1; i >= 0; i--)
        if (metrics->eval[i].step == step)
            return metrics->eval[i].loss;
    return INFINITY;
}

static enum status write_columns(struct h5file *file, const struct column *columns,
                                 int column_count, const void *entries, size_t entry_size,
                                 int count, uint64_t *hash)
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

enum status metrics_write(const struct metrics *metrics, struct h5file *file,
                          uint64_t *hash)
{
    size_t classes = (size_t)metrics->classes, kept = (size_t)metrics->confusions;
    TRY(write_columns(file, train_columns, TRAIN_COLUMNS, metrics->train,
                      sizeof *metrics->train, metrics->trains, hash));
    TRY(write_columns(file, eval_columns, EVAL_COLUMNS, metrics->eval,
                      sizeof *metrics->eval, metrics->evals, hash));
    *hash =
        hash_bytes(metrics->confusion,
                   kept * confusion_size(metrics) * sizeof *metrics->confusion, *hash);
    return h5file_write(file, CONFUSION, H5FILE_I32, 3,
                        (size_t[]){kept, classes, classes}, metrics->confusion);
}

static enum status read_columns(struct h5file *file, const struct column *columns,
                                int column_count, void *entries, size_t entry_size,
                                int count, uint64_t *hash)
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

enum status metrics_read(struct metrics *metrics, struct h5file *file, uint64_t *hash)
{
    struct h5file_info trains, evals, kept;
    int classes = metrics->classes;
    TRY(h5file_info(file, train_columns[0].path, &trains));
    TRY(h5file_info(file, eval_columns[0].path, &evals));
    TRY(h5file_info(file, CONFUSION, &kept));
    if (kept.ndims != 3 || kept.dim[0] > evals.count || kept.dim[1] != (size_t)classes ||
        kept.dim[2] != (size_t)classes)
        FAIL(ST_FAIL, "'%s': '%s' is not for %d classes", h5file_path(file), CONFUSION,
             classes);
    if (trains.count > HISTORY_MOST || evals.count > HISTORY_MOST)
        FAIL(ST_FAIL, "'%s' is damaged: a history of %zu lines and %zu evaluations",
             h5file_path(file), trains.count, evals.count);
    metrics_release(metrics);
    metrics_init(metrics, classes);
    metrics->trains = (int)trains.count;
    metrics->evals = (int)evals.count;
    metrics->confusions = (int)kept.dim[0];
    reserve_all(metrics, metrics->trains, metrics->evals, metrics->confusions);
    TRY(read_columns(file, train_columns, TRAIN_COLUMNS, metrics->train,
                     sizeof *metrics->train, metrics->trains, hash));
    TRY(read_columns(file, eval_columns, EVAL_COLUMNS, metrics->eval,
                     sizeof *metrics->eval, metrics->evals, hash));
    TRY(h5file_read(file, CONFUSION, H5FILE_I32, kept.count, metrics->confusion));
    *hash =
        hash_bytes(metrics->confusion, kept.count * sizeof *metrics->confusion, *hash);
    trim_confusions(metrics, most_confusions(metrics));
    return ST_OK;
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
