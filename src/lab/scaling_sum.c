/* scaling: the sums over ranks, piece by piece, as a simulation of the link and the
   CPU. */
#include <math.h>

#include "comm/world.h"
#include "scaling_impl.h"

#define SUM_BISECTIONS  40
#define SUM_FACTOR_MOST 1e6

struct topology scaling_world(const struct scaling *s, int ranks)
{
    struct topology world;
    topology_init_even(&world, ranks, s->per_node);
    world.share_align = s->align;
    if (s->network.between_nodes)
        world.link = s->network.link;
    return world;
}

/* A piece that is being summed, in rounds that follow each other. Each uses the CPU, then
   the link, and then waits for what it has sent to arrive. */
struct sum_piece {
    int left;               /* rounds, of messages or meetings */
    double wait, link, cpu; /* of a round */
    double arrival;         /* of what the next round waits for */
};

struct sum_simulation {
    int pieces;
    struct sum_piece piece[EXCHANGE_PIECES];
    double now, link_free;
};

/* Factors by which measured sums differ from the costs' plain arithmetic. */
struct cost_factors {
    double latency, link, cpu;
};

/* The sums of a step on `ranks` ranks: the work of each piece. */
struct world_sums {
    const struct scaling *scaling;
    int ranks;
    struct comm_work work[EXCHANGE_PIECES];
};

static struct world_sums world_sums_of(const struct scaling *s, int ranks, int grains)
{
    struct world_sums sums = {.scaling = s, .ranks = ranks};
    struct topology world = scaling_world(s, ranks);
    for (int p = 0; p < s->backward.pieces; p++)
        sums.work[p] = comm_work_of(&world, grains, s->backward.floats[p]);
    topology_release(&world);
    return sums;
}

static struct sum_piece sum_piece_of(const struct world_sums *sums,
                                     const struct comm_work *work,
                                     const struct cost_factors *factors)
{
    const struct scaling_costs *costs = &sums->scaling->costs;
    double sharing = fmin(sums->scaling->per_node, sums->ranks);
    double link = work->messages * costs->message + work->floats * costs->link;
    double cpu = work->touched * costs->touched + work->floats / sharing * costs->copy;
    struct sum_piece piece = {.left = (int)(work->rounds + work->meetings)};
    piece.wait = factors->latency *
                 (work->rounds * costs->latency + work->meetings * costs->meeting) /
                 piece.left;
    piece.link = factors->link * link / piece.left;
    piece.cpu = factors->cpu * cpu / piece.left;
    return piece;
}

static struct sum_simulation sum_simulate(const struct world_sums *sums,
                                          const struct cost_factors *factors)
{
    struct sum_simulation sim = {.pieces = sums->scaling->backward.pieces};
    for (int p = 0; p < sim.pieces; p++)
        sim.piece[p] = sum_piece_of(sums, &sums->work[p], factors);
    return sim;
}

/* Sends a round of a piece; its CPU time passes now. */
static void sum_send_round(struct sum_simulation *sim, struct sum_piece *piece)
{
    sim->now += piece->cpu;
    sim->link_free = fmax(sim->link_free, sim->now) + piece->link;
    piece->arrival = sim->link_free + piece->wait;
    piece->left--;
}

/* Every started piece whose round has arrived sends the next one. */
static void sum_poll_pieces(struct sum_simulation *sim, int started)
{
    for (int p = 0; p < started; p++)
        while (sim->piece[p].left > 0 && sim->piece[p].arrival <= sim->now)
            sum_send_round(sim, &sim->piece[p]);
}

/* Waits until all pieces have arrived. */
static void sum_finish_pieces(struct sum_simulation *sim)
{
    for (;;) {
        struct sum_piece *next = NULL;
        for (int p = 0; p < sim->pieces; p++)
            if (sim->piece[p].left > 0 &&
                (!next || sim->piece[p].arrival < next->arrival))
                next = &sim->piece[p];
        if (!next)
            break;
        sim->now = fmax(sim->now, next->arrival);
        sum_send_round(sim, next);
    }
    for (int p = 0; p < sim->pieces; p++)
        sim->now = fmax(sim->now, sim->piece[p].arrival);
}

static double sums_alone(const struct world_sums *sums, struct cost_factors factors)
{
    struct sum_simulation sim = sum_simulate(sums, &factors);
    sum_finish_pieces(&sim);
    return sim.now;
}

/* How long after the end of the last grain's backward, which computes for `backward`
   seconds, the last piece arrives. */
static double sums_exposed(const struct world_sums *sums, struct cost_factors factors,
                           double backward)
{
    struct sum_simulation sim = sum_simulate(sums, &factors);
    const struct scaling_backward *b = &sums->scaling->backward;
    int started = 0;
    for (int i = 0; i < b->polls; i++) {
        sim.now += (b->share[i] - (i ? b->share[i - 1] : 0)) * backward;
        for (; started < b->pieces && b->ready[started] <= i; started++)
            sim.piece[started].arrival = sim.now;
        sum_poll_pieces(&sim, started);
    }
    sum_finish_pieces(&sim);
    return sim.now - backward;
}

/* The link factor with which the sums take `seconds`, by doubling and bisection; that of
   latency is the same. */
static struct cost_factors sum_fit_link(const struct world_sums *sums, double cpu,
                                        double seconds)
{
    double low = 0, high = 1;
    while (sums_alone(sums, (struct cost_factors){high, high, cpu}) < seconds &&
           high < SUM_FACTOR_MOST)
        high *= 2;
    for (int i = 0; i < SUM_BISECTIONS; i++) {
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
static struct cost_factors sum_fit_factors(const struct scaling *s,
                                           const struct scaling_sum *measured)
{
    const struct exchange_sum *sum = &measured->sum;
    struct world_sums sums = world_sums_of(s, measured->ranks, sum->grains);
    double cpu = sums_alone(&sums, (struct cost_factors){0, 0, 1});
    double factor = cpu > 0 ? fmin(sum->busy, sum->seconds) / cpu : 0;
    return sum_fit_link(&sums, factor, sum->seconds);
}

/* The measured sum of `ranks` ranks, or of the most that are fewer; NULL: none. */
static const struct scaling_sum *sum_nearest(const struct scaling *s, int ranks)
{
    const struct scaling_sum *best = NULL;
    for (int i = 0; i < s->sums; i++)
        if (s->sum[i].ranks > 1 && s->sum[i].ranks <= ranks &&
            (!best || s->sum[i].ranks > best->ranks))
            best = &s->sum[i];
    return best;
}

/* Sums measured within a node say nothing about a network that was given. */
static struct cost_factors sum_factors(const struct scaling *s, int ranks)
{
    const struct scaling_sum *measured = sum_nearest(s, ranks);
    bool given = s->network.given && ranks > s->per_node;
    return measured && !given ? sum_fit_factors(s, measured)
                              : (struct cost_factors){1, 1, 1};
}

struct scaling_sums scaling_sum_up(const struct scaling *s, int ranks, int grains,
                                   double backward)
{
    struct scaling_sums result = {0};
    if (ranks == 1)
        return result;
    struct world_sums sums = world_sums_of(s, ranks, grains);
    struct cost_factors factors = sum_factors(s, ranks);
    struct cost_factors no_latency = factors, no_link = factors;
    no_latency.latency = no_link.link = 0;
    result.alone = sums_alone(&sums, factors);
    result.exposed = sums_exposed(&sums, factors, backward);
    result.latency = result.alone - sums_alone(&sums, no_latency);
    result.link = result.alone - sums_alone(&sums, no_link);
    return result;
}
