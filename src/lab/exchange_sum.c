#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "base/timer.h"
#include "comm/comm.h"
#include "comm/tree.h"
#include "lab/exchange.h"

#define ROUNDS        9
#define ROUND_SECONDS 0.02
#define CALLS_MOST    100
#define WARM_SECONDS  1.0 /* until connections over long ways send all they have to */
#define BUSY_ROUNDS   5
#define WAKE_SECONDS  2e-4

struct vectors {
    struct comm *comm;
    struct exchange_sum *sum;
    int parts;
    size_t count; /* floats of a vector */
    double pause; /* before each sum */
    float *part[TREE_NODES_MAX], *result;
};

static void vectors_init(struct vectors *v, struct comm *comm, struct exchange_sum *sum)
{
    struct tree_node ignored[TREE_NODES_MAX];
    int begin, end;
    *v = (struct vectors){.comm = comm, .sum = sum};
    for (int p = 0; p < sum->pieces; p++)
        v->count += sum->floats[p];
    comm_share(comm, sum->grains, comm_rank(comm), &begin, &end);
    v->parts = tree_cover(sum->grains, begin, end, ignored);
    size_t vectors = v->parts ? (size_t)v->parts : 1;
    float *memory = comm_vectors(comm, vectors * v->count);
    for (int p = 0; p < v->parts; p++)
        v->part[p] = memory + (size_t)p * v->count;
    v->result = mem_aligned(v->count, sizeof(float));
}

static void write_parts(const struct vectors *v)
{
    for (int p = 0; p < v->parts; p++)
        for (size_t i = 0; i < v->count; i++)
            v->part[p][i] = 1;
}

static void start_all(const struct vectors *v)
{
    size_t end = v->count;
    for (int p = 0; p < v->sum->pieces; p++) {
        size_t begin = end - v->sum->floats[p];
        comm_tree_start(v->comm, v->sum->grains, v->part, v->result, begin, end);
        end = begin;
    }
}

static void sleep_for(double seconds)
{
    const struct timespec rest = {.tv_sec = (time_t)seconds,
                                  .tv_nsec =
                                      (long)((seconds - (double)(time_t)seconds) * 1e9)};
    if (seconds > 0)
        nanosleep(&rest, NULL);
}

/* Between sums a network comes to rest as it does while a step is computed: what was sent
   is acknowledged, and may be followed by as much. Who sleeps wakes late, so the end of
   the pause is awaited. */
static void pause_for(double seconds)
{
    double end = timer_now() + seconds;
    sleep_for(seconds - WAKE_SECONDS);
    while (timer_now() < end)
        ;
}

/* Ranks leave each sum as they do in training: nobody is far ahead. */
static double timed(const struct vectors *v, int calls)
{
    double seconds = 0;
    for (int i = 0; i < calls; i++) {
        if (v->pause > 0)
            pause_for(v->pause);
        write_parts(v);
        double begin = timer_now();
        start_all(v);
        comm_tree_wait(v->comm);
        seconds += timer_now() - begin;
    }
    return seconds / calls;
}

/* What each call does when all that it could wait for is there already. */
static double timed_busy(const struct vectors *v, double between, int polls)
{
    double seconds = 0;
    comm_barrier(v->comm);
    write_parts(v);
    for (int i = 0; i <= polls + 1; i++) {
        double begin = timer_now();
        if (i == 0)
            start_all(v);
        else if (i <= polls)
            comm_tree_poll(v->comm);
        else
            comm_tree_wait(v->comm);
        seconds += timer_now() - begin;
        if (i <= polls)
            sleep_for(between);
    }
    return seconds;
}

static int stages(const struct comm *comm)
{
    int rounds = 2;
    for (int ranks = 1; ranks < comm_size(comm); ranks *= 2)
        rounds += 2;
    return rounds;
}

static int calls_in(double seconds, double once)
{
    double wanted = 1 + seconds / once;
    return wanted < CALLS_MOST ? (int)wanted : CALLS_MOST;
}

void exchange_measure_sum(struct comm *comm, double pause, struct exchange_sum *sum)
{
    struct vectors v;
    double seconds[ROUNDS], busy[BUSY_ROUNDS];
    vectors_init(&v, comm, sum);
    v.pause = comm_size(comm) > comm_node_size(comm) ? pause : 0;
    double once = timed(&v, 3);
    comm_max_f64(comm, &once, 1);
    timed(&v, calls_in(WARM_SECONDS, once + v.pause));
    int calls = calls_in(ROUND_SECONDS, once + v.pause);
    for (int r = 0; r < ROUNDS; r++)
        seconds[r] = timed(&v, calls);
    comm_max_f64(comm, seconds, ROUNDS);
    timer_median(seconds, ROUNDS);
    sum->seconds = seconds[ROUNDS / 4]; /* other work can only slow them down */
    sum->low = seconds[0];
    sum->high = seconds[ROUNDS - 1];
    for (int r = 0; r < BUSY_ROUNDS; r++)
        busy[r] = timed_busy(&v, sum->seconds, stages(comm));
    comm_max_f64(comm, busy, BUSY_ROUNDS);
    sum->busy = timer_median(busy, BUSY_ROUNDS);
    sum->busy = sum->busy < sum->seconds ? sum->busy : sum->seconds;
    comm_vectors(comm, 0);
    free(v.result);
}
