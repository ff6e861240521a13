/* The pass of a grain through a model: buffers, forward, loss, backward. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/trace.h"
#include "base/where.h"
#include "kernels/combine.h"
#include "kernels/vector.h"
#include "model_impl.h"
#include "nn/workspace.h"
#include "tape.h"

static float *workspace_buffer(const struct tape *tape, char *memory, int buffer)
{
    return memory && buffer != TAPE_NONE
               ? (float *)(void *)(memory + tape->buffer[buffer].place)
               : NULL;
}

static void workspace_set_op(struct workspace *ws, const struct model *model,
                             const struct tape *tape, char *memory, int o)
{
    const struct tape_op *from = &tape->op[o];
    struct workspace_op *op = &ws->op[o];
    op->save = workspace_buffer(tape, memory, from->save);
    op->dy = workspace_buffer(tape, memory, from->dy);
    for (int i = 0; i < LAYER_INPUTS; i++) {
        const struct tape_sum *sum = &from->sum[i];
        op->dx[i] = workspace_buffer(tape, memory, from->dx[i]);
        if (sum->to == TAPE_NONE)
            continue;
        op->sum[i] = (struct workspace_sum){
            .to = workspace_buffer(tape, memory, sum->to),
            .a = workspace_buffer(tape, memory, sum->a),
            .b = workspace_buffer(tape, memory, sum->b),
            .size = (size_t)shape_size(model_value_shape(model, sum->value))};
    }
}

static size_t workspace_scratch(const struct model *model, int members)
{
    size_t most = 0;
    for (int o = 0; o < model->ops; o++) {
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
    for (int v = 0; v <= model->ops; v++)
        ws->activation[v] = workspace_buffer(tape, memory, tape->activation[v]);
    for (int o = 0; o < model->ops; o++)
        workspace_set_op(ws, model, tape, memory, o);
    ws->logprobs = ws->activation[model->ops];
    ws->output_gradient = workspace_buffer(tape, memory, tape->output_gradient);
    ws->input_gradient = workspace_buffer(tape, memory, tape->input_gradient);
    ws->scratch = arena_take(arena, workspace_scratch(model, members));
    ws->label = arena_take(arena, grain * sizeof *ws->label);
    ws->sample = arena_take(arena, grain * sizeof *ws->sample);
}

/* Without memory: only counts. */
static void workspace_make(struct workspace *ws, const struct model *model, int members,
                           bool memory)
{
    struct arena arena = {0};
    struct tape tape;
    *ws = (struct workspace){0};
    ws->activation = mem_zeroed((size_t)model->ops + 1, sizeof *ws->activation);
    ws->op = mem_zeroed((size_t)model->ops, sizeof *ws->op);
    tape_init(&tape, model);
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
    workspace_make(&ws, model, members, false);
    size_t bytes = ws.bytes;
    workspace_release(&ws);
    return bytes;
}

size_t workspace_stored(const struct model *model, int op)
{
    struct tape tape;
    tape_init(&tape, model);
    const struct layer *layer = model->op[op];
    size_t output = (size_t)shape_size(layer->out) * sizeof(float), bytes = 0;
    if (tape.buffer[tape.activation[op + 1]].end > model->ops)
        bytes += output;
    if (tape.buffer[tape.op[op].save].end > model->ops)
        bytes += layer_save_bytes(layer, model->grain) / (size_t)model->grain;
    tape_release(&tape);
    return bytes;
}

void workspace_init(struct workspace *ws, const struct model *model, int members)
{
    workspace_make(ws, model, members, true);
}

void workspace_release(struct workspace *ws)
{
    free(ws->activation);
    free(ws->op);
    free(ws->memory);
    *ws = (struct workspace){0};
}

/* The arguments of op o; dy and dx are for backward. */
static struct pass workspace_pass(const struct model *model, const struct workspace *ws,
                                  const struct grain_pass *pass, int o)
{
    const struct model_wires *wires = &model->wires[o];
    const struct workspace_op *op = &ws->op[o];
    const struct layer *layer = model->op[o];
    bool back = model_packs_back(model, o);
    ASSERT(pass->packed || model->packed == 0);
    return (struct pass){.team = pass->team,
                         .n = pass->n,
                         .train = pass->train,
                         .measure = pass->measure,
                         .x = ws->activation[wires->value[0]],
                         .x2 = wires->inputs > 1 ? ws->activation[wires->value[1]] : NULL,
                         .y = ws->activation[o + 1],
                         .dy = op->dy,
                         .dx = op->dx[0],
                         .dx2 = op->dx[1],
                         .params = pass->params,
                         .packed = pass->packed + layer->packed.offset,
                         .packed_back =
                             back ? pass->packed + layer->packed_back.offset : NULL,
                         .grads = pass->grads,
                         .save = op->save,
                         .scratch = ws->scratch,
                         .seed = pass->seed,
                         .step = pass->step,
                         .sample = ws->sample};
}

/* With the sequential split member 0 runs the op alone while the others wait. */
static void workspace_run(void (*run)(const struct layer *, const struct pass *),
                          const struct layer *layer, struct pass *pass)
{
    struct team all = pass->team;
    if (all.size > 1 && all.split == SPLIT_SEQUENTIAL) {
        pass->team = (struct team){.size = 1};
        if (all.index == 0)
            run(layer, pass);
        team_barrier(&all);
        return;
    }
    run(layer, pass);
}

void model_forward_op(const struct model *model, struct workspace *ws,
                      const struct grain_pass *pass, int op)
{
    struct pass view = workspace_pass(model, ws, pass, op);
    view.team.split = pass->plan ? pass->plan->forward[op] : SPLIT_AUTO;
    workspace_run(model->op[op]->ops->forward, model->op[op], &view);
}

void model_backward_op(const struct model *model, struct workspace *ws,
                       const struct grain_pass *pass, int op)
{
    const struct layer *layer = model->op[op];
    struct pass view = workspace_pass(model, ws, pass, op);
    view.team.split = pass->plan ? pass->plan->backward[op] : SPLIT_AUTO;
    if (layer->ops->passes_gradient != LAYER_PASSES_ALL)
        workspace_run(layer->ops->backward, layer, &view);
    for (int i = 0; i < LAYER_INPUTS; i++) {
        const struct workspace_sum *sum = &ws->op[op].sum[i];
        if (sum->to)
            combine_add(&pass->team, sum->to, sum->a, sum->b,
                        (size_t)pass->n * sum->size);
    }
}

static void workspace_forward_op(const struct model *model, struct workspace *ws,
                                 const struct grain_pass *pass, int op)
{
    where_layer(pass->train ? WHERE_FORWARD : WHERE_EVALUATE, model->op[op]->number);
    double begin = trace_begin();
    model_forward_op(model, ws, pass, op);
    trace_end("forward layer", model->op[op]->name, begin);
}

void model_forward(const struct model *model, struct workspace *ws,
                   const struct grain_pass *pass)
{
    for (int o = 0; o < model->ops; o++)
        workspace_forward_op(model, ws, pass, o);
}

int model_find_bad(const struct model *model, struct workspace *ws,
                   const struct grain_pass *pass)
{
    int bad = -1;
    ASSERT(pass->team.size == 1);
    for (int o = 0; o < model->ops; o++) {
        size_t count = (size_t)pass->n * (size_t)shape_size(model->op[o]->out);
        workspace_forward_op(model, ws, pass, o);
        if (bad < 0 && !vector_finite(ws->activation[o + 1], count))
            bad = o;
    }
    return bad;
}

/* Loss of one sample: -sum_k target_k logp_k with target = (1 - eps) one-hot +
   eps/classes, as in PyTorch's cross_entropy(label_smoothing=eps). */
static double model_sample_loss(const float *logp, int classes, int label,
                                double smoothing, int *best)
{
    double all = 0.0;
    *best = vector_argmax(logp, (size_t)classes);
    for (int k = 0; k < classes; k++)
        all += (double)logp[k];
    double loss = -(1.0 - smoothing) * (double)logp[label];
    return smoothing > 0.0 ? loss - smoothing / classes * all : loss;
}

static void model_grain_loss(const struct model *model, struct workspace *ws,
                             const struct grain_pass *pass, struct grain_result *result)
{
    int classes = model->classes;
    double smoothing = pass->train ? (double)pass->label_smoothing : 0.0, loss = 0.0;
    float off = (float)(-smoothing / classes);
    float on = (float)(-(1.0 - smoothing) - smoothing / classes);
    const float *logp = ws->logprobs;
    float *delta = ws->output_gradient;
    result->correct = 0;
    for (int i = 0; i < pass->n; i++, logp += classes, delta += classes) {
        int best;
        loss += model_sample_loss(logp, classes, ws->label[i], smoothing, &best);
        result->correct += best == ws->label[i];
        for (int k = 0; pass->train && k < classes; k++)
            delta[k] = k == ws->label[i] ? on : off;
    }
    result->loss = (float)loss;
}

void model_loss(const struct model *model, struct workspace *ws,
                const struct grain_pass *pass, struct grain_result *result)
{
    if (pass->team.index == 0)
        model_grain_loss(model, ws, pass, result);
    team_barrier(&pass->team);
}

/* The flat range of op i's tensors, padding included. */
static void model_op_range(const struct model *model, int i, size_t *begin, size_t *end)
{
    *begin = model->op[i]->tensor[0].offset;
    *end = model->params;
    for (int j = i + 1; j < model->ops; j++) {
        if (model->op[j]->tensors > 0) {
            *end = model->op[j]->tensor[0].offset;
            return;
        }
    }
}

static void model_zero_padding(const struct layer *layer, size_t end, float *grads)
{
    for (int t = 0; t < layer->tensors; t++) {
        size_t stop = layer->tensor[t].offset + layer->tensor[t].count;
        size_t next = t + 1 < layer->tensors ? layer->tensor[t + 1].offset : end;
        memset(grads + stop, 0, (next - stop) * sizeof *grads);
    }
}

void model_backward(const struct model *model, struct workspace *ws,
                    const struct grain_pass *pass,
                    void (*ready)(void *context, size_t begin, size_t end), void *context)
{
    for (int i = model->ops - 1; i >= 0; i--) {
        const struct layer *layer = model->op[i];
        if (!model_goes_back(model, i))
            continue;
        where_layer(WHERE_BACKWARD, layer->number);
        double t = trace_begin();
        model_backward_op(model, ws, pass, i);
        trace_end("backward layer", layer->name, t);
        if (pass->team.index != 0 || layer->tensors == 0)
            continue;
        size_t begin, end;
        model_op_range(model, i, &begin, &end);
        model_zero_padding(layer, end, pass->grads);
        if (ready)
            ready(context, begin, end);
    }
    team_barrier(&pass->team);
}
