/* bench reduce: the sum of a gradient over ranks, by each algorithm of the fixed tree and
   by MPI_Allreduce. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/table.h"
#include "cmd_bench.h"
#include "comm/comm.h"
#include "lab/exchange.h"

#define REDUCE_SIZES 32

static enum status reduce_read_sizes(const char *text, size_t *sizes, int *count)
{
    char *copy = mem_strdup(text), *rest = copy;
    *count = 0;
    for (char *word; (word = strsep(&rest, ",")) != NULL;) {
        long long value;
        if (*count == REDUCE_SIZES || !parse_int(word, 4, 1LL << 30, &value) ||
            value % 4) {
            free(copy);
            FAIL(ST_USAGE,
                 "'--bytes %s': expected multiples of 4 up to 1073741824, with commas",
                 text);
        }
        sizes[(*count)++] = (size_t)value;
    }
    free(copy);
    return ST_OK;
}

/* GB/s of the vector's bytes, counted once: the same measure for every algorithm. */
static double reduce_gigabytes(const struct exchange_point *point, int algorithm)
{
    return (double)point->bytes / point->algorithm[algorithm].seconds * 1e-9;
}

static void reduce_print_table(struct comm *comm, const struct exchange_point *points,
                               int count)
{
    struct table table;
    table_init(&table, ">ranks", ">bytes", "<algorithm", ">us", ">spread", ">GB/s",
               ">of MPI_Allreduce's time", "<", NULL);
    for (int i = 0; i < count; i++) {
        const struct exchange_point *point = &points[i];
        double mpi = point->algorithm[point->algorithms - 1].seconds;
        for (int w = 0; w < point->algorithms; w++) {
            const struct exchange_algorithm *a = &point->algorithm[w];
            double ratio = w == point->chosen ? point->against_mpi : a->seconds / mpi;
            table_cellf(&table, "%d", comm_size(comm));
            table_cellf(&table, "%zu", point->bytes);
            table_cellf(&table, "%s", a->name);
            table_cellf(&table, "%.1f", a->seconds * 1e6);
            table_cellf(&table, "%.1f-%.1f", a->low * 1e6, a->high * 1e6);
            table_cellf(&table, "%.2f", reduce_gigabytes(point, w));
            table_cellf(&table, "%.2f", ratio);
            table_cellf(&table, "%s", w == point->chosen ? "chosen" : "");
        }
    }
    table_print(&table);
    table_release(&table);
}

static void reduce_print_json(struct comm *comm, const struct exchange_point *points,
                              int count)
{
    log_out("[\n");
    for (int i = 0; i < count; i++) {
        const struct exchange_point *point = &points[i];
        for (int w = 0; w < point->algorithms; w++)
            log_out("  {\"ranks\": %d, \"ranks_of_node\": %d, \"grains\": %d, "
                    "\"bytes\": %zu, \"algorithm\": \"%s\",\n"
                    "   \"seconds\": %.9f, \"low\": %.9f, \"high\": %.9f, "
                    "\"gigabytes_per_second\": %.4f, \"chosen\": %s}%s\n",
                    comm_size(comm), comm_node_size(comm), point->grains, point->bytes,
                    point->algorithm[w].name, point->algorithm[w].seconds,
                    point->algorithm[w].low, point->algorithm[w].high,
                    reduce_gigabytes(point, w), w == point->chosen ? "true" : "false",
                    i + 1 < count || w + 1 < point->algorithms ? "," : "");
    }
    log_out("]\n");
}

enum status bench_reduce(struct comm *comm, const struct bench_request *request)
{
    struct exchange_point points[REDUCE_SIZES];
    size_t sizes[REDUCE_SIZES];
    int count;
    TRY(reduce_read_sizes(request->bytes, sizes, &count));
    if (comm_size(comm) == 1)
        FAIL(ST_USAGE, "'bench reduce' needs several ranks: run it under mpirun");
    for (int i = 0; i < count; i++)
        exchange_measure(comm, sizes[i], (int)request->grains, (int)request->repeats,
                         &points[i]);
    if (request->json)
        reduce_print_json(comm, points, count);
    else
        reduce_print_table(comm, points, count);
    return ST_OK;
}
