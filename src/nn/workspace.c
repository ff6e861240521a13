/* The pass of a grain through a model: buffers, forward, loss, backward. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/trace.h"
#include "base/where.h"
#include "kernels/conv_pool.h"
#include "kernels/vector.h"
#include "nn/workspace.h"

/* Bytes of a grain's activations, with the slack that vector kernels may read. */
static size_t grain_bytes(const struct model *model, struct shape shape)
{
    size_t floats = (size_t)model->grain * (size_t)shape_size(shape);
    return (floats + CONV_POOL_SLACK) * sizeof(float);
}

static void workspace_lay_out(struct workspace *ws, const struct model *model,
                              struct arena *arena)
{
    size_t widest = model->unit_before > 0 ? grain_bytes(model, model->in) : 0;
    size_t scratch = 0;
    size_t grain = (size_t)model->grain;
    ws->activation[0] = arena_take(arena, grain_bytes(model, model->in));
    for (int i = 0; i < model->ops; i++) {
        const struct layer *layer = model->op[i];
        size_t bytes = grain_bytes(model, layer->out);
        ws->activation[i + 1] = arena_take(arena, bytes);
        ws->save[i] = arena_take(arena, grain * layer->save);
        if (bytes > widest)
            widest = bytes;
        if (layer->scratch > scratch)
            scratch = layer->scratch;
    }
    ws->logprobs = ws->activation[model->ops];
    ws->delta[0] = arena_take(arena, widest);
    ws->delta[1] = arena_take(arena, widest);
    ws->input_gradient = ws->delta[1];
    ws->output_gradient = ws->delta[(model->ops - 1) % 2];
    ws->scratch = arena_take(arena, scratch);
    ws->label = arena_take(arena, grain * sizeof *ws->label);
    ws->sample = arena_take(arena, grain * sizeof *ws->sample);
}

/* Only counts: the workspace has tables of pointers, but no memory yet. */
static void workspace_count(struct workspace *ws, const struct model *model)
{
    struct arena arena = {0};
    *ws = (struct workspace){0};
    ws->activation = mem_zeroed((size_t)model->ops + 1, sizeof *ws->activation);
    ws->save = mem_zeroed((size_t)model->ops, sizeof *ws->save);
    workspace_lay_out(ws, model, &arena);
    ws->bytes = arena.used;
}

size_t workspace_bytes(const struct model *model)
{
    struct workspace ws;
    workspace_count(&ws, model);
    size_t bytes = ws.bytes;
    workspace_release(&ws);
    return bytes;
}

void workspace_init(struct workspace *ws, const struct model *model)
{
    workspace_count(ws, model);
    ws->memory = mem_aligned(ws->bytes, 1);
    struct arena arena = {.memory = ws->memory};
    workspace_lay_out(ws, model, &arena);
}

void workspace_release(struct workspace *ws)
{
    free(ws->activation);
    free(ws->save);
    free(ws->memory);
    *ws = (struct workspace){0};
}

/* The arguments of op i; dy and dx are for backward. delta[i % 2] holds the gradient of
   the output of op i; ops up to `first` compute no input gradient. */
static struct pass workspace_pass(const struct workspace *ws,
                                  const struct grain_pass *pass, int i, int first)
{
    return (struct pass){.team = pass->team,
                         .n = pass->n,
                         .train = pass->train,
                         .x = ws->activation[i],
                         .y = ws->activation[i + 1],
                         .dy = ws->delta[i % 2],
                         .dx = i > first ? ws->delta[(i + 1) % 2] : NULL,
                         .params = pass->params,
                         .grads = pass->grads,
                         .save = ws->save[i],
                         .scratch = ws->scratch,
                         .seed = pass->seed,
                         .step = pass->step,
                         .sample = ws->sample};
}

int model_first_op(const struct model *model)
{
    int first = 0;
    while (first < model->ops && model->op[first]->tensors == 0)
        first++;
    return first;
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
    struct pass view = workspace_pass(ws, pass, op, 0);
    view.team.split = pass->plan ? pass->plan->forward[op] : SPLIT_AUTO;
    workspace_run(model->op[op]->ops->forward, model->op[op], &view);
}

void model_backward_op(const struct model *model, struct workspace *ws,
                       const struct grain_pass *pass, int op)
{
    int first = model->unit_before > 0 ? -1 : model_first_op(model);
    struct pass view = workspace_pass(ws, pass, op, first);
    view.team.split = pass->plan ? pass->plan->backward[op] : SPLIT_AUTO;
    workspace_run(model->op[op]->ops->backward, model->op[op], &view);
}

void model_forward(const struct model *model, struct workspace *ws,
                   const struct grain_pass *pass)
{
    enum where_part part = pass->train ? WHERE_FORWARD : WHERE_EVALUATE;
    for (int i = 0; i < model->ops; i++) {
        where_layer(part, model->op_before + i);
        double begin = trace_begin();
        model_forward_op(model, ws, pass, i);
        trace_end("forward layer", model->op[i]->name, begin);
    }
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
    for (int i = model->ops - 1; i >= model_first_op(model); i--) {
        const struct layer *layer = model->op[i];
        where_layer(WHERE_BACKWARD, model->op_before + i);
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

int model_find_bad(const struct model *model, const struct workspace *ws, int n)
{
    for (int i = 0; i < model->ops; i++) {
        size_t count = (size_t)n * (size_t)shape_size(model->op[i]->out);
        if (!vector_finite(ws->activation[i + 1], count))
            return i;
    }
    return -1;
}
