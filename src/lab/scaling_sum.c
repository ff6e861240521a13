/* scaling: the sums over ranks, piece by piece. */
#include <math.h>

#include "comm/world.h"
#include "scaling_impl.h"

#define BISECTIONS 40
#define SCALE_MOST 1e6

/* One piece's way through the network: stages that follow each other, each on the link
   for a while, then on its way, then with the CPU. */
struct flow {
    int left;               /* stages */
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
    double latency, link, cpu;
};

/* A world's sums: what each piece takes. */
struct job {
    const struct scaling *scaling;
    struct comm_world world;
    struct comm_work work[EXCHANGE_PIECES];
};

static void job_init(struct job *job, const struct scaling *s, int ranks, int grains)
{
    *job = (struct job){.scaling = s, .world = scaling_world(s, ranks)};
    for (int p = 0; p < s->backward.pieces; p++)
        job->work[p] = comm_world_work(&job->world, grains, s->backward.floats[p]);
}

static struct flow flow_of(const struct job *job, const struct comm_work *work,
                           const struct scales *scales)
{
    const struct scaling_costs *costs = &job->scaling->costs;
    double sharing = fmin(job->world.per_node, job->world.ranks);
    double link = work->messages * costs->message + work->floats * costs->link;
    double cpu = work->touched * costs->touched + work->floats / sharing * costs->copy;
    struct flow flow = {.left = (int)(work->rounds + work->meetings)};
    flow.wait = scales->latency *
                (work->rounds * costs->latency + work->meetings * costs->meeting) /
                flow.left;
    flow.link = scales->link * link / flow.left;
    flow.cpu = scales->cpu * cpu / flow.left;
    return flow;
}

static struct flows flows_of(const struct job *job, const struct scales *scales)
{
    struct flows flows = {.count = job->scaling->backward.pieces};
    for (int p = 0; p < flows.count; p++)
        flows.flow[p] = flow_of(job, &job->work[p], scales);
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

static double sums_alone(const struct job *job, struct scales scales)
{
    struct flows flows = flows_of(job, &scales);
    finish(&flows);
    return flows.now;
}

/* The last grain's backward takes `backward` seconds of computing; how much later than
   these are all pieces there? */
static double sums_exposed(const struct job *job, struct scales scales, double backward)
{
    struct flows flows = flows_of(job, &scales);
    const struct scaling_backward *b = &job->scaling->backward;
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

/* So that the measured world's sums take as long as they did, and the CPU its part. */
static struct scales scales_of(const struct scaling *s,
                               const struct scaling_sum *measured)
{
    const struct exchange_sum *sum = &measured->sum;
    struct job job;
    job_init(&job, s, measured->ranks, sum->grains);
    double cpu = sums_alone(&job, (struct scales){0, 0, 1});
    struct scales low = {0, 0, cpu > 0 ? fmin(sum->busy, sum->seconds) / cpu : 0};
    struct scales high = {1, 1, low.cpu};
    while (sums_alone(&job, high) < sum->seconds && high.link < SCALE_MOST)
        high.latency = high.link = 2 * high.link;
    for (int i = 0; i < BISECTIONS; i++) {
        double middle = (low.link + high.link) / 2;
        struct scales between = {middle, middle, low.cpu};
        *(sums_alone(&job, between) > sum->seconds ? &high : &low) = between;
    }
    return low;
}

/* Of the measured world that is nearest: its own, or the largest one that is smaller. */
static const struct scaling_sum *nearest(const struct scaling *s, int ranks)
{
    const struct scaling_sum *best = NULL;
    for (int i = 0; i < s->sums; i++)
        if (s->sum[i].ranks > 1 && s->sum[i].ranks <= ranks &&
            (!best || s->sum[i].ranks > best->ranks))
            best = &s->sum[i];
    return best;
}

/* What was measured within a node says nothing of a network that was given. */
static struct scales scales_for(const struct scaling *s, int ranks)
{
    const struct scaling_sum *measured = nearest(s, ranks);
    bool given = s->network.given && ranks > s->per_node;
    return measured && !given ? scales_of(s, measured) : (struct scales){1, 1, 1};
}

struct scaling_sums scaling_sum_up(const struct scaling *s, int ranks, int grains,
                                   double backward)
{
    struct scaling_sums sums = {0};
    struct job job;
    if (ranks == 1)
        return sums;
    job_init(&job, s, ranks, grains);
    struct scales scales = scales_for(s, ranks), prompt = scales, wide = scales;
    prompt.latency = wide.link = 0;
    sums.alone = sums_alone(&job, scales);
    sums.exposed = sums_exposed(&job, scales, backward);
    sums.latency = sums.alone - sums_alone(&job, prompt);
    sums.link = sums.alone - sums_alone(&job, wide);
    return sums;
}
