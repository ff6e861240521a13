#include "tape.h"

#include <limits.h>
#include <stdlib.h>

#include "base/mem.h"
#include "kernels/conv_pool.h"

/* While the tape is made: how many values' gradients are in the buffer. */
struct tape_build {
    struct tape *tape;
    const struct model *model;
    int *holders;  /* owned: (buffers) */
    int *gradient; /* owned: (ops + 1): the sum so far; TAPE_NONE */
};

static int tape_back(const struct model *model, int op)
{
    return 2 * model->ops - op;
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
static int tape_add_value(struct tape_build *build, int value, int begin, int end)
{
    const struct model *model = build->model;
    size_t floats =
        (size_t)model->grain * (size_t)shape_size(model_value_shape(model, value));
    return tape_add_buffer(build, (floats + CONV_POOL_SLACK) * sizeof(float), begin, end);
}

static void tape_live_until(struct tape *tape, int buffer, int time)
{
    if (tape->buffer[buffer].end < time)
        tape->buffer[buffer].end = time;
}

/* --- forward --- */

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
        int *y = &tape->activation[o + 1];
        *y = tape_add_value(build, o + 1, last ? 0 : o, last ? INT_MAX : o);
        tape->op[o].save = tape_add_buffer(build, layer_save_bytes(layer, model->grain),
                                           o, back ? tape_back(model, o) : o);
        if (back && layer->ops->keeps & LAYER_KEEPS_OUTPUT)
            tape_live_until(tape, *y, tape_back(model, o));
        for (int i = 0; i < model->wires[o].inputs; i++)
            tape_live_until(tape, tape->activation[model->wires[o].value[i]],
                            back && layer->ops->keeps & (LAYER_KEEPS_INPUT << i)
                                ? tape_back(model, o)
                                : o);
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

static void tape_back_op(struct tape_build *build, int o)
{
    const struct model *model = build->model;
    struct tape_op *op = &build->tape->op[o];
    int time = tape_back(model, o);
    op->dy = build->gradient[o + 1];
    ASSERT(op->dy != TAPE_NONE);
    for (int i = 0; i < model->wires[o].inputs; i++) {
        int value = model->wires[o].value[i];
        bool passes = model->op[o]->ops->passes_gradient & 1u << i;
        if (!model->wanted[value])
            continue;
        int part = passes ? op->dy : tape_add_value(build, value, time, time);
        build->holders[part]++;
        op->dx[i] = passes ? TAPE_NONE : part;
        op->sum[i] = tape_add_part(build, value, part, time);
    }
    tape_drop(build, op->dy, time);
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
    tape->output_gradient = tape_add_value(build, model->ops, model->ops, model->ops);
    build->holders[tape->output_gradient] = 1;
    build->gradient[model->ops] = tape->output_gradient;
    for (int o = model->ops - 1; o >= 0; o--)
        if (model_goes_back(model, o))
            tape_back_op(build, o);
    tape->input_gradient = build->gradient[0];
    if (tape->input_gradient != TAPE_NONE) {
        tape->buffer[tape->input_gradient].begin = 0;
        tape->buffer[tape->input_gradient].end = INT_MAX;
    }
}

void tape_init(struct tape *tape, const struct model *model)
{
    size_t values = (size_t)model->ops + 1;
    struct tape_build build = {.tape = tape, .model = model};
    *tape = (struct tape){0};
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
    free(build.holders);
    free(build.gradient);
}

void tape_release(struct tape *tape)
{
    free(tape->activation);
    free(tape->op);
    free(tape->buffer);
    *tape = (struct tape){0};
}
