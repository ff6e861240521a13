#include "flow.h"

#include "base/div.h"
#include "base/where.h"
#include "comm/tree.h"

enum flow_tag { FLOW_FORWARD, FLOW_BACKWARD };
enum flow_kind {
    FLOW_INPUT,
    FLOW_OUTPUT,
    FLOW_OUTPUT_GRADIENT,
    FLOW_INPUT_GRADIENT,
    FLOW_KINDS
};

void flow_init(struct flow *flow, const struct crew *crew)
{
    *flow = (struct flow){.crew = crew};
    if (crew->stage->count > 1)
        flow->messages = messages_create(crew->stage->line,
                                         crew->slots * crew->plan.lanes * FLOW_KINDS);
}

void flow_release(struct flow *flow)
{
    messages_free(flow->messages);
    *flow = (struct flow){0};
}

void flow_plan(struct flow *flow, const struct grain_range *grains, int lanes, bool train)
{
    int count = grains->end - grains->begin;
    flow->grains = *grains;
    flow->lanes = lanes;
    flow->rounds = lanes > 0 ? div_up(count, lanes) : 0;
    flow->train = train;
}

/* Samples that a lane has in a round; 0: it has no grain there. */
static size_t flow_samples(const struct flow *flow, int lane, int round)
{
    const struct grain_range *grains = &flow->grains;
    int first, last;
    tree_share(grains->end - grains->begin, flow->lanes, lane, &first, &last);
    if (first + round >= last)
        return 0;
    return (size_t)grain_samples(grains->samples, grains->count,
                                 grains->begin + first + round);
}

static int flow_place(const struct flow *flow, int lane, int round, int kind)
{
    int slot = round % flow->crew->slots;
    return (slot * flow->crew->plan.lanes + lane) * FLOW_KINDS + kind;
}

static void flow_wait(struct flow *flow, int round, int kind)
{
    for (int lane = 0; lane < flow->lanes; lane++)
        message_wait(flow->messages, flow_place(flow, lane, round, kind));
}

/* Gradients go back as far as something before learns. */
static bool flow_has_kind(const struct model *model, int kind)
{
    bool learns = model->learns_before || model->learn_begin < model->params;
    return kind == FLOW_OUTPUT_GRADIENT  ? learns
           : kind == FLOW_INPUT_GRADIENT ? model->learns_before
                                         : true;
}

/* Starts the messages of one kind of all lanes of a round. */
static void flow_start(struct flow *flow, int round, int kind)
{
    const struct crew *crew = flow->crew;
    const struct model *model = crew->model;
    int index = crew->stage->index;
    if (round >= flow->rounds || !flow_has_kind(model, kind))
        return;
    for (int lane = 0; lane < flow->lanes; lane++) {
        const struct workspace *ws = crew_workspace(crew, lane, round);
        int place = flow_place(flow, lane, round, kind);
        size_t n = flow_samples(flow, lane, round);
        size_t in = n * (size_t)shape_size(model->in);
        size_t out = n * (size_t)shape_size(model->op[model->ops - 1]->out);
        if (n == 0)
            continue;
        if (kind == FLOW_INPUT)
            message_receive(flow->messages, place, ws->activation[0], in, index - 1,
                            FLOW_FORWARD);
        else if (kind == FLOW_OUTPUT)
            message_send(flow->messages, place, ws->activation[model->ops], out,
                         index + 1, FLOW_FORWARD);
        else if (kind == FLOW_OUTPUT_GRADIENT)
            message_receive(flow->messages, place, ws->output_gradient, out, index + 1,
                            FLOW_BACKWARD);
        else
            message_send(flow->messages, place, ws->input_gradient, in, index - 1,
                         FLOW_BACKWARD);
    }
}

static bool flow_has_previous(const struct flow *flow)
{
    return !stage_first(flow->crew->stage);
}

static bool flow_has_next(const struct flow *flow)
{
    return !stage_last(flow->crew->stage);
}

void flow_open(struct flow *flow)
{
    for (int round = 0; flow_has_previous(flow) && round < flow->crew->slots; round++)
        flow_start(flow, round, FLOW_INPUT);
}

void flow_before_forward(struct flow *flow, int round)
{
    if (flow_has_previous(flow))
        flow_wait(flow, round, FLOW_INPUT);
    if (flow_has_next(flow)) /* of the previous round in this slot */
        flow_wait(flow, round, FLOW_OUTPUT);
}

void flow_after_forward(struct flow *flow, int round)
{
    if (flow_has_next(flow))
        flow_start(flow, round, FLOW_OUTPUT);
    if (!flow->train) {
        if (flow_has_previous(flow))
            flow_start(flow, round + flow->crew->slots, FLOW_INPUT);
        return;
    }
    if (flow_has_previous(flow)) /* its buffer may be the output gradient's */
        flow_wait(flow, round, FLOW_INPUT_GRADIENT);
    if (flow_has_next(flow))
        flow_start(flow, round, FLOW_OUTPUT_GRADIENT);
}

void flow_before_backward(struct flow *flow, int round)
{
    if (flow_has_next(flow))
        flow_wait(flow, round, FLOW_OUTPUT_GRADIENT);
}

void flow_after_backward(struct flow *flow, int round)
{
    if (flow_has_previous(flow)) {
        flow_start(flow, round, FLOW_INPUT_GRADIENT);
        flow_start(flow, round + flow->crew->slots, FLOW_INPUT);
    }
}

void flow_close(struct flow *flow)
{
    for (int slot = 0; flow->messages && slot < flow->crew->slots; slot++)
        for (int kind = 0; kind < FLOW_KINDS; kind++)
            flow_wait(flow, slot, kind);
}
