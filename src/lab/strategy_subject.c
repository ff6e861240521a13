#include "strategy_subject.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/conv_pool.h"
#include "nn/packed.h"
#include "nn/workspace.h"

static bool subject_block_is(const struct model *model, int o)
{
    return model_op_last(model, o)->index > model->op[o]->index;
}

static double subject_element_flops(const struct layer *layer, enum strategy_pass pass)
{
    double flops =
        pass == STRATEGY_FORWARD ? layer->element_forward : layer->element_backward;
    return flops > 0 ? flops : shape_size(layer->out);
}

static double subject_pass_flops(const struct model *model, int o,
                                 enum strategy_pass pass)
{
    const struct layer *layer = model->op[o];
    struct model_work work = model_op_work(model, o);
    if (layer->flops <= 0)
        return subject_element_flops(layer, pass);
    return pass == STRATEGY_FORWARD ? work.true_forward : work.true_backward;
}

/* Is the gradient of one of the op's inputs wanted? */
static bool subject_wants_dx(const struct model *model, int o)
{
    bool wanted = false;
    for (int i = 0; i < model->wires[o].inputs; i++)
        wanted = wanted || model->wanted[model->wires[o].value[i]];
    return wanted;
}

/* Bytes that every strategy reads and writes at least once. */
static double subject_pass_bytes(const struct model *model, int o,
                                 enum strategy_pass pass, int batch)
{
    const struct layer *layer = model->op[o];
    double x[] = {4.0 * batch * shape_size(layer->in),
                  4.0 * batch * shape_size(layer->in2)};
    double y = 4.0 * batch * shape_size(layer->out), weights = 0;
    double bytes = y + (double)layer_save_bytes(layer, batch);
    bool wants = subject_wants_dx(model, o);
    for (int t = 0; t < layer->tensors; t++)
        weights += 4.0 * (double)layer->tensor[t].count;
    if (pass == STRATEGY_FORWARD)
        return x[0] + x[1] + weights + bytes;
    for (int i = 0; i < layer->inputs; i++) {
        if (layer->ops->keeps & (LAYER_KEEPS_INPUT << i))
            bytes += x[i];
        if (wants && !(layer->ops->passes_gradient & 1u << i))
            bytes += x[i];
    }
    if (layer->ops->keeps & LAYER_KEEPS_OUTPUT)
        bytes += y;
    return bytes + weights + (wants ? weights : 0);
}

static void subject_describe(struct strategy_subject *info,
                             const struct strategy_table_setup *setup,
                             const struct model *model, int o)
{
    const struct layer *layer = model->op[o], *last = model_op_last(model, o);
    *info = (struct strategy_subject){
        .in = layer->in, .out = layer->out, .block = subject_block_is(model, o)};
    snprintf(info->name, sizeof info->name, info->block ? "%s-%s" : "%s", layer->name,
             last->name);
    for (int pass = 0; pass < STRATEGY_PASSES; pass++) {
        info->measured[pass] =
            pass == STRATEGY_FORWARD || (model_goes_back(model, o) &&
                                         layer->ops->passes_gradient != LAYER_PASSES_ALL);
        info->flops[pass] = setup->batch * subject_pass_flops(model, o, pass);
        info->bytes[pass] = subject_pass_bytes(model, o, pass, setup->batch);
        info->level[pass] = machine_level(setup->machine, (size_t)info->bytes[pass]);
    }
}

static float *subject_copy(const float *data, int batch, struct shape shape)
{
    size_t count = (size_t)batch * (size_t)shape_size(shape);
    float *copy = mem_aligned(count + CONV_POOL_SLACK, sizeof *copy);
    if (data)
        memcpy(copy, data, count * sizeof *copy);
    return copy;
}

/* The op's inputs, before another activation takes their place. */
static void subject_keep_inputs(struct subject_data *to, const struct model *model,
                                const struct workspace *ws, int batch, int o)
{
    const struct model_wires *wires = &model->wires[o];
    const struct layer *layer = model->op[o];
    *to = (struct subject_data){
        .layer = layer,
        .x = subject_copy(ws->activation[wires->value[0]], batch, layer->in),
        .y = subject_copy(NULL, batch, layer->out)};
    if (model->wanted[wires->value[0]])
        to->dx = subject_copy(NULL, batch, layer->in);
    if (wires->inputs == 1)
        return;
    to->x2 = subject_copy(ws->activation[wires->value[1]], batch, layer->in2);
    if (model->wanted[wires->value[1]])
        to->dx2 = subject_copy(NULL, batch, layer->in2);
}

/* Runs one training step, operation by operation, and copies the inputs of operation o to
   subject at[o]; -1: it is no subject. */
static void subjects_keep_data(struct subjects *subjects, const struct model *model,
                               const struct strategy_table_setup *setup, const int *at)
{
    struct workspace ws;
    struct grain_result result;
    workspace_init_by_op(&ws, model, 1);
    float *packed = model_packed(model, subjects->params);
    memcpy(ws.activation[0], setup->images,
           (size_t)setup->batch * (size_t)shape_size(model->in) * sizeof(float));
    for (int i = 0; i < setup->batch; i++)
        ws.target[i] = target_of_class(i % model->classes);
    struct grain_pass pass = {.team = {.size = 1},
                              .n = setup->batch,
                              .train = true,
                              .params = subjects->params,
                              .packed = packed,
                              .grads = subjects->grads};
    for (int o = 0; o < model->ops; o++) {
        if (at[o] >= 0)
            subject_keep_inputs(&subjects->data[at[o]], model, &ws, setup->batch, o);
        model_forward_op(model, &ws, &pass, o);
    }
    model_loss(model, &ws, &pass, &result);
    for (int o = model->ops - 1; o >= 0; o--) {
        if (at[o] >= 0)
            subjects->data[at[o]].dy =
                subject_copy(ws.op[o].dy.at, setup->batch, model->op[o]->out);
        if (model_goes_back(model, o))
            model_backward_op(model, &ws, &pass, o);
    }
    free(packed);
    workspace_release(&ws);
}

static bool subject_wanted(const struct strategy_table_setup *setup, const char *name)
{
    return !setup->layers || fnmatch(setup->layers, name, 0) == 0;
}

/* Adds operation o if it is wanted. Returns its index, or -1. */
static int subjects_add(struct subjects *subjects,
                        const struct strategy_table_setup *setup,
                        const struct model *model, int o)
{
    struct strategy_subject *info = &subjects->info[subjects->count];
    if (model->op[o]->ops == &layer_flatten)
        return -1;
    subject_describe(info, setup, model, o);
    return subject_wanted(setup, info->name) ? subjects->count++ : -1;
}

static void subjects_list(struct subjects *subjects,
                          const struct strategy_table_setup *setup, int *plain,
                          int *fused)
{
    for (int f = 0, p = 0; f < subjects->fused.ops; f++) {
        const struct layer *last = model_op_last(&subjects->fused, f);
        for (; p <= last->index; p++)
            plain[p] = subjects_add(subjects, setup, &subjects->plain, p);
        fused[f] = subject_block_is(&subjects->fused, f)
                       ? subjects_add(subjects, setup, &subjects->fused, f)
                       : -1;
    }
}

enum status subjects_init(struct subjects *subjects,
                          const struct strategy_table_setup *setup,
                          struct strategy_table *table)
{
    TRY(model_init(&subjects->fused, setup->spec, setup->in, setup->classes,
                   setup->batch));
    TRY(model_init(&subjects->plain, setup->spec, setup->in, setup->classes,
                   setup->batch));
    model_unfuse(&subjects->plain);
    size_t ops = (size_t)(subjects->plain.ops + subjects->fused.ops);
    table->subject = subjects->info = mem_zeroed(ops, sizeof *table->subject);
    subjects->data = mem_zeroed(ops, sizeof *subjects->data);
    int *plain = mem_zeroed(ops, sizeof *plain), *fused = plain + subjects->plain.ops;
    subjects_list(subjects, setup, plain, fused);
    table->subjects = subjects->count;
    if (subjects->count == 0) {
        free(plain);
        FAIL(ST_USAGE, "'--layers %s': no layer has such a name", setup->layers);
    }
    size_t params = subjects->plain.params;
    subjects->params = mem_aligned(params, sizeof(float));
    subjects->grads = mem_aligned(params, sizeof(float));
    subjects->sample = mem_zeroed((size_t)setup->batch, sizeof *subjects->sample);
    model_init_params(&subjects->plain, 1, subjects->params);
    subjects_keep_data(subjects, &subjects->plain, setup, plain);
    subjects_keep_data(subjects, &subjects->fused, setup, fused);
    free(plain);
    return ST_OK;
}

void subjects_release(struct subjects *subjects)
{
    for (int i = 0; i < subjects->count; i++) {
        free(subjects->data[i].x);
        free(subjects->data[i].x2);
        free(subjects->data[i].y);
        free(subjects->data[i].dy);
        free(subjects->data[i].dx);
        free(subjects->data[i].dx2);
    }
    free(subjects->data);
    free(subjects->params);
    free(subjects->grads);
    free(subjects->sample);
    model_release(&subjects->plain);
    model_release(&subjects->fused);
}

struct strategy_task subject_task(const struct subjects *subjects, int index,
                                  enum strategy_pass pass, int batch)
{
    const struct subject_data *s = &subjects->data[index];
    return (struct strategy_task){.layer = s->layer,
                                  .pass = pass,
                                  .n = batch,
                                  .x = s->x,
                                  .x2 = s->x2,
                                  .dy = s->dy,
                                  .params = subjects->params,
                                  .y = s->y,
                                  .dx = s->dx,
                                  .dx2 = s->dx2,
                                  .grads = subjects->grads,
                                  .sample = subjects->sample};
}
