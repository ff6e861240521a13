#include "tape.h"

#include <limits.h>
#include <stdlib.h>

#include "base/mem.h"
#include "kernels/conv_pool.h"

/* While the tape is made: what is known of a buffer. */
struct tape_use {
    int value;   /* that it holds, or its gradient; TAPE_NONE: another thing */
    int holders; /* values whose gradients are in it, and ops that need it */
    bool whole;  /* an op needs all images of the grain at once */
};

struct tape_build {
    struct tape *tape;
    const struct model *model;
    const struct legs *legs;
    struct tape_use *use; /* owned: (buffers) */
    int *gradient;        /* owned: (ops + 1): the sum so far; TAPE_NONE */
};

/* --- time --- */

static int tape_forward(int op)
{
    return op;
}

static int tape_back(const struct tape_build *build, int op)
{
    return 2 * build->model->ops - op;
}

/* The first and last times of a leg. */
static struct span tape_leg_times(const struct tape_build *build, const struct leg *leg,
                                  enum leg_pass pass)
{
    int first =
        pass == LEG_FORWARD ? tape_forward(leg->first) : tape_back(build, leg->first);
    return (struct span){first, first + leg->count - 1};
}

/* The leg of a time and its pass; NULL: of the loss, or there is no such time. */
static const struct leg *tape_leg_at(const struct tape_build *build, int time,
                                     enum leg_pass *pass)
{
    int ops = build->model->ops;
    *pass = time < ops ? LEG_FORWARD : LEG_BACKWARD;
    if (time == ops || time > 2 * ops)
        return NULL;
    const struct legs *legs = &build->legs[*pass];
    return &legs->leg[legs->of[time < ops ? time : 2 * ops - time]];
}

/* When an op begins to read, and to write what `room` and dx hold until its own time. */
static int tape_gather(const struct tape_build *build, int op, enum leg_pass pass)
{
    const struct legs *legs = &build->legs[pass];
    const struct leg *leg = &legs->leg[legs->gathered[op]];
    if (legs->gathered[op] == legs->of[op])
        return pass == LEG_FORWARD ? tape_forward(op) : tape_back(build, op);
    return tape_leg_times(build, leg, pass).end;
}

/* --- buffers --- */

static int tape_add_buffer(struct tape_build *build, size_t bytes, int begin, int end)
{
    struct tape *tape = build->tape;
    size_t count = (size_t)tape->buffers + 1;
    tape->buffer = mem_resize(tape->buffer, count, sizeof *tape->buffer);
    build->use = mem_resize(build->use, count, sizeof *build->use);
    tape->buffer[tape->buffers] =
        (struct lifetime){.bytes = bytes, .begin = begin, .end = end};
    build->use[tape->buffers] = (struct tape_use){.value = TAPE_NONE};
    return tape->buffers++;
}

/* With the slack that vector kernels may read. */
static size_t tape_value_bytes(const struct model *model, int value, int images)
{
    size_t floats = (size_t)images * (size_t)shape_size(model_value_shape(model, value));
    return value < model->begin ? 0 : (floats + CONV_POOL_SLACK) * sizeof(float);
}

static int tape_add_value(struct tape_build *build, int value, int begin, int end)
{
    size_t bytes = tape_value_bytes(build->model, value, build->model->grain);
    int buffer = tape_add_buffer(build, bytes, begin, end);
    build->use[buffer].value = value;
    return buffer;
}

static void tape_live_until(struct tape *tape, int buffer, int time)
{
    if (tape->buffer[buffer].end < time)
        tape->buffer[buffer].end = time;
}

/* --- forward --- */

static void tape_add_rooms(struct tape_build *build, int o)
{
    struct tape *tape = build->tape;
    size_t bytes = build->model->op[o]->room;
    int *room = tape->op[o].room;
    room[LEG_FORWARD] = room[LEG_BACKWARD] = TAPE_NONE;
    if (bytes == 0 || o < build->model->begin)
        return;
    room[LEG_FORWARD] = tape_add_buffer(build, bytes, tape_gather(build, o, LEG_FORWARD),
                                        tape_forward(o));
    if (model_goes_back(build->model, o))
        room[LEG_BACKWARD] = tape_add_buffer(
            build, bytes, tape_gather(build, o, LEG_BACKWARD), tape_back(build, o));
}

static int tape_readers(const struct model *model, int value)
{
    int readers = 0;
    for (int o = 0; o < model->ops; o++)
        for (int i = 0; i < model->wires[o].inputs; i++)
            readers += model->wires[o].value[i] == value;
    return readers;
}

/* Is the op's output written over its input? Not if that is of use to others, nor over
   the input of a part or into its output, which have lives of their own. */
static bool tape_is_in_place(const struct model *model, int o)
{
    int value = model->wires[o].value[0];
    return model->op[o]->ops->in_place && value > model->begin && o < model->ops - 1 &&
           !(model->op[value - 1]->ops->keeps & LAYER_KEEPS_OUTPUT) &&
           tape_readers(model, value) == 1;
}

/* The input and the output stay all the time: neighbouring stages of a pipeline send and
   receive them while other passes run. */
static void tape_add_activations(struct tape_build *build)
{
    const struct model *model = build->model;
    struct tape *tape = build->tape;
    tape->activation[0] = tape_add_value(build, 0, 0, INT_MAX);
    for (int o = 0; o < model->ops; o++) {
        const struct layer *layer = model->op[o];
        bool back = model_goes_back(model, o), last = o == model->ops - 1;
        int now = tape_forward(o), then = back ? tape_back(build, o) : now;
        int *y = &tape->activation[o + 1];
        *y = tape_is_in_place(model, o)
                 ? tape->activation[model->wires[o].value[0]]
                 : tape_add_value(build, o + 1, last ? 0 : now, last ? INT_MAX : now);
        tape_live_until(tape, *y, now);
        size_t save = o < model->begin ? 0 : layer_save_bytes(layer, model->grain);
        tape->op[o].save = tape_add_buffer(build, save, now, then);
        tape_add_rooms(build, o);
        if (layer->ops->keeps & LAYER_KEEPS_OUTPUT)
            tape_live_until(tape, *y, then);
        for (int i = 0; i < model->wires[o].inputs; i++)
            tape_live_until(tape, tape->activation[model->wires[o].value[i]],
                            layer->ops->keeps & (LAYER_KEEPS_INPUT << i) ? then : now);
    }
}

/* --- backward --- */

static void tape_drop(struct tape_build *build, int buffer, int time)
{
    build->use[buffer].holders--;
    tape_live_until(build->tape, buffer, time);
}

/* `part`, which is held, is added to the value's gradient. */
static struct tape_sum tape_add_part(struct tape_build *build, int value, int part,
                                     int time)
{
    int *sum = &build->gradient[value], before = *sum;
    if (before == TAPE_NONE) {
        *sum = part;
        return (struct tape_sum){.to = TAPE_NONE};
    }
    if (build->use[before].holders == 1) {
        tape_drop(build, part, time);
    } else if (build->use[part].holders == 1) {
        *sum = part;
        tape_drop(build, before, time);
    } else {
        *sum = tape_add_value(build, value, time, time);
        build->use[*sum].holders = 1;
        tape_drop(build, part, time);
        tape_drop(build, before, time);
    }
    return (struct tape_sum){.to = *sum, .a = before, .b = part, .value = value};
}

/* Is the gradient of the op's input written over dy? Not if another op or value still
   needs that, as one does that sums at the end of the leg in which this op is gathered;
   nor over the input's of a part, which has a life of its own. */
static bool tape_overwrites(const struct tape_build *build, int o, int input)
{
    const struct legs *legs = &build->legs[LEG_BACKWARD];
    const struct tape_use *use = &build->use[build->tape->op[o].dy];
    return input == 0 && build->model->op[o]->ops->overwrites && use->holders == 1 &&
           !(use->whole && legs->gathered[o] != legs->of[o]) &&
           build->model->wires[o].value[input] > 0;
}

static void tape_back_op(struct tape_build *build, int o)
{
    const struct model *model = build->model;
    struct tape_op *op = &build->tape->op[o];
    int begin = tape_gather(build, o, LEG_BACKWARD), time = tape_back(build, o);
    op->dy = build->gradient[o + 1];
    ASSERT(op->dy != TAPE_NONE);
    for (int i = 0; i < model->wires[o].inputs; i++) {
        int value = model->wires[o].value[i];
        bool passes = model->op[o]->ops->passes_gradient & 1u << i;
        if (!model->wanted[value])
            continue;
        bool over = tape_overwrites(build, o, i);
        int part = passes || over ? op->dy : tape_add_value(build, value, begin, time);
        build->use[part].holders += !over;
        if (leg_coupling(model, o, LEG_BACKWARD)->gather)
            build->use[part].whole = true; /* for it may write there */
        op->dx[i] = passes ? TAPE_NONE : part;
        tape_live_until(build->tape, part, time);
        op->sum[i] = tape_add_part(build, value, part, time);
    }
}

/* The op has no more use for dy, unless the gradient of its input is there. */
static void tape_drop_dy(struct tape_build *build, int o, int time)
{
    const struct tape_op *op = &build->tape->op[o];
    if (op->dx[0] != op->dy)
        tape_drop(build, op->dy, time);
}

static void tape_back_leg(struct tape_build *build, const struct leg *leg)
{
    const struct model *model = build->model;
    int end = tape_leg_times(build, leg, LEG_BACKWARD).end;
    for (int o = leg->first; o > leg->first - leg->count; o--) {
        if (!model_goes_back(model, o))
            continue;
        tape_back_op(build, o);
        if (!layer_sums_grain(model->op[o]))
            tape_drop_dy(build, o, tape_back(build, o));
    }
    for (int o = leg->first; o > leg->first - leg->count; o--)
        if (model_goes_back(model, o) && layer_sums_grain(model->op[o])) {
            build->use[build->tape->op[o].dy].whole = true;
            tape_drop_dy(build, o, end);
        }
}

/* A part's input gradient stays until it is sent, which may be while the next grain goes
   forward. */
static void tape_add_gradients(struct tape_build *build)
{
    const struct model *model = build->model;
    struct tape *tape = build->tape;
    tape->output_gradient = tape->input_gradient = TAPE_NONE;
    if (model->forward_only)
        return;
    tape->output_gradient = tape_add_value(build, model->ops, tape->loss, tape->loss);
    build->use[tape->output_gradient].holders = 1;
    build->gradient[model->ops] = tape->output_gradient;
    for (int l = 0; l < build->legs[LEG_BACKWARD].count; l++)
        tape_back_leg(build, &build->legs[LEG_BACKWARD].leg[l]);
    tape->input_gradient = build->gradient[0];
    if (tape->input_gradient != TAPE_NONE) {
        tape->buffer[tape->input_gradient].begin = 0;
        tape->buffer[tape->input_gradient].end = INT_MAX;
    }
}

/* --- blocks --- */

/* Gives a buffer its size and its times. */
static void tape_finish_buffer(struct tape_build *build, int buffer, int members)
{
    int grain = build->model->grain;
    struct lifetime *life = &build->tape->buffer[buffer];
    const struct tape_use *use = &build->use[buffer];
    enum leg_pass begins, ends;
    const struct leg *first = tape_leg_at(build, life->begin, &begins);
    const struct leg *last = tape_leg_at(build, life->end, &ends);
    if (first && first == last && first->images < grain && use->value != TAPE_NONE &&
        !use->whole) {
        build->tape->block[buffer] = true;
        life->bytes =
            tape_value_bytes(build->model, use->value, leg_block(first, members, grain));
        return;
    }
    if (first)
        life->begin = tape_leg_times(build, first, begins).begin;
    if (last)
        life->end = tape_leg_times(build, last, ends).end;
}

void tape_init(struct tape *tape, const struct model *model, const struct legs *legs,
               int members)
{
    size_t values = (size_t)model->ops + 1;
    struct tape_build build = {.tape = tape, .model = model, .legs = legs};
    *tape = (struct tape){.loss = model->ops};
    tape->activation = mem_zeroed(values, sizeof *tape->activation);
    tape->op = mem_zeroed((size_t)model->ops, sizeof *tape->op);
    build.gradient = mem_zeroed(values, sizeof *build.gradient);
    for (int v = 0; v <= model->ops; v++)
        build.gradient[v] = TAPE_NONE;
    for (int o = 0; o < model->ops; o++) {
        tape->op[o].dy = TAPE_NONE;
        for (int i = 0; i < LAYER_INPUTS; i++) {
            tape->op[o].dx[i] = TAPE_NONE;
            tape->op[o].sum[i].to = TAPE_NONE;
        }
    }
    tape_add_activations(&build);
    tape_add_gradients(&build);
    tape->block = mem_zeroed((size_t)tape->buffers, sizeof *tape->block);
    for (int buffer = 0; buffer < tape->buffers; buffer++)
        tape_finish_buffer(&build, buffer, members);
    free(build.use);
    free(build.gradient);
}

void tape_release(struct tape *tape)
{
    free(tape->activation);
    free(tape->op);
    free(tape->buffer);
    free(tape->block);
    *tape = (struct tape){0};
}
