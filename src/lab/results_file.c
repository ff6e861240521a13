/* The file of `lockstep lab --out`, for scripts/plot_lab.py and whoever reads HDF5:

   /                attributes format, lockstep, cpu, isa, blas; batch, cpus, threads
   /subjects        attribute names; arrays, one element a layer or block: block
                    (0 or 1), shape (in h w c, out h w c), and flops, bytes (forward,
                    backward) of the batch
   /rows            attributes splits, passes, levels: the names of what subject, split,
                    pass and level number; verdicts: a text for each row. Arrays, one
                    element a row: subject, pass, split, threads, best (0 or 1), level,
                    count; median, low, high (seconds; 95 % interval of the median),
                    speedup, efficiency, flop_share, band_share, sums
   /machine         attribute peak (FLOP/s of a core); arrays cache (3, bytes), and, one
                    row for each number of threads: team (threads; seconds of region,
                    woken, barrier), bandwidth (levels, bytes per second)
   /beside          attributes layouts, ops, ways: names; arrays layout_seconds (layouts:
                    convolution, conversion), walk (level, side, seconds an element by
                    row, by column), way_seconds (direct, gemm), pays (ops: elements
                    inside a region, in one of its own; 0: never), gain (elements, gelu,
                    relu)

   The claims that are examined are the root's attributes claims, here and holds. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/h5file.h"
#include "kernels/cpu.h"
#include "lab/results.h"
#include "out.h"

enum status results_check(const char *path)
{
    return out_check(path, RESULTS_FORMAT, "the laboratory");
}

/* An array of doubles, made row by row. */
struct array {
    const char *name;
    int rows, columns;
    void (*fill)(const struct results *results, int i, double *row);
};

static enum status put_arrays(struct h5file *file, const struct results *results,
                              const struct array *array, int count)
{
    enum status st = ST_OK;
    for (int a = 0; a < count && st == ST_OK; a++, array++) {
        const size_t dim[] = {(size_t)array->rows, (size_t)array->columns};
        if (array->rows == 0)
            continue;
        double *all = mem_zeroed(dim[0] * dim[1], sizeof *all);
        for (int i = 0; i < array->rows; i++)
            array->fill(results, i, all + (size_t)i * dim[1]);
        st = h5file_write(file, array->name, H5FILE_F64, array->columns > 1 ? 2 : 1, dim,
                          all);
        free(all);
    }
    return st;
}

#define PUT_ARRAYS(file, results, arrays) \
    TRY(put_arrays(file, results, arrays, (int)(sizeof(arrays) / sizeof *(arrays))))

static enum status put_names(struct h5file *file, const char *group, const char *name,
                             int count, const char *(*of)(int i))
{
    char **texts = mem_zeroed((size_t)count, sizeof *texts);
    for (int i = 0; i < count; i++)
        texts[i] = mem_strdup(of(i));
    enum status st = h5file_put_texts(file, group, name, texts, count);
    for (int i = 0; i < count; i++)
        free(texts[i]);
    free(texts);
    return st;
}

/* --- subjects --- */

static void fill_block(const struct results *results, int i, double *row)
{
    row[0] = results->table.subject[i].block;
}

static void fill_shape(const struct results *results, int i, double *row)
{
    const struct measure_subject *s = &results->table.subject[i];
    const int sizes[] = {s->in.h, s->in.w, s->in.c, s->out.h, s->out.w, s->out.c};
    for (int d = 0; d < 6; d++)
        row[d] = sizes[d];
}

static void fill_flops(const struct results *results, int i, double *row)
{
    memcpy(row, results->table.subject[i].flops, STRATEGY_PASSES * sizeof *row);
}

static void fill_bytes(const struct results *results, int i, double *row)
{
    memcpy(row, results->table.subject[i].bytes, STRATEGY_PASSES * sizeof *row);
}

static enum status put_subjects(struct h5file *file, const struct results *results)
{
    int count = results->table.subjects;
    const struct array arrays[] = {
        {"/subjects/block", count, 1, fill_block},
        {"/subjects/shape", count, 6, fill_shape},
        {"/subjects/flops", count, 2, fill_flops},
        {"/subjects/bytes", count, 2, fill_bytes},
    };
    PUT_ARRAYS(file, results, arrays);
    char **names = mem_zeroed((size_t)count, sizeof *names);
    for (int i = 0; i < count; i++)
        names[i] = mem_strdup(results->table.subject[i].name);
    enum status st = h5file_put_texts(file, "/subjects", "names", names, count);
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return st;
}

/* --- rows --- */

/* The columns of /rows. */
enum column {
    SUBJECT,
    PASS,
    SPLIT,
    THREADS,
    BEST,
    LEVEL,
    COUNT,
    MEDIAN,
    LOW,
    HIGH,
    SPEEDUP,
    EFFICIENCY,
    FLOP_SHARE,
    BAND_SHARE,
    SUMS,
    COLUMNS
};

static const char *const column_names[COLUMNS] = {
    "subject", "pass",       "split",      "threads",    "best",
    "level",   "count",      "median",     "low",        "high",
    "speedup", "efficiency", "flop_share", "band_share", "sums"};

static void row_values(const struct measure_table *table, const struct measure_row *row,
                       double values[COLUMNS])
{
    const double all[COLUMNS] = {
        row->subject,    row->pass,        row->split,
        row->threads,    row->best,        table->subject[row->subject].level[row->pass],
        row->time.count, row->time.median, row->time.low,
        row->time.high,  row->speedup,     row->efficiency,
        row->flop_share, row->band_share,  row->sums,
    };
    memcpy(values, all, sizeof all);
}

static const char *name_of_split(int i)
{
    return split_name((enum split)i);
}

static const char *name_of_pass(int i)
{
    return strategy_pass_name((enum strategy_pass)i);
}

static const char *name_of_level(int i)
{
    return machine_level_name((enum machine_level)i);
}

static enum status put_verdicts(struct h5file *file, const struct measure_table *table)
{
    char **texts = mem_zeroed((size_t)table->rows, sizeof *texts);
    for (int i = 0; i < table->rows; i++)
        texts[i] = mem_strdup(table->row[i].verdict);
    enum status st = h5file_put_texts(file, "/rows", "verdicts", texts, table->rows);
    for (int i = 0; i < table->rows; i++)
        free(texts[i]);
    free(texts);
    return st;
}

static enum status put_rows(struct h5file *file, const struct measure_table *table)
{
    const size_t dim[] = {(size_t)table->rows};
    double *column = mem_zeroed(dim[0], sizeof *column), values[COLUMNS];
    enum status st = ST_OK;
    for (int c = 0; c < COLUMNS && st == ST_OK; c++) {
        for (int i = 0; i < table->rows; i++) {
            row_values(table, &table->row[i], values);
            column[i] = values[c];
        }
        char *name = mem_format("/rows/%s", column_names[c]);
        st = h5file_write(file, name, H5FILE_F64, 1, dim, column);
        free(name);
    }
    free(column);
    TRY(st);
    TRY(put_names(file, "/rows", "splits", SPLITS, name_of_split));
    TRY(put_names(file, "/rows", "passes", STRATEGY_PASSES, name_of_pass));
    TRY(put_names(file, "/rows", "levels", MACHINE_LEVELS, name_of_level));
    return put_verdicts(file, table);
}

/* --- machine --- */

static void fill_cache(const struct results *results, int i, double *row)
{
    row[0] = (double)results->machine.cache[i];
}

static void fill_team(const struct results *results, int i, double *row)
{
    const struct machine_team *team = &results->machine.team[i];
    row[0] = team->threads;
    row[1] = team->region.median;
    row[2] = team->wake.median;
    row[3] = team->barrier.median;
}

static void fill_bandwidth(const struct results *results, int i, double *row)
{
    memcpy(row, results->machine.team[i].bandwidth, MACHINE_LEVELS * sizeof *row);
}

static enum status put_machine(struct h5file *file, const struct results *results)
{
    int teams = results->machine.teams;
    const struct array arrays[] = {
        {"/machine/cache", MACHINE_MEMORY, 1, fill_cache},
        {"/machine/team", teams, 4, fill_team},
        {"/machine/bandwidth", teams, MACHINE_LEVELS, fill_bandwidth},
    };
    PUT_ARRAYS(file, results, arrays);
    return h5file_put_f64(file, "/machine", "peak", results->machine.peak);
}

/* --- beside --- */

static void fill_layout(const struct results *results, int i, double *row)
{
    row[0] = results->layouts.conv[i].median;
    row[1] = results->layouts.convert[i].median;
}

static void fill_walk(const struct results *results, int i, double *row)
{
    row[0] = results->walk[i].level;
    row[1] = results->walk[i].side;
    row[2] = results->walk[i].row.median;
    row[3] = results->walk[i].column.median;
}

static void fill_way(const struct results *results, int i, double *row)
{
    row[0] = results->way[i].direct.median;
    row[1] = results->way[i].gemm.median;
}

static void fill_pays(const struct results *results, int i, double *row)
{
    row[0] = (double)results->pays[i].inside;
    row[1] = (double)results->pays[i].region;
}

static void fill_gain(const struct results *results, int i, double *row)
{
    row[0] = results_sizes[i];
    row[1] = results->gelu_gain[i];
    row[2] = results->relu_gain[i];
}

static const char *name_of_layout(int i)
{
    return microbench_layout_name((enum microbench_layout)i);
}

static const char *name_of_op(int i)
{
    return microbench_op_name((enum microbench_op)i);
}

static enum status put_beside(struct h5file *file, const struct results *results)
{
    char *ways[RESULTS_WAYS];
    const struct array arrays[] = {
        {"/beside/layout_seconds", LAYOUTS, 2, fill_layout},
        {"/beside/walk", results->walks, 4, fill_walk},
        {"/beside/way_seconds", results->ways, 2, fill_way},
        {"/beside/pays", OPS, 2, fill_pays},
        {"/beside/gain", RESULTS_GAINS, 3, fill_gain},
    };
    PUT_ARRAYS(file, results, arrays);
    TRY(put_names(file, "/beside", "layouts", LAYOUTS, name_of_layout));
    TRY(put_names(file, "/beside", "ops", OPS, name_of_op));
    if (results->ways == 0)
        return ST_OK;
    for (int i = 0; i < results->ways; i++)
        ways[i] = mem_strdup(results->way[i].name);
    enum status st = h5file_put_texts(file, "/beside", "ways", ways, results->ways);
    for (int i = 0; i < results->ways; i++)
        free(ways[i]);
    return st;
}

/* --- all --- */

static enum status put_claims(struct h5file *file, const struct results *results)
{
    char *text[3][RESULTS_CLAIMS];
    for (int i = 0; i < RESULTS_CLAIMS; i++) {
        text[0][i] = mem_strdup(results->claim[i].claim);
        text[1][i] = mem_strdup(results->claim[i].here);
        text[2][i] = mem_strdup(results->claim[i].holds);
    }
    static const char *const names[] = {"claims", "here", "holds"};
    enum status st = ST_OK;
    for (int i = 0; i < 3 && st == ST_OK; i++)
        st = h5file_put_texts(file, "/", names[i], text[i], RESULTS_CLAIMS);
    for (int i = 0; i < 3 * RESULTS_CLAIMS; i++)
        free(text[i / RESULTS_CLAIMS][i % RESULTS_CLAIMS]);
    return st;
}

static enum status put_all(struct h5file *file, const struct results *results,
                           const char *version)
{
    TRY(h5file_put_text(file, "/", "format", RESULTS_FORMAT));
    TRY(h5file_put_text(file, "/", "lockstep", version));
    TRY(h5file_put_text(file, "/", "cpu", cpu_model()));
    TRY(h5file_put_text(file, "/", "isa", cpu_isa_name(cpu_isa())));
    TRY(h5file_put_text(file, "/", "blas", cpu_blas()));
    TRY(h5file_put_u64(file, "/", "batch", (uint64_t)results->table.batch));
    TRY(h5file_put_u64(file, "/", "cpus", (uint64_t)results->machine.cpus));
    TRY(h5file_put_u64(file, "/", "threads", (uint64_t)results->threads));
    TRY(put_subjects(file, results));
    TRY(put_rows(file, &results->table));
    TRY(put_machine(file, results));
    TRY(put_beside(file, results));
    return put_claims(file, results);
}

enum status results_write(const struct results *results, const char *path,
                          const char *version)
{
    struct h5file *file;
    TRY(h5file_create(&file, path));
    enum status st = put_all(file, results, version);
    if (st == ST_OK)
        st = h5file_commit(file);
    h5file_close(file);
    return st;
}
