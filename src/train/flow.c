#include "flow.h"

#include "base/where.h"
#include "comm/tree.h"

enum { FORWARD, BACKWARD }; /* kinds of messages */
enum { INPUT, OUTPUT, OUTPUT_GRADIENT, INPUT_GRADIENT, KINDS };

void flow_init(struct flow *flow, const struct crew *crew)
{
    *flow = (struct flow){.crew = crew};
    if (crew->stage->count > 1)
        flow->messages =
            messages_create(crew->stage->line, crew->slots * crew->plan.lanes * KINDS);
}

void flow_release(struct flow *flow)
{
    messages_free(flow->messages);
    *flow = (struct flow){0};
}

void flow_plan(struct flow *flow, int begin, int end, int lanes, uint64_t samples,
               bool train)
{
    flow->begin = begin;
    flow->end = end;
    flow->lanes = lanes;
    flow->rounds = lanes > 0 ? (end - begin + lanes - 1) / lanes : 0;
    flow->samples = samples;
    flow->train = train;
}

/* Samples that a lane has in a round; 0: none. */
static size_t samples_of(const struct flow *flow, int lane, int round)
{
    int first, last;
    tree_share(flow->end - flow->begin, flow->lanes, lane, &first, &last);
    if (first + round >= last)
        return 0;
    uint64_t grain = (uint64_t)flow->crew->model->grain;
    uint64_t begin = (uint64_t)(flow->begin + first + round) * grain;
    uint64_t left = flow->samples - begin;
    return left < grain ? left : grain;
}

static int place_of(const struct flow *flow, int lane, int round, int kind)
{
    int slot = round % flow->crew->slots;
    return (slot * flow->crew->plan.lanes + lane) * KINDS + kind;
}

static void wait_for(struct flow *flow, int round, int kind)
{
    for (int lane = 0; lane < flow->lanes; lane++)
        message_wait(flow->messages, place_of(flow, lane, round, kind));
}

/* Every lane's part of a round in one of the directions. */
static void start(struct flow *flow, int round, int kind)
{
    const struct crew *crew = flow->crew;
    const struct model *model = crew->model;
    int index = crew->stage->index;
    if (round >= flow->rounds)
        return;
    for (int lane = 0; lane < flow->lanes; lane++) {
        const struct workspace *ws = crew_workspace(crew, lane, round);
        int place = place_of(flow, lane, round, kind);
        size_t n = samples_of(flow, lane, round);
        size_t in = n * (size_t)shape_size(model->in);
        size_t out = n * (size_t)shape_size(model->op[model->ops - 1]->out);
        if (n == 0)
            continue;
        if (kind == INPUT)
            message_receive(flow->messages, place, ws->activation[0], in, index - 1,
                            FORWARD);
        else if (kind == OUTPUT)
            message_send(flow->messages, place, ws->activation[model->ops], out,
                         index + 1, FORWARD);
        else if (kind == OUTPUT_GRADIENT)
            message_receive(flow->messages, place, ws->output_gradient, out, index + 1,
                            BACKWARD);
        else
            message_send(flow->messages, place, ws->input_gradient, in, index - 1,
                         BACKWARD);
    }
}

static bool has_before(const struct flow *flow)
{
    return !stage_first(flow->crew->stage);
}

static bool has_behind(const struct flow *flow)
{
    return !stage_last(flow->crew->stage);
}

void flow_open(struct flow *flow)
{
    for (int round = 0; has_before(flow) && round < flow->crew->slots; round++)
        start(flow, round, INPUT);
}

void flow_before_forward(struct flow *flow, int round)
{
    if (has_before(flow))
        wait_for(flow, round, INPUT);
    if (has_behind(flow)) /* of the round that had the slot before */
        wait_for(flow, round, OUTPUT);
}

void flow_after_forward(struct flow *flow, int round)
{
    if (has_behind(flow))
        start(flow, round, OUTPUT);
    if (!flow->train) {
        if (has_before(flow))
            start(flow, round + flow->crew->slots, INPUT);
        return;
    }
    if (has_before(flow)) /* it may lie where the output's gradient comes */
        wait_for(flow, round, INPUT_GRADIENT);
    if (has_behind(flow))
        start(flow, round, OUTPUT_GRADIENT);
}

void flow_before_backward(struct flow *flow, int round)
{
    if (has_behind(flow))
        wait_for(flow, round, OUTPUT_GRADIENT);
}

void flow_after_backward(struct flow *flow, int round)
{
    if (has_before(flow)) {
        start(flow, round, INPUT_GRADIENT);
        start(flow, round + flow->crew->slots, INPUT);
    }
}

void flow_close(struct flow *flow)
{
    for (int slot = 0; flow->messages && slot < flow->crew->slots; slot++)
        for (int kind = 0; kind < KINDS; kind++)
            wait_for(flow, slot, kind);
}
