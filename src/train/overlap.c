#include "overlap.h"

#include "base/timer.h"
#include "base/trace.h"

void overlap_init(struct overlap *overlap, struct comm *comm, struct reduce *reduce,
                  const struct model *model, const struct parallel_plan *plan,
                  bool wanted, float *sum)
{
    *overlap =
        (struct overlap){.comm = comm, .reduce = reduce, .wanted = wanted, .sum = sum};
    overlap->buckets =
        plan_buckets(plan, model, reduce->count, overlap->bucket, COMM_TREE_PIECES);
}

void overlap_begin(struct overlap *overlap, int grains, int lanes, int members)
{
    overlap->grains = grains;
    overlap->lanes = lanes;
    overlap->on = overlap->wanted && comm_size(overlap->comm) > 1 && members == 1;
    overlap->started = 0;
    for (int b = 0; b < overlap->buckets; b++)
        atomic_store_explicit(&overlap->settled[b], 0, memory_order_relaxed);
}

void overlap_lane_begin(struct overlap_lane *lane, struct overlap *overlap, int index,
                        int thread, int grain)
{
    *lane = (struct overlap_lane){.overlap = overlap, .lane = index, .thread = thread};
    lane->chain = reduce_promise(overlap->reduce, index, grain);
}

static void overlap_start(struct overlap *overlap, int b)
{
    reduce_terms(overlap->reduce, overlap->lanes);
    comm_tree_start(overlap->comm, overlap->grains, overlap->reduce->terms, overlap->sum,
                    overlap->bucket[b].begin, overlap->bucket[b].end);
}

/* Thread 0 starts the sums of all buckets that every lane has settled, and polls. */
static void overlap_advance(struct overlap *overlap)
{
    const struct team alone = {.size = 1};
    while (overlap->started < overlap->buckets) {
        int b = overlap->started;
        if (atomic_load_explicit(&overlap->settled[b], memory_order_acquire) <
            overlap->lanes)
            break;
        reduce_join_range(overlap->reduce, overlap->lanes, &alone,
                          overlap->bucket[b].begin, overlap->bucket[b].end);
        overlap_start(overlap, b);
        overlap->started++;
    }
    comm_tree_poll(overlap->comm);
}

void overlap_ready(void *context, size_t begin, size_t end)
{
    struct overlap_lane *lane = context;
    struct overlap *overlap = lane->overlap;
    (void)end;
    while (lane->settled < overlap->buckets &&
           begin <= overlap->bucket[lane->settled].begin) {
        const struct plan_bucket *bucket = &overlap->bucket[lane->settled];
        reduce_settle(overlap->reduce, lane->lane, lane->chain, bucket->begin,
                      bucket->end);
        atomic_fetch_add_explicit(&overlap->settled[lane->settled++], 1,
                                  memory_order_release);
    }
    if (lane->thread != 0)
        return;
    double t = timer_now();
    overlap_advance(overlap);
    lane->seconds += timer_now() - t;
    trace_end("reduce", "between layers", t);
}

void overlap_join(const struct overlap *overlap, const struct team *all)
{
    if (overlap->started < overlap->buckets)
        reduce_join_range(overlap->reduce, overlap->lanes, all, overlap->reduce->begin,
                          overlap->bucket[overlap->started].end);
}

void overlap_finish(struct overlap *overlap, bool idle)
{
    double begin = timer_now();
    if (idle)
        overlap->lanes = 0;
    for (int b = overlap->started; b < overlap->buckets; b++)
        overlap_start(overlap, b);
    double spanned = comm_tree_wait(overlap->comm);
    if (comm_size(overlap->comm) == 1)
        return;
    overlap->spanned += spanned;
    overlap->waited += timer_now() - begin;
}
