/* The buffers of a grain (nn/workspace.h). */
#include <stdlib.h>

#include "base/arena.h"
#include "base/mem.h"
#include "leg.h"
#include "nn/workspace.h"
#include "tape.h"

static float *workspace_buffer(const struct tape *tape, char *memory, int buffer)
{
    return memory && buffer != TAPE_NONE
               ? (float *)(void *)(memory + tape->buffer[buffer].place)
               : NULL;
}

static struct workspace_gradient workspace_gradient(const struct tape *tape, char *memory,
                                                    int buffer)
{
    return (struct workspace_gradient){workspace_buffer(tape, memory, buffer),
                                       buffer != TAPE_NONE && tape->block[buffer]};
}

static void workspace_set_op(struct workspace *ws, const struct model *model,
                             const struct tape *tape, char *memory, int o)
{
    const struct tape_op *from = &tape->op[o];
    struct workspace_op *op = &ws->op[o];
    op->save = workspace_buffer(tape, memory, from->save);
    for (int pass = 0; pass < LEG_PASSES; pass++)
        op->room[pass] = workspace_buffer(tape, memory, from->room[pass]);
    op->dy = workspace_gradient(tape, memory, from->dy);
    for (int i = 0; i < LAYER_INPUTS; i++) {
        const struct tape_sum *sum = &from->sum[i];
        op->dx[i] = workspace_gradient(tape, memory, from->dx[i]);
        if (sum->to == TAPE_NONE)
            continue;
        op->sum[i] = (struct workspace_sum){
            .to = workspace_gradient(tape, memory, sum->to),
            .a = workspace_gradient(tape, memory, sum->a),
            .b = workspace_gradient(tape, memory, sum->b),
            .size = (size_t)shape_size(model_value_shape(model, sum->value))};
    }
}

static size_t workspace_scratch(const struct model *model, int members)
{
    size_t most = 0;
    for (int o = model->begin; o < model->ops; o++) {
        size_t bytes = layer_scratch_bytes(model->op[o], members);
        most = bytes > most ? bytes : most;
    }
    return most;
}

static void workspace_lay_out(struct workspace *ws, const struct model *model,
                              const struct tape *tape, size_t tape_bytes, int members,
                              struct arena *arena)
{
    size_t grain = (size_t)model->grain;
    char *memory = arena_take(arena, tape_bytes);
    for (int v = 0; v <= model->ops; v++) {
        ws->activation[v] = workspace_buffer(tape, memory, tape->activation[v]);
        ws->block[v] = tape->block[tape->activation[v]];
    }
    for (int o = 0; o < model->ops; o++)
        workspace_set_op(ws, model, tape, memory, o);
    ws->logprobs = ws->activation[model->ops];
    ws->output_gradient = workspace_buffer(tape, memory, tape->output_gradient);
    ws->input_gradient = workspace_buffer(tape, memory, tape->input_gradient);
    ws->scratch = arena_take(arena, workspace_scratch(model, members));
    ws->target = arena_take(arena, grain * sizeof *ws->target);
    ws->sample = arena_take(arena, grain * sizeof *ws->sample);
}

/* Without memory: only counts. */
static void workspace_make(struct workspace *ws, const struct model *model, int members,
                           bool by_op, bool memory)
{
    struct arena arena = {0};
    struct tape tape;
    *ws = (struct workspace){0};
    ws->activation = mem_zeroed((size_t)model->ops + 1, sizeof *ws->activation);
    ws->block = mem_zeroed((size_t)model->ops + 1, sizeof *ws->block);
    ws->op = mem_zeroed((size_t)model->ops, sizeof *ws->op);
    ws->legs = mem_zeroed(LEG_PASSES, sizeof *ws->legs);
    legs_init(ws->legs, model, by_op);
    tape_init(&tape, model, ws->legs, members);
    size_t bytes = lifetimes_place(tape.buffer, tape.buffers);
    workspace_lay_out(ws, model, &tape, bytes, members, &arena);
    ws->bytes = arena.used;
    if (memory) {
        ws->memory = mem_aligned(ws->bytes, 1);
        arena = (struct arena){.memory = ws->memory};
        workspace_lay_out(ws, model, &tape, bytes, members, &arena);
    }
    tape_release(&tape);
}

size_t workspace_bytes(const struct model *model, int members)
{
    struct workspace ws;
    workspace_make(&ws, model, members, false, false);
    size_t bytes = ws.bytes;
    workspace_release(&ws);
    return bytes;
}

size_t workspace_stored(const struct model *model, int op)
{
    struct legs legs[LEG_PASSES];
    struct tape tape;
    legs_init(legs, model, false);
    tape_init(&tape, model, legs, 1);
    const struct layer *layer = model->op[op];
    size_t output = (size_t)shape_size(layer->out) * sizeof(float), bytes = 0;
    bool over = false; /* then that is a later op's */
    for (int o = op + 1; o < model->ops; o++)
        over = over || tape.activation[o + 1] == tape.activation[op + 1];
    if (!over && tape.buffer[tape.activation[op + 1]].end > tape.loss)
        bytes += output;
    if (tape.buffer[tape.op[op].save].end > tape.loss)
        bytes += layer_save_bytes(layer, model->grain) / (size_t)model->grain;
    tape_release(&tape);
    for (int pass = 0; pass < LEG_PASSES; pass++)
        legs_release(&legs[pass]);
    return bytes;
}

void workspace_init(struct workspace *ws, const struct model *model, int members)
{
    workspace_make(ws, model, members, false, true);
}

void workspace_init_by_op(struct workspace *ws, const struct model *model, int members)
{
    workspace_make(ws, model, members, true, true);
}

void workspace_release(struct workspace *ws)
{
    for (int pass = 0; ws->legs && pass < LEG_PASSES; pass++)
        legs_release(&ws->legs[pass]);
    free(ws->legs);
    free(ws->activation);
    free(ws->block);
    free(ws->op);
    free(ws->memory);
    *ws = (struct workspace){0};
}
