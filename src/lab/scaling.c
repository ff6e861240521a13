#include "lab/scaling.h"

#include <math.h>

#include "base/grain.h"
#include "base/status.h"
#include "comm/world.h"
#include "scaling_impl.h"

/* Shares of more grains than this per lane are not measured but extrapolated. */
#define LANE_GRAINS 8

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

/* The samples of the first rank. */
static int first_rank_samples(const struct scaling *s, int ranks, long long batch)
{
    return (int)grain_begin((uint64_t)batch, grains_of(s, batch),
                            most_grains(s, ranks, batch));
}

int scaling_concurrent(const struct scaling *s, int ranks)
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

static const struct workload_point *find_point(const struct scaling *s, int ranks,
                                               int samples)
{
    for (int i = 0; i < s->points; i++)
        if (s->point[i].ranks == ranks && s->point[i].samples == samples)
            return &s->point[i];
    return NULL;
}

/* The number of samples that take as long as these in whole turns: lanes take their
   grains in turns, and all wait for a lane that has one more. Within one turn threads
   share grains. */
static double turn_samples(const struct scaling *s, int samples)
{
    int grains = grain_count((uint64_t)samples, s->grain);
    double turns = ceil((double)grains / s->lanes);
    return turns > 1 ? turns * s->lanes * samples / grains : samples;
}

static void need_point(struct scaling *s, int ranks, int samples)
{
    if (find_point(s, ranks, samples))
        return;
    ASSERT(s->points < SCALING_POINTS);
    s->point[s->points++] = (struct workload_point){.ranks = ranks, .samples = samples};
}

void scaling_need(struct scaling *s, int ranks, long long batch)
{
    int concurrent = scaling_concurrent(s, ranks),
        samples = first_rank_samples(s, ranks, batch);
    int most = LANE_GRAINS * s->lanes * s->grain;
    if (samples > most) {
        need_point(s, concurrent, most / 2);
        samples = most;
    }
    need_point(s, concurrent, samples);
}

/* Of the points of so many ranks, the one with the most samples of at most x
   (turn_samples); NULL: there is none. */
static const struct workload_point *point_below(const struct scaling *s, int ranks,
                                                double x)
{
    const struct workload_point *best = NULL;
    for (int i = 0; i < s->points; i++) {
        double at = turn_samples(s, s->point[i].samples);
        if (s->point[i].ranks == ranks && at <= x &&
            (!best || at > turn_samples(s, best->samples)))
            best = &s->point[i];
    }
    return best;
}

/* The same, the one with the fewest samples of more than x. */
static const struct workload_point *point_above(const struct scaling *s, int ranks,
                                                double x)
{
    const struct workload_point *best = NULL;
    for (int i = 0; i < s->points; i++) {
        double at = turn_samples(s, s->point[i].samples);
        if (s->point[i].ranks == ranks && at > x &&
            (!best || at < turn_samples(s, best->samples)))
            best = &s->point[i];
    }
    return best;
}

/* On the line through two points. */
static struct workload_point on_line(const struct scaling *s,
                                     const struct workload_point *low,
                                     const struct workload_point *high, double x)
{
    double from = turn_samples(s, low->samples), to = turn_samples(s, high->samples);
    double share = (x - from) / (to - from);
    struct workload_point point = *low;
    point.seconds += share * (high->seconds - low->seconds);
    point.backward += share * (high->backward - low->backward);
    point.update += share * (high->update - low->update);
    return point;
}

/* In proportion to a single point, except the update, which takes the same time. */
static struct workload_point in_proportion(const struct scaling *s,
                                           const struct workload_point *only, double x)
{
    struct workload_point point = *only;
    double share = x / turn_samples(s, only->samples);
    point.seconds = only->update + (only->seconds - only->update) * share;
    point.backward *= share;
    return point;
}

/* What a rank computes in a step: as measured; else interpolated between its neighbours,
   extrapolated from the two nearest points on one side, or in proportion to one. */
static struct workload_point compute_point(const struct scaling *s, int ranks,
                                           int samples)
{
    const struct workload_point *exact = find_point(s, ranks, samples);
    if (exact)
        return *exact;
    double x = turn_samples(s, samples);
    const struct workload_point *low = point_below(s, ranks, x);
    const struct workload_point *high = point_above(s, ranks, x);
    ASSERT(low || high);
    if (low && high)
        return on_line(s, low, high, x);
    const struct workload_point *nearest = low ? low : high;
    double at = turn_samples(s, nearest->samples);
    const struct workload_point *next =
        low ? point_below(s, ranks, at - 1) : point_above(s, ranks, at);
    if (!next)
        return in_proportion(s, nearest, x);
    return low ? on_line(s, next, nearest, x) : on_line(s, nearest, next, x);
}

/* --- a step --- */

/* A rank alone copies the sum where several ranks exchange it. */
static double copy_alone(const struct scaling *s)
{
    for (int i = 0; i < s->sums; i++)
        if (s->sum[i].ranks == 1)
            return s->sum[i].sum.seconds;
    return 0;
}

/* Ranks without grains learn the flags of the others by a small sum of its own. */
static double flags_seconds(const struct scaling *s, int ranks)
{
    double rounds = ceil(log2(ranks)), inside = ceil(log2(fmin(ranks, s->per_node)));
    return inside * s->costs.meeting + (rounds - inside) * s->costs.latency;
}

static void row_add_times(const struct scaling *s, struct scaling_row *row)
{
    int samples = first_rank_samples(s, row->ranks, row->batch);
    int lanes = row->most < s->lanes ? row->most : s->lanes;
    struct workload_point work =
        compute_point(s, scaling_concurrent(s, row->ranks), samples);
    double turns = ceil((double)row->most / lanes);
    struct scaling_sums sums =
        scaling_sum_up(s, row->ranks, row->grains, work.backward / turns);
    bool shared = s->teams && lanes < s->threads;
    double flags = row->ranks > row->grains ? flags_seconds(s, row->ranks) : 0;
    row->update = work.update;
    row->compute = work.seconds - work.update - (row->ranks > 1 ? copy_alone(s) : 0);
    row->reduce = sums.alone + flags;
    row->latency = sums.latency + flags;
    row->link = sums.link;
    row->exposed = (s->overlap && !shared ? sums.exposed : sums.alone) + flags;
    row->step_no_overlap = row->compute + row->reduce + row->update;
    row->step = row->compute + row->exposed + row->update;
}

static struct scaling_row row_init(const struct scaling *s, int ranks, long long batch)
{
    const struct comm_world world = scaling_world(s, ranks);
    struct scaling_row row = {
        .ranks = ranks,
        .nodes = comm_world_nodes(&world),
        .batch = batch,
        .grains = grains_of(s, batch),
        .most = most_grains(s, ranks, batch),
    };
    row_add_times(s, &row);
    return row;
}

void scaling_predict(const struct scaling *s, int ranks, long long batch,
                     struct scaling_row *row)
{
    struct scaling_row one = row_init(s, 1, s->batch);
    *row = row_init(s, ranks, batch);
    row->images_per_second = (double)row->batch / row->step;
    row->efficiency = row->images_per_second / (ranks * s->batch / one.step);
    row->epoch = ceil((double)s->images / (double)row->batch) * row->step;
}

static double share_efficiency(const struct scaling *s, int ranks, long long share)
{
    struct scaling_row row;
    scaling_predict(s, ranks, share * s->grain * ranks, &row);
    return row.efficiency;
}

long long scaling_batch_for(const struct scaling *s, int ranks, double efficiency)
{
    long long below = 0, above = 1;
    while (above <= SCALING_SHARE && share_efficiency(s, ranks, above) < efficiency) {
        below = above;
        above *= 2;
    }
    if (above > SCALING_SHARE)
        return 0;
    while (above - below > 1) {
        long long middle = (above + below) / 2;
        *(share_efficiency(s, ranks, middle) < efficiency ? &below : &above) = middle;
    }
    return above * s->grain * ranks;
}
