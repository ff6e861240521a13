#include "lab/scaling.h"

#include <math.h>

#include "base/status.h"
#include "comm/world.h"
#include "scaling_impl.h"

/* A share of more grains than this for each lane is not measured but continued. */
#define LANE_GRAINS 8

static struct comm_world world_of(const struct scaling *s, int ranks)
{
    return (struct comm_world){ranks, s->per_node, s->align};
}

static int grains_of(const struct scaling *s, long long batch)
{
    return (int)((batch + s->grain - 1) / s->grain);
}

long long scaling_batch(const struct scaling *s, int ranks, bool weak)
{
    return weak ? (long long)s->batch * ranks : s->batch;
}

static int most_grains(const struct scaling *s, int ranks, bool weak)
{
    const struct comm_world world = world_of(s, ranks);
    return comm_world_share(&world, grains_of(s, scaling_batch(s, ranks, weak)));
}

int scaling_samples(const struct scaling *s, int ranks, bool weak)
{
    long long batch = scaling_batch(s, ranks, weak);
    long long most = (long long)most_grains(s, ranks, weak) * s->grain;
    return (int)(most < batch ? most : batch);
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

/* --- computing --- */

static const struct workload_point *find(const struct scaling *s, int ranks, int samples)
{
    for (int i = 0; i < s->points; i++)
        if (s->point[i].ranks == ranks && s->point[i].samples == samples)
            return &s->point[i];
    return NULL;
}

/* Lanes take their grains in turns: of a last turn that is not full all wait for those
   who have one more. */
static double turns(const struct scaling *s, double samples)
{
    return ceil(samples / s->grain / s->lanes);
}

static int cap_of(const struct scaling *s)
{
    return LANE_GRAINS * s->lanes * s->grain;
}

static void need(struct scaling *s, int ranks, int samples)
{
    if (find(s, ranks, samples))
        return;
    ASSERT(s->points < SCALING_POINTS);
    s->point[s->points++] = (struct workload_point){.ranks = ranks, .samples = samples};
}

void scaling_need(struct scaling *s, int ranks, bool weak)
{
    int beside = scaling_beside(s, ranks), samples = scaling_samples(s, ranks, weak);
    if (samples > cap_of(s)) {
        need(s, beside, cap_of(s) / 2);
        samples = cap_of(s);
    }
    need(s, beside, samples);
}

static struct workload_point work_of(const struct scaling *s, int ranks, int samples)
{
    int beside = scaling_beside(s, ranks), cap = cap_of(s);
    if (samples <= cap) {
        const struct workload_point *point = find(s, beside, samples);
        ASSERT(point);
        return *point;
    }
    const struct workload_point *half = find(s, beside, cap / 2);
    const struct workload_point *full = find(s, beside, cap);
    ASSERT(half && full);
    struct workload_point point = *full;
    double more = (turns(s, samples) - LANE_GRAINS) / (LANE_GRAINS / 2.0);
    point.samples = samples;
    point.seconds += more * (full->seconds - half->seconds);
    point.backward += more * (full->backward - half->backward);
    return point;
}

/* --- a step --- */

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

static void add_up(const struct scaling *s, int ranks, bool weak, struct scaling_row *row)
{
    int samples = scaling_samples(s, ranks, weak);
    struct workload_point work = work_of(s, ranks, samples);
    double last = work.backward / fmax(turns(s, samples), 1);
    struct scaling_sums sums = scaling_sum_up(s, ranks, row->grains, last);
    int lanes = row->most < s->lanes ? row->most : s->lanes;
    bool shared = s->teams && lanes < s->threads;
    row->update = work.update;
    row->compute = work.seconds - work.update - (ranks > 1 ? copy_alone(s) : 0);
    row->reduce = sums.alone;
    row->exposed = s->overlap && !shared ? sums.exposed : sums.alone;
    double others = ranks > row->grains ? flags_seconds(s, ranks) : 0;
    row->step_no_overlap = row->compute + row->reduce + row->update + others;
    row->step = row->compute + row->exposed + row->update + others;
}

void scaling_predict(const struct scaling *s, int ranks, bool weak,
                     struct scaling_row *row)
{
    const struct comm_world world = world_of(s, ranks);
    struct scaling_row one = {.grains = grains_of(s, s->batch)};
    one.most = one.grains;
    *row = (struct scaling_row){.ranks = ranks,
                                .nodes = comm_world_nodes(&world),
                                .batch = scaling_batch(s, ranks, weak)};
    row->grains = grains_of(s, row->batch);
    row->most = most_grains(s, ranks, weak);
    add_up(s, ranks, weak, row);
    add_up(s, 1, false, &one);
    row->images_per_second = (double)row->batch / row->step;
    row->efficiency = row->images_per_second / (ranks * s->batch / one.step);
    row->epoch = ceil((double)s->images / (double)row->batch) * row->step;
}
