/* The pass of a grain through a model: forward, backward. */
#include <string.h>

#include "base/trace.h"
#include "base/where.h"
#include "kernels/combine.h"
#include "kernels/vector.h"
#include "leg.h"
#include "model_impl.h"
#include "nn/workspace.h"

/* One way of a grain. */
struct model_run {
    const struct model *model;
    struct workspace *ws;
    const struct grain_pass *pass;
    enum leg_pass way;
    /* NULL: not wanted. The first op, of those that ran, whose output has a NaN or an
       infinity; ops: none. */
    int *bad;
};

/* Is the op's pass as in training? Not if all before it is frozen: nothing is random
   there, and nothing is kept for backward. */
static bool model_op_trains(const struct model *model, const struct grain_pass *pass,
                            int o)
{
    return pass->train && (!model->still || model_goes_back(model, o));
}

/* The arguments of op o for the whole grain; dy and dx are for backward. */
static struct pass model_op_pass(const struct model *model, const struct workspace *ws,
                                 const struct grain_pass *pass, int o, enum leg_pass way)
{
    const struct model_wires *wires = &model->wires[o];
    const struct workspace_op *op = &ws->op[o];
    const struct layer *layer = model->op[o];
    bool back = model_packs_back(model, o);
    const struct split_plan *plan = pass->plan;
    ASSERT(pass->packed || model->packed == 0);
    struct pass view = {.team = pass->team,
                        .n = pass->n,
                        .all = pass->n,
                        .train = model_op_trains(model, pass, o),
                        .measure = pass->measure,
                        .x = ws->activation[wires->value[0]],
                        .x2 = wires->inputs > 1 ? ws->activation[wires->value[1]] : NULL,
                        .y = ws->activation[o + 1],
                        .dy = op->dy.at,
                        .dx = op->dx[0].at,
                        .dx2 = op->dx[1].at,
                        .params = pass->params,
                        .packed = pass->packed + layer->packed.offset,
                        .packed_back =
                            back ? pass->packed + layer->packed_back.offset : NULL,
                        .grads = pass->grads,
                        .save = op->save,
                        .room = op->room[way],
                        .scratch = ws->scratch,
                        .seed = pass->seed,
                        .step = pass->step,
                        .sample = ws->sample};
    view.team.split = !plan                ? SPLIT_AUTO
                      : way == LEG_FORWARD ? plan->forward[o]
                                           : plan->backward[o];
    return view;
}

/* The gradient, or value, of the images from that one on, before which `floats` lie in
   the grain. */
static float *gradient_from(const struct workspace_gradient *gradient, size_t floats)
{
    return gradient->at && !gradient->block ? gradient->at + floats : gradient->at;
}

static float *model_value_from(const struct workspace *ws, int value, size_t floats)
{
    return ws->block[value] ? ws->activation[value] : ws->activation[value] + floats;
}

/* Restricts the pass of op o to some images of the grain. */
static void pass_take(struct pass *pass, const struct model_run *run, int o,
                      struct span images)
{
    const struct layer *layer = run->model->op[o];
    const struct workspace_op *op = &run->ws->op[o];
    const int *value = run->model->wires[o].value;
    size_t first = (size_t)images.begin, in = first * (size_t)shape_size(layer->in);
    size_t in2 = layer->inputs > 1 ? first * (size_t)shape_size(layer->in2) : 0;
    size_t out = first * (size_t)shape_size(layer->out);
    pass->first = images.begin;
    pass->n = images.end - images.begin;
    pass->x = model_value_from(run->ws, value[0], in);
    pass->y = model_value_from(run->ws, o + 1, out);
    pass->sample += first;
    pass->save = (char *)pass->save + first * layer->save;
    if (pass->x2)
        pass->x2 = model_value_from(run->ws, value[1], in2);
    pass->dy = gradient_from(&op->dy, out);
    pass->dx = gradient_from(&op->dx[0], in);
    pass->dx2 = gradient_from(&op->dx[1], in2);
}

/* With the sequential split member 0 runs the op alone while the others wait. */
static void model_run_pass(void (*part)(const struct layer *, const struct pass *),
                           const struct layer *layer, struct pass *pass)
{
    struct team all = pass->team;
    if (all.size > 1 && all.split == SPLIT_SEQUENTIAL) {
        pass->team = (struct team){.size = 1};
        if (all.index == 0)
            part(layer, pass);
        team_barrier(&all);
        return;
    }
    part(layer, pass);
}

/* A part of op o's pass with some images. NULL: nothing is done. */
static void model_run_part(const struct model_run *run, int o,
                           void (*part)(const struct layer *, const struct pass *),
                           struct span images)
{
    const struct layer *layer = run->model->op[o];
    struct pass view = model_op_pass(run->model, run->ws, run->pass, o, run->way);
    if (!part)
        return;
    pass_take(&view, run, o, images);
    model_run_pass(part, layer, &view);
}

/* Is the op's output of these images finite? */
static void model_look(const struct model_run *run, int o, struct span images)
{
    size_t size = (size_t)shape_size(run->model->op[o]->out);
    const float *y = model_value_from(run->ws, o + 1, (size_t)images.begin * size);
    if (run->bad && o < *run->bad &&
        !vector_finite(y, (size_t)(images.end - images.begin) * size))
        *run->bad = o;
}

static void model_add_gradients(const struct model_run *run, int o, struct span images)
{
    for (int i = 0; i < LAYER_INPUTS; i++) {
        const struct workspace_sum *sum = &run->ws->op[o].sum[i];
        size_t first = (size_t)images.begin * sum->size;
        if (sum->to.at)
            combine_add(&run->pass->team, gradient_from(&sum->to, first),
                        gradient_from(&sum->a, first), gradient_from(&sum->b, first),
                        (size_t)(images.end - images.begin) * sum->size);
    }
}

static struct span model_all_images(const struct model_run *run)
{
    return (struct span){0, run->pass->n};
}

/* Has each buffer of the op's pass all images? */
static void model_assert_whole(const struct model_run *run, int o)
{
    const struct workspace_op *op = &run->ws->op[o];
    const bool *block = run->ws->block;
    bool forward = run->way == LEG_FORWARD;
    ASSERT(forward ? !block[o + 1] : !op->dy.block);
    for (int i = 0; i < run->model->wires[o].inputs; i++)
        ASSERT(forward ? !block[run->model->wires[o].value[i]]
                       : !op->dx[i].block && !op->sum[i].to.block);
}

void model_forward_op(const struct model *model, struct workspace *ws,
                      const struct grain_pass *pass, int op)
{
    const struct model_run run = {model, ws, pass, LEG_FORWARD, NULL};
    model_assert_whole(&run, op);
    model_run_part(&run, op, layer_forward, model_all_images(&run));
}

void model_backward_op(const struct model *model, struct workspace *ws,
                       const struct grain_pass *pass, int op)
{
    const struct model_run run = {model, ws, pass, LEG_BACKWARD, NULL};
    model_assert_whole(&run, op);
    if (model->op[op]->ops->passes_gradient != LAYER_PASSES_ALL)
        model_run_part(&run, op, layer_backward, model_all_images(&run));
    model_add_gradients(&run, op, model_all_images(&run));
}

/* --- what is recorded of it --- */

static double model_enter(const struct model_run *run, int o)
{
    enum where_part part = run->way == LEG_BACKWARD ? WHERE_BACKWARD
                           : run->pass->train       ? WHERE_FORWARD
                                                    : WHERE_EVALUATE;
    where_layer(part, run->model->op[o]->number);
    return trace_begin();
}

static void model_leave(const struct model_run *run, int o, double begin)
{
    trace_end(run->way == LEG_FORWARD ? "forward layer" : "backward layer",
              run->model->op[o]->name, begin);
}

/* --- legs --- */

/* Op by op: a leg of one op whose grain is one block. */
static bool model_leg_is_plain(const struct model_run *run, const struct leg *leg)
{
    const struct legs *legs = &run->ws->legs[run->way];
    return leg->images >= run->model->grain &&
           legs->gathered[leg->first] == legs->of[leg->first];
}

static void model_run_plain(const struct model_run *run, int o)
{
    double begin = model_enter(run, o);
    if (run->way == LEG_FORWARD)
        model_forward_op(run->model, run->ws, run->pass, o);
    else
        model_backward_op(run->model, run->ws, run->pass, o);
    model_leave(run, o, begin);
    if (run->way == LEG_FORWARD)
        model_look(run, o, model_all_images(run));
}

static void model_back_block(const struct model_run *run, int o, struct span images)
{
    const struct layer *layer = run->model->op[o];
    model_run_part(run, o, layer->ops->backward, images);
    model_add_gradients(run, o, images);
    if (layer_changes(layer) && !layer_sums_grain(layer))
        model_run_part(run, o, layer->ops->gradients, images);
}

static void model_run_block(const struct model_run *run, const struct leg *leg,
                            struct span images)
{
    const struct legs *legs = &run->ws->legs[run->way];
    for (int i = 0, o = leg->first; i < leg->count; i++, o += legs->step) {
        double begin = model_enter(run, o);
        if (run->way == LEG_FORWARD)
            model_run_part(run, o, run->model->op[o]->ops->forward, images);
        else
            model_back_block(run, o, images);
        model_leave(run, o, begin);
        if (run->way == LEG_FORWARD)
            model_look(run, o, images);
    }
    if (leg->next != LEG_NONE) {
        double begin = model_enter(run, leg->next);
        model_run_part(run, leg->next,
                       leg_coupling(run->model, leg->next, run->way)->gather, images);
        model_leave(run, leg->next, begin);
    }
}

/* What couples the samples of its first op, unless it was gathered before. */
static void model_begin_leg(const struct model_run *run, const struct leg *leg)
{
    const struct legs *legs = &run->ws->legs[run->way];
    const struct layer_coupling *coupling =
        leg_coupling(run->model, leg->first, run->way);
    double begin = model_enter(run, leg->first);
    if (legs->gathered[leg->first] == legs->of[leg->first] && coupling->gather) {
        const struct workspace_gradient *dx = run->ws->op[leg->first].dx;
        ASSERT(run->way == LEG_FORWARD || (!dx[0].block && !dx[1].block));
        model_run_part(run, leg->first, coupling->gather, model_all_images(run));
    }
    model_run_part(run, leg->first, coupling->settle, model_all_images(run));
    model_leave(run, leg->first, begin);
}

static void model_run_leg(const struct model_run *run, const struct leg *leg)
{
    int n = run->pass->n, images = leg_block(leg, run->pass->team.size, n);
    if (model_leg_is_plain(run, leg)) {
        model_run_plain(run, leg->first);
        return;
    }
    model_begin_leg(run, leg);
    for (int first = 0; first < n; first += images)
        model_run_block(run, leg,
                        (struct span){first, first + images < n ? first + images : n});
}

/* --- forward --- */

static void model_run_forward(const struct model_run *run)
{
    const struct legs *legs = &run->ws->legs[LEG_FORWARD];
    int to = run->pass->to > 0 ? run->pass->to : run->model->ops;
    for (int i = 0; i < legs->count; i++)
        if (legs->leg[i].first >= run->pass->from && legs->leg[i].first < to)
            model_run_leg(run, &legs->leg[i]);
}

void model_forward(const struct model *model, struct workspace *ws,
                   const struct grain_pass *pass)
{
    const struct model_run run = {model, ws, pass, LEG_FORWARD, NULL};
    model_run_forward(&run);
}

int model_find_bad(const struct model *model, struct workspace *ws,
                   const struct grain_pass *pass)
{
    int bad = model->ops;
    const struct model_run run = {model, ws, pass, LEG_FORWARD, &bad};
    ASSERT(pass->team.size == 1);
    model_run_forward(&run);
    return bad < model->ops ? bad : -1;
}

/* --- backward --- */

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

/* The gradients of an op's parameters are final. */
static void model_close_op(const struct model_run *run, int o,
                           void (*ready)(void *context, size_t begin, size_t end),
                           void *context)
{
    const struct layer *layer = run->model->op[o];
    size_t begin, end;
    if (run->pass->team.index != 0 || layer->tensors == 0)
        return;
    model_op_range(run->model, o, &begin, &end);
    model_zero_padding(layer, end, run->pass->grads);
    if (ready)
        ready(context, begin, end);
}

static void model_end_leg(const struct model_run *run, const struct leg *leg,
                          void (*ready)(void *context, size_t begin, size_t end),
                          void *context)
{
    for (int o = leg->first; o > leg->first - leg->count; o--) {
        const struct layer *layer = run->model->op[o];
        if (!model_leg_is_plain(run, leg) && layer_sums_grain(layer)) {
            double begin = model_enter(run, o);
            model_run_part(run, o, layer->ops->gradients, model_all_images(run));
            model_leave(run, o, begin);
        }
        model_close_op(run, o, ready, context);
    }
}

void model_backward(const struct model *model, struct workspace *ws,
                    const struct grain_pass *pass,
                    void (*ready)(void *context, size_t begin, size_t end), void *context)
{
    const struct model_run run = {model, ws, pass, LEG_BACKWARD, NULL};
    const struct legs *legs = &ws->legs[LEG_BACKWARD];
    for (int i = 0; i < legs->count; i++) {
        const struct leg *leg = &legs->leg[i];
        if (!model_goes_back(model, leg->first))
            continue;
        model_run_leg(&run, leg);
        model_end_leg(&run, leg, ready, context);
    }
    team_barrier(&pass->team);
}
