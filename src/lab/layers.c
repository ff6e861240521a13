#include "lab/layers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/timer.h"
#include "base/where.h"
#include "nn/layer_shape.h"
#include "nn/packed.h"
#include "nn/workspace.h"

#define LAYERS_REPEATS      41
#define LAYERS_UNIT_REPEATS 9

/* forward and backward: seconds (ops, LAYERS_REPEATS). */
static void layers_round(const struct model *model, struct workspace *ws,
                         const struct grain_pass *pass, int repeat, double *forward,
                         double *backward)
{
    struct grain_result result;
    double t = timer_thread();
    for (int o = 0; o < model->ops; o++) {
        where_layer(WHERE_FORWARD, o);
        model_forward_op(model, ws, pass, o);
        double now = timer_thread();
        forward[o * LAYERS_REPEATS + repeat] = now - t;
        t = now;
    }
    model_loss(model, ws, pass, &result);
    t = timer_thread();
    for (int o = model->ops - 1; o >= 0; o--) {
        if (!model_goes_back(model, o))
            continue;
        where_layer(WHERE_BACKWARD, o);
        model_backward_op(model, ws, pass, o);
        double now = timer_thread();
        backward[o * LAYERS_REPEATS + repeat] = now - t;
        t = now;
    }
}

static void layers_describe(const struct model *model, int o, struct layer_time *time)
{
    const struct layer *layer = model->op[o];
    const struct conv_shape *shape = layer_conv_shape(layer);
    char *name = model_op_text(model, o);
    *time = (struct layer_time){.work = model_op_work(model, o),
                                .stored = workspace_stored(model, o)};
    snprintf(time->name, sizeof time->name, "%s", name);
    free(name);
    for (int pass = 0; shape && pass < CONV_PASSES; pass++)
        if (pass == CONV_FORWARD ||
            (model_goes_back(model, o) &&
             (pass == CONV_WEIGHT || model->wanted[model->wires[o].value[0]])))
            time->algorithm[pass] =
                conv_algorithm_chosen((enum conv_pass)pass, shape, &layer->policy);
}

void layers_measure(const struct model *model, const float *params, const float *x,
                    struct layer_time *times)
{
    struct workspace ws;
    size_t cells = (size_t)model->ops * LAYERS_REPEATS;
    double *forward = mem_zeroed(cells, sizeof *forward);
    double *backward = mem_zeroed(cells, sizeof *backward);
    float *grads = mem_aligned(model->params, sizeof *grads);
    workspace_init_by_op(&ws, model, 1);
    float *packed = model_packed(model, params);
    memcpy(ws.activation[0], x,
           (size_t)model->grain * (size_t)shape_size(model->in) * sizeof *x);
    for (int i = 0; i < model->grain; i++)
        ws.target[i] = target_of_class(i % model->classes);
    struct grain_pass pass = {.team = {.size = 1},
                              .n = model->grain,
                              .train = true,
                              .params = params,
                              .packed = packed,
                              .grads = grads};
    for (int repeat = 0; repeat < LAYERS_REPEATS; repeat++)
        layers_round(model, &ws, &pass, repeat, forward, backward);
    for (int o = 0; o < model->ops; o++) {
        layers_describe(model, o, &times[o]);
        times[o].forward =
            timer_median(forward + o * LAYERS_REPEATS, LAYERS_REPEATS) / model->grain;
        times[o].backward =
            timer_median(backward + o * LAYERS_REPEATS, LAYERS_REPEATS) / model->grain;
    }
    workspace_release(&ws);
    free(forward);
    free(backward);
    free(packed);
    free(grads);
}

/* Realistic values: zeros and subnormals would take another time. */
static void layers_fill_random(float *x, size_t count, uint32_t purpose)
{
    struct rng rng;
    rng_init(&rng, 1, RNG_TEST, purpose, 0);
    for (size_t i = 0; i < count; i++)
        x[i] = rng_normal(&rng);
}

double layers_unit_seconds(const struct model *unit)
{
    const struct shape out = unit->op[unit->ops - 1]->out;
    size_t grain = (size_t)unit->grain;
    float *params = mem_aligned(unit->params, sizeof *params);
    float *grads = mem_aligned(unit->params, sizeof *grads);
    double seconds[LAYERS_UNIT_REPEATS];
    struct workspace ws;
    workspace_init(&ws, unit, 1);
    model_init_params(unit, 1, params);
    float *packed = model_packed(unit, params);
    layers_fill_random(ws.activation[0], grain * (size_t)shape_size(unit->in), 0);
    struct grain_pass pass = {.team = {.size = 1},
                              .n = unit->grain,
                              .train = true,
                              .params = params,
                              .packed = packed,
                              .grads = grads};
    for (int i = 0; i < LAYERS_UNIT_REPEATS; i++) {
        double t = timer_now();
        model_forward(unit, &ws, &pass);
        seconds[i] = timer_now() - t;
        layers_fill_random(ws.output_gradient, grain * (size_t)shape_size(out), 1);
        t = timer_now();
        model_backward(unit, &ws, &pass, NULL, NULL);
        seconds[i] += timer_now() - t;
    }
    workspace_release(&ws);
    free(params);
    free(packed);
    free(grads);
    return timer_median(seconds, LAYERS_UNIT_REPEATS);
}
