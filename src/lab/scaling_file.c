/* The file of `lockstep plan --out`: groups strong and weak with an array for each figure
   of struct scaling_row, one element a number of ranks; what was measured is the root's
   attributes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/h5file.h"
#include "lab/scaling.h"
#include "out.h"

#define FORMAT "lockstep plan 1"

enum status scaling_check_file(const char *path)
{
    return out_check(path, FORMAT, "'lockstep plan'");
}

struct column {
    const char *name;
    size_t offset;
    enum { INT, LONG, REAL } kind;
};
#define COLUMN(name, kind)                              \
    {                                                   \
#name, offsetof(struct scaling_row, name), kind \
    }

static const struct column columns[] = {
    COLUMN(ranks, INT),
    COLUMN(nodes, INT),
    COLUMN(batch, LONG),
    COLUMN(step, REAL),
    COLUMN(step_no_overlap, REAL),
    COLUMN(compute, REAL),
    COLUMN(reduce, REAL),
    COLUMN(update, REAL),
    COLUMN(exposed, REAL),
    COLUMN(images_per_second, REAL),
    COLUMN(efficiency, REAL),
    COLUMN(epoch, REAL),
};

static enum status put_column(struct h5file *file, const char *group,
                              const struct column *column, const struct scaling_row *rows,
                              int count)
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

static enum status put_all(struct h5file *file, const struct scaling *s,
                           const struct scaling_row *strong,
                           const struct scaling_row *weak, int count)
{
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
        TRY(put_column(file, "strong", &columns[c], strong, count));
        TRY(put_column(file, "weak", &columns[c], weak, count));
    }
    TRY(h5file_put_text(file, "/", "format", FORMAT));
    TRY(h5file_put_text(file, "/", "network",
                        s->network.known ? s->network.text : "none"));
    TRY(h5file_put_f64(file, "/", "latency", s->network.link.latency));
    TRY(h5file_put_f64(file, "/", "bandwidth", s->network.link.bandwidth));
    TRY(h5file_put_f64(file, "/", "memory_bandwidth", s->memory_bandwidth));
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
    enum status st = put_all(file, scaling, strong, weak, count);
    if (st == ST_OK)
        st = h5file_put_text(file, "/", "lockstep", version);
    if (st == ST_OK)
        st = h5file_commit(file);
    h5file_close(file);
    return st;
}
