#include "diagnose.h"

#include <math.h>

#include "base/log.h"
#include "comm/comm.h"
#include "kernels/vector.h"

/* Forward again, with one thread, over this replica's grains: finds the first grain, and
   in it the first op of the whole model, with bad output. Stages go on to the end because
   their neighbours need their messages. */
static bool diagnose_forward(struct stepper *stepper, const struct train_batch *batch,
                             int *grain, int *op)
{
    const struct train_run *run = stepper->run;
    const struct grain_range *grains = &batch->grains;
    struct flow *flow = &stepper->flow;
    struct lane lane = {.team = {.size = 1}};
    bool found = false;
    flow_plan(flow, grains, 1, false);
    flow_open(flow);
    for (int g = grains->begin; g < grains->end; g++) {
        int round = g - grains->begin;
        struct workspace *ws = crew_workspace(&stepper->crew, 0, round);
        flow_before_forward(flow, round);
        train_input_load(&stepper->input, batch, &lane, ws, g);
        struct grain_pass pass = stepper_grain_pass(stepper, batch, &lane, g);
        int bad = model_find_bad(run->model, ws, &pass);
        flow_after_forward(flow, round);
        if (bad < 0 || found)
            continue;
        found = true;
        *grain = g;
        *op = run->model->op_before + bad;
        if (run->stage->count == 1)
            break;
    }
    flow_close(flow);
    return found;
}

const char *diagnose_layer(const struct train_run *run, const float *vector)
{
    const struct model *model = run->model;
    double last = -1;
    for (int l = 0; l < model->layers; l++) {
        const struct layer *layer = model->layer[l];
        for (int t = 0; t < layer->tensors; t++)
            if (!vector_finite(vector + layer->tensor[t].offset, layer->tensor[t].count))
                last = model->layer_before + l;
    }
    if (run->stage->count > 1)
        comm_max_f64(run->setup.comm, &last, 1);
    return last < 0 ? NULL : run->setup.model->layer[(int)last]->name;
}

void diagnose_step(struct stepper *stepper, const struct train_step *step)
{
    const struct train_run *run = stepper->run;
    const struct model *model = run->setup.model;
    unsigned long long number = run->progress.step + 1;
    int grain = 0, op = 0;
    double first = -INFINITY; /* the largest of -(grain, op) is the first of all ranks */
    if (diagnose_forward(stepper, &step->batch, &grain, &op))
        first = -((double)grain * MODEL_LAYERS + op);
    comm_max_f64(run->setup.comm, &first, 1);
    if (first > -INFINITY) {
        log_set_replicated(true);
        log_error("step %llu: loss is %g: bad numbers first in the output of layer '%s'; "
                  "lower optim.lr or set train.clip and go on by --resume (from an "
                  "older checkpoint, if the newest is of diverged weights: remove it)",
                  number,
                  fabs(step->loss) / (double)step->batch.grains.samples, /* not "-nan" */
                  model->op[(long long)-first % MODEL_LAYERS]->name);
    } else {
        const char *name = diagnose_layer(run, stepper->sum);
        log_set_replicated(true);
        log_error("step %llu: the gradient is not finite, first in layer '%s'; lower "
                  "optim.lr or set train.clip, then go on from the last checkpoint",
                  number, name ? name : "(norm)");
    }
    log_set_replicated(false);
}

enum status diagnose_images(const struct stepper *stepper, const struct train_step *step)
{
    if (!step->unreadable)
        return ST_OK;
    TRY(dataset_failure(stepper->run->setup.dataset));
    return ST_FAIL; /* another rank reports it */
}
