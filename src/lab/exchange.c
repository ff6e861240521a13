#include "lab/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "base/div.h"
#include "base/mem.h"
#include "base/timer.h"
#include "comm/comm.h"
#include "comm/tree.h"

#define EXCHANGE_ROUND_SECONDS 2e-3 /* of one algorithm, roughly */
#define EXCHANGE_CALLS         200

struct exchange_bench {
    struct comm *comm;
    int grains, calls;
    size_t count;
    float *term[TREE_NODES_MAX], *own, *sum;
};

static void exchange_sum_once(const struct exchange_bench *bench, const char *name)
{
    if (strcmp(name, EXCHANGE_MPI) == 0)
        comm_mpi_sum(bench->comm, bench->own, bench->sum, bench->count);
    else
        comm_tree_sum(bench->comm, bench->grains, bench->term, bench->sum, bench->count);
}

/* Seconds of one sum, from several in a row. */
static double exchange_time(const struct exchange_bench *bench, const char *name,
                            int calls)
{
    comm_tree_use(bench->comm, strcmp(name, EXCHANGE_MPI) == 0 ? "auto" : name);
    exchange_sum_once(bench, name); /* allocates memory and warms caches */
    comm_barrier(bench->comm);
    double begin = timer_now();
    for (int i = 0; i < calls; i++)
        exchange_sum_once(bench, name);
    return (timer_now() - begin) / calls;
}

/* The rank's vectors; at least one, for MPI_Allreduce, even if it has no grain. */
static void exchange_vectors(struct exchange_bench *bench)
{
    struct comm *comm = bench->comm;
    struct tree_node ignored[TREE_NODES_MAX];
    int begin, end;
    comm_share(comm, bench->grains, comm_rank(comm), &begin, &end);
    int terms = tree_cover(bench->grains, begin, end, ignored);
    size_t vectors = terms ? (size_t)terms : 1;
    bench->own = comm_vectors(comm, vectors * bench->count);
    bench->sum = mem_aligned(bench->count, sizeof(float));
    for (size_t i = 0; i < vectors * bench->count; i++)
        bench->own[i] = 1;
    for (int t = 0; t < terms; t++)
        bench->term[t] = bench->own + (size_t)t * bench->count;
}

static void exchange_list_algorithms(const struct exchange_bench *bench,
                                     struct exchange_point *point)
{
    struct comm *comm = bench->comm;
    comm_tree_use(comm, "auto");
    const char *choice = comm_tree_choice(comm, bench->grains, bench->count);
    for (int i = 1; choice && comm_tree_names[i]; i++) {
        const char *name = comm_tree_names[i];
        comm_tree_use(comm, name);
        if (comm_tree_choice(comm, bench->grains, bench->count) != name)
            continue;
        if (name == choice)
            point->chosen = point->algorithms;
        point->algorithm[point->algorithms++].name = name;
    }
    comm_tree_use(comm, "auto");
    point->algorithm[point->algorithms++].name = EXCHANGE_MPI;
}

/* The number of sums that fit into a round, for the slowest algorithm. */
static int exchange_round_calls(const struct exchange_bench *bench,
                                const struct exchange_point *point)
{
    double slowest = 0;
    for (int w = 0; w < point->algorithms; w++) {
        double seconds = exchange_time(bench, point->algorithm[w].name, 1);
        slowest = seconds > slowest ? seconds : slowest;
    }
    comm_max_f64(bench->comm, &slowest, 1);
    double calls = 1 + EXCHANGE_ROUND_SECONDS / slowest;
    return calls < EXCHANGE_CALLS ? (int)calls : EXCHANGE_CALLS;
}

static void exchange_summarise(struct exchange_point *point, double *seconds, int rounds)
{
    double *ratio = mem_zeroed((size_t)rounds, sizeof *ratio);
    const double *mpi = seconds + (point->algorithms - 1) * rounds;
    for (int r = 0; point->chosen >= 0 && r < rounds; r++)
        ratio[r] = seconds[point->chosen * rounds + r] / mpi[r];
    point->against_mpi = timer_median(ratio, rounds);
    free(ratio);
    for (int w = 0; w < point->algorithms; w++) {
        double *of = seconds + w * rounds;
        point->algorithm[w].seconds = timer_median(of, rounds);
        point->algorithm[w].low = of[0];
        point->algorithm[w].high = of[rounds - 1];
    }
}

void exchange_measure(struct comm *comm, size_t bytes, int grains, int rounds,
                      struct exchange_point *point)
{
    struct exchange_bench bench = {.comm = comm,
                                   .grains = grains ? grains : comm_size(comm)};
    bench.count = div_up_u64(bytes, sizeof(float));
    *point =
        (struct exchange_point){.bytes = bytes, .grains = bench.grains, .chosen = -1};
    exchange_vectors(&bench);
    exchange_list_algorithms(&bench, point);
    int calls = exchange_round_calls(&bench, point), cells = point->algorithms * rounds;
    double *seconds = mem_zeroed((size_t)cells, sizeof *seconds);
    for (int r = 0; r < rounds; r++)
        for (int i = 0; i < point->algorithms; i++) {
            int w = (i + r) % point->algorithms;
            seconds[w * rounds + r] =
                exchange_time(&bench, point->algorithm[w].name, calls);
        }
    comm_max_f64(comm, seconds, cells);
    exchange_summarise(point, seconds, rounds);
    comm_tree_use(comm, "auto");
    comm_vectors(comm, 0);
    free(seconds);
    free(bench.sum);
}
