#include "lab/scaling.h"

#include <math.h>

#include "base/grain.h"
#include "base/status.h"
#include "comm/world.h"
#include "scaling_impl.h"

/* A share of more grains than this for each lane is not measured but continued. */
#define LANE_GRAINS 8

struct comm_world scaling_world(const struct scaling *s, int ranks)
{
    return (struct comm_world){
        .ranks = ranks,
        .per_node = s->per_node,
        .align = s->align,
        .link = s->network.between_nodes ? s->network.link : (struct comm_link){0},
    };
}

static int grains_of(const struct scaling *s, long long batch)
{
    return grain_count((uint64_t)batch, s->grain);
}

long long scaling_weak_batch(const struct scaling *s, int ranks)
{
    return (long long)s->batch * ranks;
}

static int most_grains(const struct scaling *s, int ranks, long long batch)
{
    const struct comm_world world = scaling_world(s, ranks);
    return comm_world_share(&world, grains_of(s, batch));
}

/* What the first rank computes. */
static int samples_of(const struct scaling *s, int ranks, long long batch)
{
    return (int)grain_begin((uint64_t)batch, grains_of(s, batch),
                            most_grains(s, ranks, batch));
}

int scaling_beside(const struct scaling *s, int ranks)
{
    int most = s->measured > 1 ? s->measured : s->per_node;
    return ranks < most ? ranks : most;
}

int scaling_covered(const struct scaling *s)
{
    if (s->network.given || (s->network.known && s->network.between_nodes))
        return SCALING_MOST;
    return s->per_node;
}

bool scaling_sums_count(const struct scaling *s, int ranks, int node_ranks)
{
    bool alike = s->per_node == node_ranks || ranks <= s->per_node;
    return ranks > 1 && ranks <= s->measured && alike &&
           (ranks <= s->per_node || !s->network.given);
}

/* --- computing --- */

static const struct workload_point *find(const struct scaling *s, int ranks, int samples)
{
    for (int i = 0; i < s->points; i++)
        if (s->point[i].ranks == ranks && s->point[i].samples == samples)
            return &s->point[i];
    return NULL;
}

/* Samples that take as long: lanes take their grains in turns, and all wait for those who
   have one more. Those of one turn may be shared. */
static double length(const struct scaling *s, int samples)
{
    int grains = grain_count((uint64_t)samples, s->grain);
    double turns = ceil((double)grains / s->lanes);
    return turns > 1 ? turns * s->lanes * samples / grains : samples;
}

static void need(struct scaling *s, int ranks, int samples)
{
    if (find(s, ranks, samples))
        return;
    ASSERT(s->points < SCALING_POINTS);
    s->point[s->points++] = (struct workload_point){.ranks = ranks, .samples = samples};
}

void scaling_need(struct scaling *s, int ranks, long long batch)
{
    int beside = scaling_beside(s, ranks), samples = samples_of(s, ranks, batch);
    int most = LANE_GRAINS * s->lanes * s->grain;
    if (samples > most) {
        need(s, beside, most / 2);
        samples = most;
    }
    need(s, beside, samples);
}

/* The longest point of so many ranks that is shorter than x, or as long; the shortest
   that is longer. */
static const struct workload_point *below(const struct scaling *s, int ranks, double x)
{
    const struct workload_point *best = NULL;
    for (int i = 0; i < s->points; i++) {
        double at = length(s, s->point[i].samples);
        if (s->point[i].ranks == ranks && at <= x &&
            (!best || at > length(s, best->samples)))
            best = &s->point[i];
    }
    return best;
}

static const struct workload_point *above(const struct scaling *s, int ranks, double x)
{
    const struct workload_point *best = NULL;
    for (int i = 0; i < s->points; i++) {
        double at = length(s, s->point[i].samples);
        if (s->point[i].ranks == ranks && at > x &&
            (!best || at < length(s, best->samples)))
            best = &s->point[i];
    }
    return best;
}

static struct workload_point between(const struct workload_point *a,
                                     const struct workload_point *b, double more)
{
    struct workload_point point = *a;
    point.seconds += more * (b->seconds - a->seconds);
    point.backward += more * (b->backward - a->backward);
    point.update += more * (b->update - a->update);
    return point;
}

/* A point, or on the line through the two that are nearest on both sides, else on one;
   what is known of one alone is proportional, but for the update. */
static struct workload_point work_of(const struct scaling *s, int ranks, int samples)
{
    const struct workload_point *exact = find(s, ranks, samples);
    double x = length(s, samples);
    const struct workload_point *a = below(s, ranks, x), *b = above(s, ranks, x);
    if (exact)
        return *exact;
    if (!b && a) {
        b = a;
        a = below(s, ranks, length(s, b->samples) - 1);
    } else if (!a && b) {
        a = b;
        b = above(s, ranks, length(s, a->samples));
    }
    ASSERT(a || b);
    if (a && b)
        return between(a, b,
                       (x - length(s, a->samples)) /
                           (length(s, b->samples) - length(s, a->samples)));
    struct workload_point point = a ? *a : *b;
    double share = x / length(s, point.samples);
    point.seconds = point.update + (point.seconds - point.update) * share;
    point.backward *= share;
    return point;
}

/* --- a step --- */

/* A rank alone copies the sum where others exchange it. */
static double copy_alone(const struct scaling *s)
{
    for (int i = 0; i < s->sums; i++)
        if (s->sum[i].ranks == 1)
            return s->sum[i].sum.seconds;
    return 0;
}

/* Ranks without grains are told what the others know: a small sum of its own. */
static double flags_seconds(const struct scaling *s, int ranks)
{
    double rounds = ceil(log2(ranks)), inside = ceil(log2(fmin(ranks, s->per_node)));
    return inside * s->costs.meeting + (rounds - inside) * s->costs.latency;
}

static void add_up(const struct scaling *s, struct scaling_row *row)
{
    int samples = samples_of(s, row->ranks, row->batch);
    int lanes = row->most < s->lanes ? row->most : s->lanes;
    struct workload_point work = work_of(s, scaling_beside(s, row->ranks), samples);
    double turns = ceil((double)row->most / lanes);
    struct scaling_sums sums =
        scaling_sum_up(s, row->ranks, row->grains, work.backward / turns);
    bool shared = s->teams && lanes < s->threads;
    double others = row->ranks > row->grains ? flags_seconds(s, row->ranks) : 0;
    row->update = work.update;
    row->compute = work.seconds - work.update - (row->ranks > 1 ? copy_alone(s) : 0);
    row->reduce = sums.alone + others;
    row->latency = sums.latency + others;
    row->link = sums.link;
    row->exposed = (s->overlap && !shared ? sums.exposed : sums.alone) + others;
    row->step_no_overlap = row->compute + row->reduce + row->update;
    row->step = row->compute + row->exposed + row->update;
}

static struct scaling_row row_of(const struct scaling *s, int ranks, long long batch)
{
    const struct comm_world world = scaling_world(s, ranks);
    struct scaling_row row = {
        .ranks = ranks,
        .nodes = comm_world_nodes(&world),
        .batch = batch,
        .grains = grains_of(s, batch),
        .most = most_grains(s, ranks, batch),
    };
    add_up(s, &row);
    return row;
}

void scaling_predict(const struct scaling *s, int ranks, long long batch,
                     struct scaling_row *row)
{
    struct scaling_row one = row_of(s, 1, s->batch);
    *row = row_of(s, ranks, batch);
    row->images_per_second = (double)row->batch / row->step;
    row->efficiency = row->images_per_second / (ranks * s->batch / one.step);
    row->epoch = ceil((double)s->images / (double)row->batch) * row->step;
}

static double efficiency_of(const struct scaling *s, int ranks, long long share)
{
    struct scaling_row row;
    scaling_predict(s, ranks, share * s->grain * ranks, &row);
    return row.efficiency;
}

long long scaling_batch_for(const struct scaling *s, int ranks, double efficiency)
{
    long long below = 0, above = 1;
    while (above <= SCALING_SHARE && efficiency_of(s, ranks, above) < efficiency) {
        below = above;
        above *= 2;
    }
    if (above > SCALING_SHARE)
        return 0;
    while (above - below > 1) {
        long long middle = (above + below) / 2;
        *(efficiency_of(s, ranks, middle) < efficiency ? &below : &above) = middle;
    }
    return above * s->grain * ranks;
}
