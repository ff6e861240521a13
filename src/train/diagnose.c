/* bad: where the numbers of a step went bad. */
#include <math.h>

#include "base/log.h"
#include "kernels/vector.h"
#include "trainer_impl.h"

/* Forward again, one thread, over this replica's grains: the first step, of the whole
   model, with bad output. Stages go on to the end for each other's sake. */
static bool find_layer(struct trainer *trainer, const struct step *step, int *grain,
                       int *layer)
{
    const struct model *model = trainer->model;
    struct flow *flow = &trainer->flow;
    struct lane lane = {.team = {.size = 1}};
    bool found = false;
    flow_plan(flow, step->begin, step->end, 1, (uint64_t)step->samples, false);
    flow_open(flow);
    for (int g = step->begin; g < step->end; g++) {
        struct workspace *ws = crew_workspace(&trainer->crew, 0, g - step->begin);
        flow_before_forward(flow, g - step->begin);
        trainer_load_grain(trainer, step, &lane, ws, g);
        struct grain_pass pass = trainer_grain_pass(trainer, step, &lane, g);
        model_forward(model, ws, &pass);
        flow_after_forward(flow, g - step->begin);
        int bad = model_find_bad(model, ws, pass.n);
        if (bad < 0 || found)
            continue;
        found = true;
        *grain = g;
        *layer = model->op_before + bad;
        if (trainer->stage->count == 1)
            break;
    }
    flow_close(flow);
    return found;
}

const char *trainer_bad_layer(const struct trainer *trainer, const float *vector)
{
    const struct model *model = trainer->model;
    double last = -1;
    for (int l = 0; l < model->layers; l++) {
        const struct layer *layer = model->layer[l];
        for (int t = 0; t < layer->tensors; t++)
            if (!vector_finite(vector + layer->tensor[t].offset, layer->tensor[t].count))
                last = model->layer_before + l;
    }
    if (trainer->stage->count > 1)
        comm_max_f64(trainer->setup.comm, &last, 1);
    return last < 0 ? NULL : trainer->setup.model->layer[(int)last]->name;
}

void trainer_explain_bad(struct trainer *trainer, const struct step *step)
{
    const struct model *model = trainer->setup.model;
    int grain = 0, layer = 0;
    double first = -1e300; /* the largest of -(grain, layer) is the first of all ranks */
    if (find_layer(trainer, step, &grain, &layer))
        first = -((double)grain * MODEL_LAYERS + layer);
    comm_max_f64(trainer->setup.comm, &first, 1);
    unsigned long long number = trainer->progress.step + 1;
    if (first > -1e300) {
        log_set_replicated(true);
        log_error("step %llu: loss is %g: bad numbers first in the output of layer '%s'; "
                  "lower optim.lr or set train.clip and go on by --resume (from an "
                  "older checkpoint, if the newest is of diverged weights: remove it)",
                  number, fabs(step->loss) / step->samples, /* not "-nan" */
                  model->op[(long long)-first % MODEL_LAYERS]->name);
    } else {
        const char *name = trainer_bad_layer(trainer, trainer->sum);
        log_set_replicated(true);
        log_error("step %llu: the gradient is not finite, first in layer '%s'; lower "
                  "optim.lr or set train.clip, then go on from the last checkpoint",
                  number, name ? name : "(norm)");
    }
    log_set_replicated(false);
}
