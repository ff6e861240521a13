/* The file of `lockstep plan --out`: groups strong and weak with an array for each figure
   of struct scaling_row, one element per number of ranks. The root's attributes describe
   the run, the machine and the measurements. */
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/h5file.h"
#include "lab/scaling.h"

#define SCALING_REAL_MOST 1e15 /* larger figures mean damage */

const struct target_kind scaling_target = {"a plan", .format = SCALING_FORMAT};

struct scaling_column {
    const char *name;
    size_t offset;
    enum { INT, LONG, REAL } kind;
};

/* clang-format off */
#define SCALING_COLUMN(name, kind) {#name, offsetof(struct scaling_row, name), kind}
/* clang-format on */

static const struct scaling_column scaling_columns[] = {
    SCALING_COLUMN(ranks, INT),
    SCALING_COLUMN(nodes, INT),
    SCALING_COLUMN(batch, LONG),
    SCALING_COLUMN(step, REAL),
    SCALING_COLUMN(step_no_overlap, REAL),
    SCALING_COLUMN(compute, REAL),
    SCALING_COLUMN(reduce, REAL),
    SCALING_COLUMN(update, REAL),
    SCALING_COLUMN(exposed, REAL),
    SCALING_COLUMN(images_per_second, REAL),
    SCALING_COLUMN(efficiency, REAL),
    SCALING_COLUMN(epoch, REAL),
};

static enum status scaling_put_column(struct h5file *file, const char *group,
                                      const struct scaling_column *column,
                                      const struct scaling_row *rows, int count)
{
    const size_t dim[] = {(size_t)count};
    int64_t *whole = mem_zeroed((size_t)count, sizeof *whole);
    double *real = mem_zeroed((size_t)count, sizeof *real);
    for (int i = 0; i < count; i++) {
        const char *at = (const char *)&rows[i] + column->offset;
        if (column->kind == INT)
            whole[i] = *(const int *)(const void *)at;
        else if (column->kind == LONG)
            whole[i] = *(const long long *)(const void *)at;
        else
            real[i] = *(const double *)(const void *)at;
    }
    char *name = mem_format("/%s/%s", group, column->name);
    enum status st = column->kind == REAL
                         ? h5file_write(file, name, H5FILE_F64, 1, dim, real)
                         : h5file_write(file, name, H5FILE_I64, 1, dim, whole);
    free(name);
    free(whole);
    free(real);
    return st;
}

static enum status scaling_put_all(struct h5file *file, const struct scaling *s,
                                   const struct scaling_row *strong,
                                   const struct scaling_row *weak, int count)
{
    for (size_t c = 0; c < sizeof scaling_columns / sizeof *scaling_columns; c++) {
        TRY(scaling_put_column(file, "strong", &scaling_columns[c], strong, count));
        TRY(scaling_put_column(file, "weak", &scaling_columns[c], weak, count));
    }
    TRY(h5file_put_text(file, "/", "format", SCALING_FORMAT));
    TRY(h5file_put_text(file, "/", "network",
                        s->network.known ? s->network.text : "none"));
    TRY(h5file_put_f64(file, "/", "latency", s->network.link.latency));
    TRY(h5file_put_f64(file, "/", "bandwidth", s->network.link.bandwidth));
    TRY(h5file_put_f64(file, "/", "memory_bandwidth", s->memory_bandwidth));
    TRY(h5file_put_text(file, "/", "cpu", s->cpu));
    TRY(h5file_put_u64(file, "/", "parameters", s->params));
    TRY(h5file_put_u64(file, "/", "images", s->images));
    TRY(h5file_put_u64(file, "/", "grain", (uint64_t)s->grain));
    TRY(h5file_put_u64(file, "/", "threads", (uint64_t)s->threads));
    TRY(h5file_put_u64(file, "/", "cpus", (uint64_t)s->cpus));
    TRY(h5file_put_u64(file, "/", "ranks_per_node", (uint64_t)s->per_node));
    TRY(h5file_put_u64(file, "/", "ranks_measured", (uint64_t)s->measured));
    return h5file_put_f64(file, "/", "load", s->load);
}

enum status scaling_write(const struct scaling *scaling, const char *path,
                          const char *version, const struct scaling_row *strong,
                          const struct scaling_row *weak, int count)
{
    struct h5file *file;
    TRY(h5file_create(&file, path));
    enum status st = scaling_put_all(file, scaling, strong, weak, count);
    if (st == ST_OK)
        st = h5file_put_text(file, "/", "lockstep", version);
    if (st == ST_OK)
        st = h5file_commit(file);
    h5file_close(file);
    return st;
}

/* --- reading --- */

static enum status scaling_get_column(struct h5file *file, const char *group,
                                      const struct scaling_column *column,
                                      struct scaling_row *rows, int count)
{
    int64_t *whole = mem_zeroed((size_t)count, sizeof *whole);
    double *real = mem_zeroed((size_t)count, sizeof *real);
    char *name = mem_format("/%s/%s", group, column->name);
    enum status st = column->kind == REAL
                         ? h5file_read(file, name, H5FILE_F64, (size_t)count, real)
                         : h5file_read(file, name, H5FILE_I64, (size_t)count, whole);
    for (int i = 0; i < count && st == ST_OK; i++) {
        char *at = (char *)&rows[i] + column->offset;
        if (column->kind == REAL && fabs(real[i]) <= SCALING_REAL_MOST)
            *(double *)(void *)at = real[i];
        else if (column->kind == REAL)
            st = status_fail(ST_FAIL, "'%s' is damaged: %g in '%s'", h5file_path(file),
                             real[i], name);
        else if (column->kind == LONG)
            *(long long *)(void *)at = whole[i];
        else if (whole[i] >= 1 && whole[i] <= SCALING_MOST)
            *(int *)(void *)at = (int)whole[i];
        else
            st = status_fail(ST_FAIL, "'%s' is damaged: %lld in '%s'", h5file_path(file),
                             (long long)whole[i], name);
    }
    free(name);
    free(whole);
    free(real);
    return st;
}

static enum status scaling_get_rows(struct h5file *file, struct scaling_record *record)
{
    struct h5file_info info;
    TRY(h5file_info(file, "/strong/ranks", &info));
    if (info.count < 1 || info.count > SCALING_MOST)
        FAIL(ST_FAIL, "'%s' is damaged: predictions for %zu numbers of ranks",
             h5file_path(file), info.count);
    record->count = (int)info.count;
    record->strong = mem_zeroed(info.count, sizeof *record->strong);
    record->weak = mem_zeroed(info.count, sizeof *record->weak);
    for (size_t c = 0; c < sizeof scaling_columns / sizeof *scaling_columns; c++) {
        TRY(scaling_get_column(file, "strong", &scaling_columns[c], record->strong,
                               record->count));
        TRY(scaling_get_column(file, "weak", &scaling_columns[c], record->weak,
                               record->count));
    }
    return ST_OK;
}

static enum status scaling_get_int(struct h5file *file, const char *name, int *value)
{
    uint64_t read;
    TRY(h5file_get_u64(file, "/", name, &read));
    if (read < 1 || read > INT_MAX)
        FAIL(ST_FAIL, "'%s' is damaged: attribute '%s' is %llu", h5file_path(file), name,
             (unsigned long long)read);
    *value = (int)read;
    return ST_OK;
}

static enum status scaling_get_words(struct h5file *file, const char *name, char *words,
                                     size_t size)
{
    char *text;
    TRY(h5file_get_text(file, "/", name, &text));
    snprintf(words, size, "%s", text);
    free(text);
    return ST_OK;
}

/* Older files lack these attributes. */
static enum status scaling_get_run(struct h5file *file, struct scaling *s)
{
    uint64_t params, images;
    if (!h5file_has_attr(file, "/", "cpu"))
        return ST_OK;
    TRY(scaling_get_words(file, "cpu", s->cpu, sizeof s->cpu));
    TRY(h5file_get_u64(file, "/", "parameters", &params));
    TRY(h5file_get_u64(file, "/", "images", &images));
    s->params = params;
    s->images = images;
    return scaling_get_int(file, "grain", &s->grain);
}

static enum status scaling_get_all(struct h5file *file, struct scaling *s,
                                   struct scaling_record *record)
{
    struct fabric *network = &s->network;
    TRY(h5file_get_text(file, "/", "lockstep", &record->lockstep));
    TRY(scaling_get_run(file, s));
    TRY(scaling_get_int(file, "threads", &s->threads));
    TRY(scaling_get_int(file, "cpus", &s->cpus));
    TRY(scaling_get_int(file, "ranks_per_node", &s->per_node));
    TRY(scaling_get_int(file, "ranks_measured", &s->measured));
    TRY(h5file_get_f64(file, "/", "load", &s->load));
    TRY(h5file_get_f64(file, "/", "memory_bandwidth", &s->memory_bandwidth));
    TRY(scaling_get_words(file, "network", network->text, sizeof network->text));
    TRY(h5file_get_f64(file, "/", "latency", &network->link.latency));
    TRY(h5file_get_f64(file, "/", "bandwidth", &network->link.bandwidth));
    network->known = strcmp(network->text, "none") != 0;
    TRY(scaling_get_rows(file, record));
    long long batch = record->strong[0].batch;
    if (batch < 1 || batch > INT_MAX)
        FAIL(ST_FAIL, "'%s' is damaged: a batch of %lld", h5file_path(file), batch);
    s->batch = (int)batch;
    return ST_OK;
}

enum status scaling_read(const char *path, struct scaling *scaling,
                         struct scaling_record *record)
{
    struct h5file *file;
    *scaling = (struct scaling){0};
    *record = (struct scaling_record){0};
    TRY(h5file_open(&file, path));
    enum status st = scaling_get_all(file, scaling, record);
    h5file_close(file);
    if (st != ST_OK)
        scaling_record_release(record);
    return st;
}

void scaling_record_release(struct scaling_record *record)
{
    free(record->lockstep);
    free(record->strong);
    free(record->weak);
    *record = (struct scaling_record){0};
}
