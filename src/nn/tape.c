#include "tape.h"

#include <limits.h>
#include <stdlib.h>

#include "base/mem.h"
#include "kernels/conv_pool.h"

/* While the tape is made: how many values' gradients are in the buffer. */
struct tape_build {
    struct tape *tape;
    const struct model *model;
    const struct legs *legs;
    int *holders;  /* owned: (buffers) */
    int *gradient; /* owned: (ops + 1): the sum so far; TAPE_NONE */
};

static int tape_forward(const struct tape_build *build, int op)
{
    return build->legs[LEG_FORWARD].of[op];
}

static int tape_back(const struct tape_build *build, int op)
{
    return build->tape->loss + 1 + build->legs[LEG_BACKWARD].of[op];
}

/* When it begins to read, and to write what `room` and dx hold until it goes back. */
static int tape_gather_back(const struct tape_build *build, int op)
{
    return build->tape->loss + 1 + build->legs[LEG_BACKWARD].gathered[op];
}

static int tape_add_buffer(struct tape_build *build, size_t bytes, int begin, int end)
{
    struct tape *tape = build->tape;
    size_t count = (size_t)tape->buffers + 1;
    tape->buffer = mem_resize(tape->buffer, count, sizeof *tape->buffer);
    build->holders = mem_resize(build->holders, count, sizeof *build->holders);
    tape->buffer[tape->buffers] =
        (struct lifetime){.bytes = bytes, .begin = begin, .end = end};
    build->holders[tape->buffers] = 0;
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
    return tape_add_buffer(build, bytes, begin, end);
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
    room[LEG_FORWARD] = tape_add_buffer(
        build, bytes, build->legs[LEG_FORWARD].gathered[o], tape_forward(build, o));
    if (model_goes_back(build->model, o))
        room[LEG_BACKWARD] = tape_add_buffer(build, bytes, tape_gather_back(build, o),
                                             tape_back(build, o));
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
        int now = tape_forward(build, o), then = back ? tape_back(build, o) : now;
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
    build->holders[buffer]--;
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
    if (build->holders[before] == 1) {
        tape_drop(build, part, time);
    } else if (build->holders[part] == 1) {
        *sum = part;
        tape_drop(build, before, time);
    } else {
        *sum = tape_add_value(build, value, time, time);
        build->holders[*sum] = 1;
        tape_drop(build, part, time);
        tape_drop(build, before, time);
    }
    return (struct tape_sum){.to = *sum, .a = before, .b = part, .value = value};
}

/* Is the gradient of the op's input written over dy? Not if another op or value still
   needs that, nor over the input's of a part, which has a life of its own. */
static bool tape_overwrites(const struct tape_build *build, int o, int input)
{
    return input == 0 && build->model->op[o]->ops->overwrites &&
           build->holders[build->tape->op[o].dy] == 1 &&
           build->model->wires[o].value[input] > 0;
}

static void tape_back_op(struct tape_build *build, int o)
{
    const struct model *model = build->model;
    struct tape_op *op = &build->tape->op[o];
    int begin = tape_gather_back(build, o), time = tape_back(build, o);
    op->dy = build->gradient[o + 1];
    ASSERT(op->dy != TAPE_NONE);
    for (int i = 0; i < model->wires[o].inputs; i++) {
        int value = model->wires[o].value[i];
        bool passes = model->op[o]->ops->passes_gradient & 1u << i;
        if (!model->wanted[value])
            continue;
        bool over = tape_overwrites(build, o, i);
        int part = passes || over ? op->dy : tape_add_value(build, value, begin, time);
        build->holders[part] += !over;
        op->dx[i] = passes ? TAPE_NONE : part;
        tape_live_until(build->tape, part, time);
        op->sum[i] = tape_add_part(build, value, part, time);
    }
}

/* Until its end the ops may need dy. */
static void tape_back_leg(struct tape_build *build, const struct leg *leg)
{
    for (int o = leg->first; o > leg->first - leg->count; o--)
        if (model_goes_back(build->model, o))
            tape_back_op(build, o);
    for (int o = leg->first; o > leg->first - leg->count; o--)
        if (model_goes_back(build->model, o) &&
            build->tape->op[o].dx[0] != build->tape->op[o].dy)
            tape_drop(build, build->tape->op[o].dy, tape_back(build, o));
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
    build->holders[tape->output_gradient] = 1;
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

/* Does the leg alone use the buffer, and no op of its the whole grain at once? */
static bool tape_is_of_leg(const struct tape_build *build, const struct leg *leg,
                           int buffer)
{
    const struct model *model = build->model;
    const struct lifetime *life = &build->tape->buffer[buffer];
    int time = tape_back(build, leg->first);
    for (int o = leg->first; o > leg->first - leg->count; o--)
        if (build->tape->op[o].dy == buffer && layer_sums_grain(model->op[o]))
            return false;
    return life->begin == time && life->end == time;
}

static void tape_shrink(struct tape_build *build, const struct leg *leg, int buffer,
                        int value)
{
    struct tape *tape = build->tape;
    if (buffer == TAPE_NONE || !tape_is_of_leg(build, leg, buffer))
        return;
    tape->block[buffer] = true;
    tape->buffer[buffer].bytes = tape_value_bytes(build->model, value, leg->images);
}

static void tape_shrink_leg(struct tape_build *build, const struct leg *leg)
{
    for (int o = leg->first; o > leg->first - leg->count; o--)
        for (int i = 0; i < build->model->wires[o].inputs; i++) {
            const struct tape_op *op = &build->tape->op[o];
            int value = build->model->wires[o].value[i];
            tape_shrink(build, leg, op->dx[i], value);
            tape_shrink(build, leg, op->sum[i].to, value);
        }
}

static void tape_find_blocks(struct tape_build *build)
{
    const struct legs *legs = &build->legs[LEG_BACKWARD];
    for (int l = 0; l < legs->count; l++)
        if (legs->leg[l].images < build->model->grain)
            tape_shrink_leg(build, &legs->leg[l]);
}

void tape_init(struct tape *tape, const struct model *model, const struct legs *legs,
               bool blocks)
{
    size_t values = (size_t)model->ops + 1;
    struct tape_build build = {.tape = tape, .model = model, .legs = legs};
    *tape = (struct tape){.loss = legs[LEG_FORWARD].count};
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
    if (blocks)
        tape_find_blocks(&build);
    free(build.holders);
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
