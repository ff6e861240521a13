#include "subject.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/conv_pool.h"
#include "kernels/pool.h"
#include "nn/lab.h"

/* FLOPs per element of what is no product, counted in the kernels' sources. */
#define GELU_FORWARD    42
#define SOFTMAX_FORWARD 20
#define SOFTMAX_BACK    19

/* Last layer of the block that step s is; s itself if it is none. */
static const struct layer *last_of(const struct model *model, int s)
{
    int next = s + 1 < model->ops ? model->op[s + 1]->index : model->layers;
    return model->layer[next - 1];
}

static bool is_block(const struct model *model, int s)
{
    return last_of(model, s)->index > model->op[s]->index;
}

static double element_flops(const struct layer *layer, enum strategy_pass pass)
{
    double out = shape_size(layer->out);
    bool forward = pass == STRATEGY_FORWARD;
    const struct pool_shape *pool = layer_pool_shape(layer);
    if (layer->ops == &layer_gelu)
        return out * (forward ? GELU_FORWARD : 1);
    if (layer->ops == &layer_logsoftmax)
        return out * (forward ? SOFTMAX_FORWARD : SOFTMAX_BACK);
    if (pool && forward)
        return out * pool->size * pool->size; /* comparisons, or sums */
    return out;
}

static double pass_flops(const struct model *model, int s, enum strategy_pass pass)
{
    const struct layer *layer = model->op[s];
    struct model_work work = model_op_work(model, s);
    if (layer->tensors == 0)
        return element_flops(layer, pass);
    return pass == STRATEGY_FORWARD ? work.true_forward : work.true_backward;
}

/* What must be read and written once, whatever the strategy. */
static double pass_bytes(const struct layer *layer, enum strategy_pass pass, bool first,
                         int batch)
{
    double x = 4.0 * batch * shape_size(layer->in);
    double y = 4.0 * batch * shape_size(layer->out);
    double save = (double)batch * (double)layer->save, weights = 0;
    for (int t = 0; t < layer->tensors; t++)
        weights += 4.0 * (double)layer->tensor[t].count;
    if (pass == STRATEGY_FORWARD)
        return x + y + weights + save;
    return y + weights + (first ? 0 : x + weights) + (layer->tensors ? x : 0) + save;
}

static void describe(struct measure_subject *told, const struct measure_request *request,
                     const struct model *model, int s)
{
    const struct layer *layer = model->op[s], *last = last_of(model, s);
    *told = (struct measure_subject){
        .in = layer->in, .out = layer->out, .block = is_block(model, s)};
    snprintf(told->name, sizeof told->name, told->block ? "%s-%s" : "%s", layer->name,
             last->name);
    for (int pass = 0; pass < STRATEGY_PASSES; pass++) {
        told->measured[pass] = pass == STRATEGY_FORWARD || s >= model_first_op(model);
        told->flops[pass] = request->batch * pass_flops(model, s, pass);
        told->bytes[pass] =
            pass_bytes(layer, pass, s <= model_first_op(model), request->batch);
        told->level[pass] = machine_level(request->machine, (size_t)told->bytes[pass]);
    }
}

static float *copy_of(const float *data, int batch, struct shape shape)
{
    size_t count = (size_t)batch * (size_t)shape_size(shape);
    float *copy = mem_aligned(count + CONV_POOL_SLACK, sizeof *copy);
    if (data)
        memcpy(copy, data, count * sizeof *copy);
    return copy;
}

/* One training step, step by step; what a step is given and gives is kept where it is
   asked for: at[s] is a subject's index or -1. */
static void keep_data(struct subjects *subjects, const struct model *model,
                      const struct measure_request *request, const int *at)
{
    struct workspace ws;
    struct grain_result result;
    workspace_init(&ws, model);
    memcpy(ws.activation[0], request->images,
           (size_t)request->batch * (size_t)shape_size(model->in) * sizeof(float));
    for (int i = 0; i < request->batch; i++)
        ws.label[i] = i % model->classes;
    struct grain_pass pass = {.team = {.size = 1},
                              .n = request->batch,
                              .train = true,
                              .params = subjects->params,
                              .grads = subjects->grads};
    model_forward(model, &ws, &pass);
    model_loss(model, &ws, &pass, &result);
    for (int s = model->ops - 1; s >= 0; s--) {
        struct subject *to = at[s] < 0 ? NULL : &subjects->subject[at[s]];
        const struct layer *layer = model->op[s];
        if (to)
            *to = (struct subject){
                .layer = layer,
                .first = s <= model_first_op(model),
                .x = copy_of(ws.activation[s], request->batch, layer->in),
                .y = copy_of(NULL, request->batch, layer->out),
                .dy = copy_of(ws.delta[s % 2], request->batch, layer->out),
                .dx = copy_of(NULL, request->batch, layer->in)};
        if (s >= model_first_op(model))
            model_backward_op(model, &ws, &pass, s);
    }
    workspace_release(&ws);
}

static bool wanted(const struct measure_request *request, const char *name)
{
    return !request->layers || fnmatch(request->layers, name, 0) == 0;
}

/* Adds a step if it is wanted; its index, or -1. */
static int add(struct subjects *subjects, const struct measure_request *request,
               const struct model *model, int s)
{
    struct measure_subject *told = &subjects->told[subjects->count];
    if (model->op[s]->ops == &layer_flatten)
        return -1;
    describe(told, request, model, s);
    return wanted(request, told->name) ? subjects->count++ : -1;
}

static void list_subjects(struct subjects *subjects,
                          const struct measure_request *request, int *plain, int *fused)
{
    for (int f = 0, p = 0; f < subjects->fused.ops; f++) {
        const struct layer *last = last_of(&subjects->fused, f);
        for (; p <= last->index; p++)
            plain[p] = add(subjects, request, &subjects->plain, p);
        fused[f] = is_block(&subjects->fused, f)
                       ? add(subjects, request, &subjects->fused, f)
                       : -1;
    }
}

enum status subjects_init(struct subjects *subjects,
                          const struct measure_request *request)
{
    *subjects = (struct subjects){0};
    TRY(model_init(&subjects->fused, request->spec, request->in, request->classes,
                   request->batch));
    TRY(model_init(&subjects->plain, request->spec, request->in, request->classes,
                   request->batch));
    model_unfuse(&subjects->plain);
    size_t most = (size_t)(subjects->plain.ops + subjects->fused.ops);
    subjects->subject = mem_zeroed(most, sizeof *subjects->subject);
    subjects->told = mem_zeroed(most, sizeof *subjects->told);
    int *plain = mem_zeroed(most, sizeof *plain), *fused = plain + subjects->plain.ops;
    list_subjects(subjects, request, plain, fused);
    if (subjects->count == 0) {
        free(plain);
        FAIL(ST_USAGE, "'--layers %s': no layer has such a name", request->layers);
    }
    size_t params = subjects->plain.params;
    subjects->params = mem_aligned(params, sizeof(float));
    subjects->grads = mem_aligned(params, sizeof(float));
    subjects->sample = mem_zeroed((size_t)request->batch, sizeof *subjects->sample);
    model_init_params(&subjects->plain, 1, subjects->params);
    keep_data(subjects, &subjects->plain, request, plain);
    keep_data(subjects, &subjects->fused, request, fused);
    free(plain);
    return ST_OK;
}

void subjects_release(struct subjects *subjects)
{
    for (int i = 0; i < subjects->count; i++) {
        free(subjects->subject[i].x);
        free(subjects->subject[i].y);
        free(subjects->subject[i].dy);
        free(subjects->subject[i].dx);
    }
    free(subjects->subject);
    free(subjects->params);
    free(subjects->grads);
    free(subjects->sample);
    model_release(&subjects->plain);
    model_release(&subjects->fused);
}

struct strategy_task subject_task(const struct subjects *subjects, int index,
                                  enum strategy_pass pass, int batch)
{
    const struct subject *s = &subjects->subject[index];
    return (struct strategy_task){.layer = s->layer,
                                  .pass = pass,
                                  .n = batch,
                                  .x = s->x,
                                  .dy = s->dy,
                                  .params = subjects->params,
                                  .y = s->y,
                                  .dx = s->first ? NULL : s->dx,
                                  .grads = subjects->grads,
                                  .sample = subjects->sample};
}
