/* The file of `lockstep lab --out`, for scripts/plot_lab.py and other readers of HDF5:

   /                attributes format, lockstep, cpu, isa, blas; batch, cpus, threads
   /subjects        attribute names; arrays, one element per layer or block: block
                    (0 or 1), shape (in h w c, out h w c), and flops, bytes (forward,
                    backward) of the batch
   /rows            attributes splits, passes, levels: the names that the arrays split,
                    pass and level index; verdicts: a text for each row. Arrays, one
                    element per row: subject, pass, split, threads, best (0 or 1), level,
                    count; median, low, high (seconds; 95 % interval of the median),
                    speedup, efficiency, flop_share, band_share, sums
   /machine         attribute peak (FLOP/s of a core); arrays cache (3, bytes), and, one
                    row for each number of threads: team (threads; seconds of region,
                    woken, barrier), bandwidth (levels, bytes per second)
   /beside          the microbenchmarks: attributes layouts, ops, ways (convolutions),
                    algorithms: names; arrays layout_seconds (layouts: convolution,
                    conversion), walk (level, side, seconds per element by row, by
                    column), pays (ops: break-even elements inside a region, in one of
                    its own; 0: never), gain (elements, gelu, relu), way_seconds (ways by
                    algorithms; NaN: does not fit), way_chosen (ways: an algorithm)

   The claims are the root's attributes claims, here and holds. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/h5file.h"
#include "kernels/cpu.h"
#include "lab/results.h"

const struct target_kind results_target = {"a file of the laboratory",
                                           .format = RESULTS_FORMAT};

/* An array of doubles, made row by row. */
struct results_array {
    const char *name;
    int rows, columns;
    void (*row)(const struct results *results, int i, double *row);
};

static enum status results_put_arrays(struct h5file *file, const struct results *results,
                                      const struct results_array *array, int count)
{
    enum status st = ST_OK;
    for (int a = 0; a < count && st == ST_OK; a++, array++) {
        const size_t dim[] = {(size_t)array->rows, (size_t)array->columns};
        if (array->rows == 0)
            continue;
        double *all = mem_zeroed(dim[0] * dim[1], sizeof *all);
        for (int i = 0; i < array->rows; i++)
            array->row(results, i, all + (size_t)i * dim[1]);
        st = h5file_write(file, array->name, H5FILE_F64, array->columns > 1 ? 2 : 1, dim,
                          all);
        free(all);
    }
    return st;
}

#define RESULTS_PUT_ARRAYS(file, results, arrays) \
    TRY(results_put_arrays(file, results, arrays, \
                           (int)(sizeof(arrays) / sizeof *(arrays))))

/* An attribute of texts, where there are any. */
static enum status results_put_texts(struct h5file *file, const struct results *results,
                                     const char *group, const char *name, int count,
                                     const char *(*text)(const struct results *results,
                                                         int i))
{
    if (count == 0)
        return ST_OK;
    char **texts = mem_zeroed((size_t)count, sizeof *texts);
    for (int i = 0; i < count; i++)
        texts[i] = mem_strdup(text(results, i));
    enum status st = h5file_put_texts(file, group, name, texts, count);
    for (int i = 0; i < count; i++)
        free(texts[i]);
    free(texts);
    return st;
}

/* --- subjects --- */

static void results_row_block(const struct results *results, int i, double *row)
{
    row[0] = results->table.subject[i].block;
}

static void results_row_shape(const struct results *results, int i, double *row)
{
    const struct strategy_subject *s = &results->table.subject[i];
    const int sizes[] = {s->in.h, s->in.w, s->in.c, s->out.h, s->out.w, s->out.c};
    for (int d = 0; d < 6; d++)
        row[d] = sizes[d];
}

static void results_row_flops(const struct results *results, int i, double *row)
{
    memcpy(row, results->table.subject[i].flops, STRATEGY_PASSES * sizeof *row);
}

static void results_row_bytes(const struct results *results, int i, double *row)
{
    memcpy(row, results->table.subject[i].bytes, STRATEGY_PASSES * sizeof *row);
}

static const char *results_name_subject(const struct results *results, int i)
{
    return results->table.subject[i].name;
}

static enum status results_put_subjects(struct h5file *file,
                                        const struct results *results)
{
    int count = results->table.subjects;
    const struct results_array arrays[] = {
        {"/subjects/block", count, 1, results_row_block},
        {"/subjects/shape", count, 6, results_row_shape},
        {"/subjects/flops", count, 2, results_row_flops},
        {"/subjects/bytes", count, 2, results_row_bytes},
    };
    RESULTS_PUT_ARRAYS(file, results, arrays);
    return results_put_texts(file, results, "/subjects", "names", count,
                             results_name_subject);
}

/* --- rows --- */

/* The columns of /rows. */
enum results_column {
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

static const char *const results_column_names[COLUMNS] = {
    "subject", "pass",       "split",      "threads",    "best",
    "level",   "count",      "median",     "low",        "high",
    "speedup", "efficiency", "flop_share", "band_share", "sums"};

static void results_row_values(const struct strategy_table *table,
                               const struct strategy_row *row, double values[COLUMNS])
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

static const char *results_name_split(const struct results *results, int i)
{
    (void)results;
    return split_name((enum split)i);
}

static const char *results_name_pass(const struct results *results, int i)
{
    (void)results;
    return strategy_pass_name((enum strategy_pass)i);
}

static const char *results_name_level(const struct results *results, int i)
{
    (void)results;
    return machine_level_name((enum machine_level)i);
}

static const char *results_row_verdict(const struct results *results, int i)
{
    return results->table.row[i].verdict;
}

static enum status results_put_rows(struct h5file *file, const struct results *results)
{
    const struct strategy_table *table = &results->table;
    const size_t dim[] = {(size_t)table->rows};
    double *column = mem_zeroed(dim[0], sizeof *column), values[COLUMNS];
    enum status st = ST_OK;
    for (int c = 0; c < COLUMNS && st == ST_OK; c++) {
        for (int i = 0; i < table->rows; i++) {
            results_row_values(table, &table->row[i], values);
            column[i] = values[c];
        }
        char *name = mem_format("/rows/%s", results_column_names[c]);
        st = h5file_write(file, name, H5FILE_F64, 1, dim, column);
        free(name);
    }
    free(column);
    TRY(st);
    TRY(results_put_texts(file, results, "/rows", "splits", SPLITS, results_name_split));
    TRY(results_put_texts(file, results, "/rows", "passes", STRATEGY_PASSES,
                          results_name_pass));
    TRY(results_put_texts(file, results, "/rows", "levels", MACHINE_LEVELS,
                          results_name_level));
    return results_put_texts(file, results, "/rows", "verdicts", table->rows,
                             results_row_verdict);
}

/* --- machine --- */

static void results_row_cache(const struct results *results, int i, double *row)
{
    row[0] = (double)results->machine.cache[i];
}

static void results_row_team(const struct results *results, int i, double *row)
{
    const struct machine_team *team = &results->machine.team[i];
    row[0] = team->threads;
    row[1] = team->region.median;
    row[2] = team->wake.median;
    row[3] = team->barrier.median;
}

static void results_row_bandwidth(const struct results *results, int i, double *row)
{
    memcpy(row, results->machine.team[i].bandwidth, MACHINE_LEVELS * sizeof *row);
}

static enum status results_put_machine(struct h5file *file, const struct results *results)
{
    int teams = results->machine.teams;
    const struct results_array arrays[] = {
        {"/machine/cache", MACHINE_MEMORY, 1, results_row_cache},
        {"/machine/team", teams, 4, results_row_team},
        {"/machine/bandwidth", teams, MACHINE_LEVELS, results_row_bandwidth},
    };
    RESULTS_PUT_ARRAYS(file, results, arrays);
    return h5file_put_f64(file, "/machine", "peak", results->machine.peak);
}

/* --- microbenchmarks: the group /beside --- */

static void results_row_layout(const struct results *results, int i, double *row)
{
    row[0] = results->layouts.conv[i].median;
    row[1] = results->layouts.convert[i].median;
}

static void results_row_walk(const struct results *results, int i, double *row)
{
    row[0] = results->walk[i].level;
    row[1] = results->walk[i].side;
    row[2] = results->walk[i].row.median;
    row[3] = results->walk[i].column.median;
}

static void results_row_conv(const struct results *results, int i, double *row)
{
    const struct microbench_conv *conv = &results->conv[i];
    const char *names[CONV_WAYS];
    for (int a = conv_way_names(names) - 1; a >= 0; a--) {
        row[a] = NAN;
        for (int w = 0; w < conv->ways; w++)
            if (strcmp(conv->way[w]->name, names[a]) == 0)
                row[a] = conv->time[w].median;
    }
}

static void results_row_chosen(const struct results *results, int i, double *row)
{
    const char *names[CONV_WAYS];
    for (int a = conv_way_names(names) - 1; a >= 0; a--)
        if (strcmp(results->conv[i].chosen->name, names[a]) == 0)
            row[0] = a;
}

static void results_row_breakeven(const struct results *results, int i, double *row)
{
    row[0] = (double)results->breakeven[i].inside;
    row[1] = (double)results->breakeven[i].region;
}

static void results_row_gain(const struct results *results, int i, double *row)
{
    row[0] = results_sizes[i];
    row[1] = results->gelu_gain[i];
    row[2] = results->relu_gain[i];
}

static const char *results_name_layout(const struct results *results, int i)
{
    (void)results;
    return microbench_layout_name((enum microbench_layout)i);
}

static const char *results_name_op(const struct results *results, int i)
{
    (void)results;
    return microbench_op_name((enum microbench_op)i);
}

static const char *results_name_conv(const struct results *results, int i)
{
    return results->conv[i].name;
}

static const char *results_name_way(const struct results *results, int i)
{
    const char *names[CONV_WAYS];
    (void)results;
    conv_way_names(names);
    return names[i];
}

static enum status results_put_microbench(struct h5file *file,
                                          const struct results *results)
{
    const char *names[CONV_WAYS];
    int ways = conv_way_names(names);
    const struct results_array arrays[] = {
        {"/beside/layout_seconds", LAYOUTS, 2, results_row_layout},
        {"/beside/walk", results->walks, 4, results_row_walk},
        {"/beside/way_seconds", results->convs, ways, results_row_conv},
        {"/beside/way_chosen", results->convs, 1, results_row_chosen},
        {"/beside/pays", OPS, 2, results_row_breakeven},
        {"/beside/gain", RESULTS_GAINS, 3, results_row_gain},
    };
    RESULTS_PUT_ARRAYS(file, results, arrays);
    TRY(results_put_texts(file, results, "/beside", "layouts", LAYOUTS,
                          results_name_layout));
    TRY(results_put_texts(file, results, "/beside", "ops", OPS, results_name_op));
    TRY(results_put_texts(file, results, "/beside", "algorithms", ways,
                          results_name_way));
    return results_put_texts(file, results, "/beside", "ways", results->convs,
                             results_name_conv);
}

/* --- claims --- */

static const char *claim_text(const struct results *results, int i)
{
    return results->claim[i].claim;
}

static const char *claim_here(const struct results *results, int i)
{
    return results->claim[i].here;
}

static const char *claim_holds(const struct results *results, int i)
{
    return results->claim[i].holds;
}

static enum status results_put_claims(struct h5file *file, const struct results *results)
{
    TRY(results_put_texts(file, results, "/", "claims", RESULTS_CLAIMS, claim_text));
    TRY(results_put_texts(file, results, "/", "here", RESULTS_CLAIMS, claim_here));
    return results_put_texts(file, results, "/", "holds", RESULTS_CLAIMS, claim_holds);
}

/* --- the whole file --- */

static enum status results_put_all(struct h5file *file, const struct results *results,
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
    TRY(results_put_subjects(file, results));
    TRY(results_put_rows(file, results));
    TRY(results_put_machine(file, results));
    TRY(results_put_microbench(file, results));
    return results_put_claims(file, results);
}

enum status results_write(const struct results *results, const char *path,
                          const char *version)
{
    struct h5file *file;
    TRY(h5file_create(&file, path));
    enum status st = results_put_all(file, results, version);
    if (st == ST_OK)
        st = h5file_commit(file);
    h5file_close(file);
    return st;
}
