#include "lab/scaling.h"

#include <math.h>

#include "base/grain.h"
#include "base/status.h"
#include "scaling_impl.h"

/* Shares of more grains than this per lane are not measured but extrapolated. */
#define SCALING_LANE_GRAINS 8

static int scaling_grains(const struct scaling *s, long long batch)
{
    return grain_count((uint64_t)batch, s->grain);
}

long long scaling_weak_batch(const struct scaling *s, int ranks)
{
    return (long long)s->batch * ranks;
}

/* Grains of the first rank; no other rank owns more. */
static int scaling_first_share(const struct topology *world, int grains)
{
    int begin, end;
    topology_share(world, grains, 0, &begin, &end);
    return end - begin;
}

/* The samples of the first rank. */
static int scaling_first_samples(const struct scaling *s, int ranks, long long batch)
{
    struct topology world = scaling_world(s, ranks);
    int grains = scaling_grains(s, batch);
    int first = scaling_first_share(&world, grains);
    topology_release(&world);
    return (int)grain_begin((uint64_t)batch, grains, first);
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

static const struct workload_point *scaling_find_point(const struct scaling *s, int ranks,
                                                       int samples)
{
    for (int i = 0; i < s->points; i++)
        if (s->point[i].ranks == ranks && s->point[i].samples == samples)
            return &s->point[i];
    return NULL;
}

/* Lanes compute their grains in turns, and in the last turn some lanes may be idle, which
   takes as long as if they were not: the number of samples in full turns. A single turn
   takes as long as its samples, because threads share grains. */
static double scaling_turn_samples(const struct scaling *s, int samples)
{
    int grains = grain_count((uint64_t)samples, s->grain);
    double turns = ceil((double)grains / s->lanes);
    return turns > 1 ? turns * s->lanes * samples / grains : samples;
}

static void scaling_need_point(struct scaling *s, int ranks, int samples)
{
    if (scaling_find_point(s, ranks, samples))
        return;
    ASSERT(s->points < SCALING_POINTS);
    s->point[s->points++] = (struct workload_point){.ranks = ranks, .samples = samples};
}

void scaling_need(struct scaling *s, int ranks, long long batch)
{
    int concurrent = scaling_concurrent(s, ranks),
        samples = scaling_first_samples(s, ranks, batch);
    int most = SCALING_LANE_GRAINS * s->lanes * s->grain;
    if (samples > most) {
        scaling_need_point(s, concurrent, most / 2);
        samples = most;
    }
    scaling_need_point(s, concurrent, samples);
}

/* The point of `ranks` ranks with the most samples, at most x (scaling_turn_samples);
   NULL: there is none. */
static const struct workload_point *scaling_point_below(const struct scaling *s,
                                                        int ranks, double x)
{
    const struct workload_point *best = NULL;
    for (int i = 0; i < s->points; i++) {
        double at = scaling_turn_samples(s, s->point[i].samples);
        if (s->point[i].ranks == ranks && at <= x &&
            (!best || at > scaling_turn_samples(s, best->samples)))
            best = &s->point[i];
    }
    return best;
}

/* The point of `ranks` ranks with the fewest samples, more than x; NULL: there is
   none. */
static const struct workload_point *scaling_point_above(const struct scaling *s,
                                                        int ranks, double x)
{
    const struct workload_point *best = NULL;
    for (int i = 0; i < s->points; i++) {
        double at = scaling_turn_samples(s, s->point[i].samples);
        if (s->point[i].ranks == ranks && at > x &&
            (!best || at < scaling_turn_samples(s, best->samples)))
            best = &s->point[i];
    }
    return best;
}

/* On the line through two points. */
static struct workload_point scaling_point_on_line(const struct scaling *s,
                                                   const struct workload_point *low,
                                                   const struct workload_point *high,
                                                   double x)
{
    double from = scaling_turn_samples(s, low->samples),
           to = scaling_turn_samples(s, high->samples);
    double share = (x - from) / (to - from);
    struct workload_point point = *low;
    point.seconds += share * (high->seconds - low->seconds);
    point.backward += share * (high->backward - low->backward);
    point.update += share * (high->update - low->update);
    return point;
}

/* In proportion to a single point, except the update, which takes the same time. */
static struct workload_point
scaling_point_in_proportion(const struct scaling *s, const struct workload_point *only,
                            double x)
{
    struct workload_point point = *only;
    double share = x / scaling_turn_samples(s, only->samples);
    point.seconds = only->update + (only->seconds - only->update) * share;
    point.backward *= share;
    return point;
}

/* What a rank computes in a step: as measured; else interpolated between its neighbours,
   extrapolated from the two nearest points on one side, or in proportion to one. */
static struct workload_point scaling_compute(const struct scaling *s, int ranks,
                                             int samples)
{
    const struct workload_point *exact = scaling_find_point(s, ranks, samples);
    if (exact)
        return *exact;
    double x = scaling_turn_samples(s, samples);
    const struct workload_point *low = scaling_point_below(s, ranks, x);
    const struct workload_point *high = scaling_point_above(s, ranks, x);
    ASSERT(low || high);
    if (low && high)
        return scaling_point_on_line(s, low, high, x);
    const struct workload_point *nearest = low ? low : high;
    double at = scaling_turn_samples(s, nearest->samples);
    const struct workload_point *next =
        low ? scaling_point_below(s, ranks, at - 1) : scaling_point_above(s, ranks, at);
    if (!next)
        return scaling_point_in_proportion(s, nearest, x);
    return low ? scaling_point_on_line(s, next, nearest, x)
               : scaling_point_on_line(s, nearest, next, x);
}

/* --- a step --- */

/* A rank alone copies the sum where several ranks exchange it. */
static double scaling_copy_seconds(const struct scaling *s)
{
    for (int i = 0; i < s->sums; i++)
        if (s->sum[i].ranks == 1)
            return s->sum[i].sum.seconds;
    return 0;
}

/* With ranks that have no grains, a step also sums its flags separately: the time of this
   small sum, which is that of its messages and meetings. */
static double scaling_flags_seconds(const struct scaling *s, int ranks)
{
    double rounds = ceil(log2(ranks)), inside = ceil(log2(fmin(ranks, s->per_node)));
    return inside * s->costs.meeting + (rounds - inside) * s->costs.latency;
}

static void scaling_row_add_times(const struct scaling *s, struct scaling_row *row)
{
    int samples = scaling_first_samples(s, row->ranks, row->batch);
    int lanes = row->most < s->lanes ? row->most : s->lanes;
    struct workload_point work =
        scaling_compute(s, scaling_concurrent(s, row->ranks), samples);
    double turns = ceil((double)row->most / lanes);
    struct scaling_sums sums =
        scaling_sum_up(s, row->ranks, row->grains, work.backward / turns);
    bool shared = s->teams && lanes < s->threads;
    double flags = row->ranks > row->grains ? scaling_flags_seconds(s, row->ranks) : 0;
    row->update = work.update;
    row->compute =
        work.seconds - work.update - (row->ranks > 1 ? scaling_copy_seconds(s) : 0);
    row->reduce = sums.alone + flags;
    row->latency = sums.latency + flags;
    row->link = sums.link;
    row->exposed = (s->overlap && !shared ? sums.exposed : sums.alone) + flags;
    row->step_no_overlap = row->compute + row->reduce + row->update;
    row->step = row->compute + row->exposed + row->update;
}

static struct scaling_row scaling_row_of(const struct scaling *s, int ranks,
                                         long long batch)
{
    struct topology world = scaling_world(s, ranks);
    int grains = scaling_grains(s, batch);
    struct scaling_row row = {
        .ranks = ranks,
        .nodes = world.nodes,
        .batch = batch,
        .grains = grains,
        .most = scaling_first_share(&world, grains),
    };
    topology_release(&world);
    scaling_row_add_times(s, &row);
    return row;
}

void scaling_predict(const struct scaling *s, int ranks, long long batch,
                     struct scaling_row *row)
{
    struct scaling_row one = scaling_row_of(s, 1, s->batch);
    *row = scaling_row_of(s, ranks, batch);
    row->images_per_second = (double)row->batch / row->step;
    row->efficiency = row->images_per_second / (ranks * s->batch / one.step);
    row->epoch = ceil((double)s->images / (double)row->batch) * row->step;
}

static double scaling_share_efficiency(const struct scaling *s, int ranks,
                                       long long share)
{
    struct scaling_row row;
    scaling_predict(s, ranks, share * s->grain * ranks, &row);
    return row.efficiency;
}

long long scaling_batch_for(const struct scaling *s, int ranks, double efficiency)
{
    long long below = 0, above = 1;
    while (above <= SCALING_SHARE &&
           scaling_share_efficiency(s, ranks, above) < efficiency) {
        below = above;
        above *= 2;
    }
    if (above > SCALING_SHARE)
        return 0;
    while (above - below > 1) {
        long long middle = (above + below) / 2;
        *(scaling_share_efficiency(s, ranks, middle) < efficiency ? &below : &above) =
            middle;
    }
    return above * s->grain * ranks;
}
