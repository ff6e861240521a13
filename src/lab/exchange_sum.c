/* exchange: the sums of a training step. */
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "base/timer.h"
#include "comm/comm.h"
#include "comm/tree.h"
#include "lab/exchange.h"

#define SUM_ROUNDS        9
#define SUM_ROUND_SECONDS 0.02
#define SUM_CALLS         100
#define SUM_WARM_SECONDS  1.0 /* until long connections send at their full rate */
#define SUM_BUSY_ROUNDS   5
#define SUM_WAKE_SECONDS  2e-4 /* how late a sleeper may wake */

struct exchange_vectors {
    struct comm *comm;
    struct exchange_sum *sum;
    int terms;
    size_t count; /* floats of a vector */
    double pause; /* before each sum */
    float *term[TREE_NODES_MAX], *result;
};

static void exchange_vectors_init(struct exchange_vectors *v, struct comm *comm,
                                  struct exchange_sum *sum)
{
    struct tree_node ignored[TREE_NODES_MAX];
    int begin, end;
    *v = (struct exchange_vectors){.comm = comm, .sum = sum};
    for (int p = 0; p < sum->pieces; p++)
        v->count += sum->floats[p];
    comm_share(comm, sum->grains, comm_rank(comm), &begin, &end);
    v->terms = tree_cover(sum->grains, begin, end, ignored);
    size_t vectors = v->terms ? (size_t)v->terms : 1;
    float *memory = comm_vectors(comm, vectors * v->count);
    for (int t = 0; t < v->terms; t++)
        v->term[t] = memory + (size_t)t * v->count;
    v->result = mem_aligned(v->count, sizeof(float));
}

static void exchange_vectors_write(const struct exchange_vectors *v)
{
    for (int t = 0; t < v->terms; t++)
        for (size_t i = 0; i < v->count; i++)
            v->term[t][i] = 1;
}

static void exchange_vectors_start(const struct exchange_vectors *v)
{
    size_t end = v->count;
    for (int p = 0; p < v->sum->pieces; p++) {
        size_t begin = end - v->sum->floats[p];
        comm_tree_start(v->comm, v->sum->grains, v->term, v->result, begin, end);
        end = begin;
    }
}

static void exchange_sleep(double seconds)
{
    const struct timespec rest = {.tv_sec = (time_t)seconds,
                                  .tv_nsec =
                                      (long)((seconds - (double)(time_t)seconds) * 1e9)};
    if (seconds > 0)
        nanosleep(&rest, NULL);
}

/* Between the sums of two steps a network comes to rest: what was sent is acknowledged,
   and the connection may send as much again at once. Sleeping ends late, so the last part
   of the pause is spent spinning. */
static void exchange_pause(double seconds)
{
    double end = timer_now() + seconds;
    exchange_sleep(seconds - SUM_WAKE_SECONDS);
    while (timer_now() < end)
        ;
}

/* Seconds of one sum. Ranks leave each sum at about the same time, as in training. */
static double exchange_vectors_time(const struct exchange_vectors *v, int calls)
{
    double seconds = 0;
    for (int i = 0; i < calls; i++) {
        if (v->pause > 0)
            exchange_pause(v->pause);
        exchange_vectors_write(v);
        double begin = timer_now();
        exchange_vectors_start(v);
        comm_tree_wait(v->comm);
        seconds += timer_now() - begin;
    }
    return seconds / calls;
}

/* CPU time: the calls of a sum, each made when everything it could wait for has
   arrived. */
static double exchange_vectors_time_busy(const struct exchange_vectors *v, double between,
                                         int polls)
{
    double seconds = 0;
    comm_barrier(v->comm);
    exchange_vectors_write(v);
    for (int i = 0; i <= polls + 1; i++) {
        double begin = timer_now();
        if (i == 0)
            exchange_vectors_start(v);
        else if (i <= polls)
            comm_tree_poll(v->comm);
        else
            comm_tree_wait(v->comm);
        seconds += timer_now() - begin;
        if (i <= polls)
            exchange_sleep(between);
    }
    return seconds;
}

static int exchange_message_rounds(const struct comm *comm)
{
    int rounds = 2;
    for (int ranks = 1; ranks < comm_size(comm); ranks *= 2)
        rounds += 2;
    return rounds;
}

static int exchange_sum_calls(double seconds, double once)
{
    double wanted = 1 + seconds / once;
    return wanted < SUM_CALLS ? (int)wanted : SUM_CALLS;
}

void exchange_measure_sum(struct comm *comm, double pause, struct exchange_sum *sum)
{
    struct exchange_vectors v;
    double seconds[SUM_ROUNDS], busy[SUM_BUSY_ROUNDS];
    exchange_vectors_init(&v, comm, sum);
    v.pause = comm_size(comm) > comm_node_size(comm) ? pause : 0;
    double once = exchange_vectors_time(&v, 3);
    comm_max_f64(comm, &once, 1);
    exchange_vectors_time(&v, exchange_sum_calls(SUM_WARM_SECONDS, once + v.pause));
    int calls = exchange_sum_calls(SUM_ROUND_SECONDS, once + v.pause);
    for (int r = 0; r < SUM_ROUNDS; r++)
        seconds[r] = exchange_vectors_time(&v, calls);
    comm_max_f64(comm, seconds, SUM_ROUNDS);
    timer_median(seconds, SUM_ROUNDS);
    sum->seconds = seconds[SUM_ROUNDS / 4]; /* other work can only slow a sum down */
    sum->low = seconds[0];
    sum->high = seconds[SUM_ROUNDS - 1];
    for (int r = 0; r < SUM_BUSY_ROUNDS; r++)
        busy[r] =
            exchange_vectors_time_busy(&v, sum->seconds, exchange_message_rounds(comm));
    comm_max_f64(comm, busy, SUM_BUSY_ROUNDS);
    sum->busy = timer_median(busy, SUM_BUSY_ROUNDS);
    sum->busy = sum->busy < sum->seconds ? sum->busy : sum->seconds;
    comm_vectors(comm, 0);
    free(v.result);
}
