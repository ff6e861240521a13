/* scaling: the sums over ranks, piece by piece. */
#include <math.h>

#include "comm/world.h"
#include "scaling_impl.h"

#define BISECTIONS 40

/* One piece's way through the network: stages that follow each other, each on the link
   for a while, then on its way, then with the CPU. */
struct flow {
    int stages, left;
    double wait, link, cpu; /* of a stage */
    double arrival;         /* of what it waits for */
};

struct flows {
    int count;
    struct flow flow[EXCHANGE_PIECES];
    double now, link_free;
};

/* How measured sums differ from the costs' plain arithmetic. */
struct scales {
    double network, cpu;
};

static struct flow flow_of(const struct scaling *s, const struct comm_world *world,
                           int grains, size_t floats, struct scales scales)
{
    struct comm_work work = comm_world_work(world, grains, floats);
    const struct scaling_costs *costs = &s->costs;
    double sharing = fmin(world->per_node, world->ranks);
    struct flow flow = {.stages = (int)(work.rounds + work.meetings)};
    double wait = work.rounds * costs->latency + work.meetings * costs->meeting;
    double link = work.messages * costs->message + work.floats * costs->link;
    double cpu = work.touched * costs->touched + work.floats / sharing * costs->copy;
    flow.left = flow.stages;
    flow.wait = scales.network * wait / flow.stages;
    flow.link = scales.network * link / flow.stages;
    flow.cpu = scales.cpu * cpu / flow.stages;
    return flow;
}

static struct flows flows_of(const struct scaling *s, int ranks, int grains,
                             struct scales scales)
{
    const struct comm_world world = {ranks, s->per_node, s->align};
    struct flows flows = {.count = s->backward.pieces};
    for (int p = 0; p < flows.count; p++)
        flows.flow[p] = flow_of(s, &world, grains, s->backward.floats[p], scales);
    return flows;
}

/* A stage goes out; what it needs of the CPU is taken now. */
static void send_stage(struct flows *flows, struct flow *flow)
{
    flows->now += flow->cpu;
    flows->link_free = fmax(flows->link_free, flows->now) + flow->link;
    flow->arrival = flows->link_free + flow->wait;
    flow->left--;
}

/* Whatever has arrived goes on. started: pieces that are under way. */
static void poll(struct flows *flows, int started)
{
    for (int p = 0; p < started; p++)
        while (flows->flow[p].left > 0 && flows->flow[p].arrival <= flows->now)
            send_stage(flows, &flows->flow[p]);
}

/* Nothing else to do than to wait: until all have arrived. */
static void finish(struct flows *flows)
{
    for (;;) {
        struct flow *next = NULL;
        for (int p = 0; p < flows->count; p++)
            if (flows->flow[p].left > 0 &&
                (!next || flows->flow[p].arrival < next->arrival))
                next = &flows->flow[p];
        if (!next)
            break;
        flows->now = fmax(flows->now, next->arrival);
        send_stage(flows, next);
    }
    for (int p = 0; p < flows->count; p++)
        flows->now = fmax(flows->now, flows->flow[p].arrival);
}

static double sums_alone(const struct scaling *s, int ranks, int grains,
                         struct scales scales)
{
    struct flows flows = flows_of(s, ranks, grains, scales);
    finish(&flows);
    return flows.now;
}

/* The last grain's backward takes `backward` seconds of computing; how much later than
   these are all pieces there? */
static double sums_exposed(const struct scaling *s, int ranks, int grains,
                           struct scales scales, double backward)
{
    struct flows flows = flows_of(s, ranks, grains, scales);
    const struct scaling_backward *b = &s->backward;
    int started = 0;
    for (int i = 0; i < b->polls; i++) {
        flows.now += (b->share[i] - (i ? b->share[i - 1] : 0)) * backward;
        for (; started < b->pieces && b->ready[started] <= i; started++)
            flows.flow[started].arrival = flows.now;
        poll(&flows, started);
    }
    finish(&flows);
    return flows.now - backward;
}

/* So that the sums measured in `measured` take as long as they did. */
static struct scales scales_of(const struct scaling *s,
                               const struct scaling_sum *measured)
{
    const struct exchange_sum *sum = &measured->sum;
    struct scales low = {0, 0}, high, cpu = {0, 1};
    double alone = sums_alone(s, measured->ranks, sum->grains, cpu);
    low.cpu = alone > 0 ? fmin(sum->busy, sum->seconds) / alone : 0;
    high = low;
    for (high.network = 1;
         sums_alone(s, measured->ranks, sum->grains, high) < sum->seconds &&
         high.network < 1e6;)
        high.network *= 2;
    for (int i = 0; i < BISECTIONS; i++) {
        struct scales middle = {(low.network + high.network) / 2, low.cpu};
        bool over = sums_alone(s, measured->ranks, sum->grains, middle) > sum->seconds;
        *(over ? &high : &low) = middle;
    }
    return low;
}

/* Of the measured world that is nearest: its own, or the largest. */
static const struct scaling_sum *nearest(const struct scaling *s, int ranks)
{
    const struct scaling_sum *best = NULL;
    for (int i = 0; i < s->sums; i++)
        if (s->sum[i].ranks > 1 && s->sum[i].ranks <= ranks &&
            (!best || s->sum[i].ranks > best->ranks))
            best = &s->sum[i];
    return best;
}

struct scaling_sums scaling_sum_up(const struct scaling *s, int ranks, int grains,
                                   double backward)
{
    struct scaling_sums sums = {0, 0};
    struct scales scales = {1, 1};
    const struct scaling_sum *measured = nearest(s, ranks);
    bool given = s->network.given && ranks > s->per_node;
    if (ranks == 1)
        return sums;
    if (measured)
        scales = scales_of(s, measured);
    if (given)
        scales.network = 1;
    sums.alone = sums_alone(s, ranks, grains, scales);
    sums.exposed = sums_exposed(s, ranks, grains, scales, backward);
    return sums;
}
