/* scaling: the sums over ranks, piece by piece, as a simulation of the link and the CPU.
 */
#include <math.h>

#include "comm/world.h"
#include "scaling_impl.h"

#define BISECTIONS  40
#define FACTOR_MOST 1e6

struct comm_world scaling_world(const struct scaling *s, int ranks)
{
    return (struct comm_world){
        .ranks = ranks,
        .per_node = s->per_node,
        .align = s->align,
        .link = s->network.between_nodes ? s->network.link : (struct comm_link){0},
    };
}

/* A piece on its way through the network: stages that follow each other. Each uses the
   CPU, then the link, and then waits for what it has sent to arrive. */
struct piece_flow {
    int left;               /* stages */
    double wait, link, cpu; /* of a stage */
    double arrival;         /* of what the next stage waits for */
};

struct piece_flows {
    int count;
    struct piece_flow flow[EXCHANGE_PIECES];
    double now, link_free;
};

/* Factors by which measured sums differ from the costs' plain arithmetic. */
struct cost_factors {
    double latency, link, cpu;
};

/* The sums of a step on so many ranks: the work of each piece. */
struct world_sums {
    const struct scaling *scaling;
    struct comm_world world;
    struct comm_work work[EXCHANGE_PIECES];
};

static struct world_sums world_sums_of(const struct scaling *s, int ranks, int grains)
{
    struct world_sums sums = {.scaling = s, .world = scaling_world(s, ranks)};
    for (int p = 0; p < s->backward.pieces; p++)
        sums.work[p] = comm_world_work(&sums.world, grains, s->backward.floats[p]);
    return sums;
}

static struct piece_flow flow_of(const struct world_sums *sums,
                                 const struct comm_work *work,
                                 const struct cost_factors *factors)
{
    const struct scaling_costs *costs = &sums->scaling->costs;
    double sharing = fmin(sums->world.per_node, sums->world.ranks);
    double link = work->messages * costs->message + work->floats * costs->link;
    double cpu = work->touched * costs->touched + work->floats / sharing * costs->copy;
    struct piece_flow flow = {.left = (int)(work->rounds + work->meetings)};
    flow.wait = factors->latency *
                (work->rounds * costs->latency + work->meetings * costs->meeting) /
                flow.left;
    flow.link = factors->link * link / flow.left;
    flow.cpu = factors->cpu * cpu / flow.left;
    return flow;
}

static struct piece_flows flows_of(const struct world_sums *sums,
                                   const struct cost_factors *factors)
{
    struct piece_flows flows = {.count = sums->scaling->backward.pieces};
    for (int p = 0; p < flows.count; p++)
        flows.flow[p] = flow_of(sums, &sums->work[p], factors);
    return flows;
}

/* Sends a stage; its CPU time passes now. */
static void send_stage(struct piece_flows *flows, struct piece_flow *flow)
{
    flows->now += flow->cpu;
    flows->link_free = fmax(flows->link_free, flows->now) + flow->link;
    flow->arrival = flows->link_free + flow->wait;
    flow->left--;
}

/* Every started piece whose stage has arrived sends the next one. */
static void poll_pieces(struct piece_flows *flows, int started)
{
    for (int p = 0; p < started; p++)
        while (flows->flow[p].left > 0 && flows->flow[p].arrival <= flows->now)
            send_stage(flows, &flows->flow[p]);
}

/* Waits until all pieces have arrived. */
static void finish_pieces(struct piece_flows *flows)
{
    for (;;) {
        struct piece_flow *next = NULL;
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

static double sums_alone(const struct world_sums *sums, struct cost_factors factors)
{
    struct piece_flows flows = flows_of(sums, &factors);
    finish_pieces(&flows);
    return flows.now;
}

/* How long after the end of the last grain's backward, which computes for `backward`
   seconds, the last piece arrives. */
static double sums_exposed(const struct world_sums *sums, struct cost_factors factors,
                           double backward)
{
    struct piece_flows flows = flows_of(sums, &factors);
    const struct scaling_backward *b = &sums->scaling->backward;
    int started = 0;
    for (int i = 0; i < b->polls; i++) {
        flows.now += (b->share[i] - (i ? b->share[i - 1] : 0)) * backward;
        for (; started < b->pieces && b->ready[started] <= i; started++)
            flows.flow[started].arrival = flows.now;
        poll_pieces(&flows, started);
    }
    finish_pieces(&flows);
    return flows.now - backward;
}

/* The link factor with which the sums take `seconds`, by doubling and bisection; that of
   latency is the same. */
static struct cost_factors fit_link(const struct world_sums *sums, double cpu,
                                    double seconds)
{
    double low = 0, high = 1;
    while (sums_alone(sums, (struct cost_factors){high, high, cpu}) < seconds &&
           high < FACTOR_MOST)
        high *= 2;
    for (int i = 0; i < BISECTIONS; i++) {
        double middle = (low + high) / 2;
        if (sums_alone(sums, (struct cost_factors){middle, middle, cpu}) > seconds)
            high = middle;
        else
            low = middle;
    }
    return (struct cost_factors){low, low, cpu};
}

/* The factors with which a measured world's sums take as long as they did: first that of
   the CPU, from its share of the time, then that of the link. */
static struct cost_factors fit_factors(const struct scaling *s,
                                       const struct scaling_sum *measured)
{
    const struct exchange_sum *sum = &measured->sum;
    struct world_sums sums = world_sums_of(s, measured->ranks, sum->grains);
    double cpu = sums_alone(&sums, (struct cost_factors){0, 0, 1});
    double factor = cpu > 0 ? fmin(sum->busy, sum->seconds) / cpu : 0;
    return fit_link(&sums, factor, sum->seconds);
}

/* The measured sum of so many ranks, or of the most that are fewer; NULL: none. */
static const struct scaling_sum *nearest_sum(const struct scaling *s, int ranks)
{
    const struct scaling_sum *best = NULL;
    for (int i = 0; i < s->sums; i++)
        if (s->sum[i].ranks > 1 && s->sum[i].ranks <= ranks &&
            (!best || s->sum[i].ranks > best->ranks))
            best = &s->sum[i];
    return best;
}

/* Sums measured within a node say nothing about a network that was given. */
static struct cost_factors factors_for(const struct scaling *s, int ranks)
{
    const struct scaling_sum *measured = nearest_sum(s, ranks);
    bool given = s->network.given && ranks > s->per_node;
    return measured && !given ? fit_factors(s, measured) : (struct cost_factors){1, 1, 1};
}

struct scaling_sums scaling_sum_up(const struct scaling *s, int ranks, int grains,
                                   double backward)
{
    struct scaling_sums result = {0};
    if (ranks == 1)
        return result;
    struct world_sums sums = world_sums_of(s, ranks, grains);
    struct cost_factors factors = factors_for(s, ranks);
    struct cost_factors no_latency = factors, no_link = factors;
    no_latency.latency = no_link.link = 0;
    result.alone = sums_alone(&sums, factors);
    result.exposed = sums_exposed(&sums, factors, backward);
    result.latency = result.alone - sums_alone(&sums, no_latency);
    result.link = result.alone - sums_alone(&sums, no_link);
    return result;
}
