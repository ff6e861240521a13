/* The loss of a grain, between its passes. */
#include "kernels/vector.h"
#include "nn/loss_set.h"
#include "nn/workspace.h"

/* Evaluation uses only the label or the set. */
static struct target model_target(const struct workspace *ws,
                                  const struct grain_pass *pass, int i)
{
    struct target target = ws->target[i];
    if (pass->train)
        return target;
    struct target plain = target_of_class(target.label);
    plain.set = target.set;
    return plain;
}

static void model_grain_loss(const struct model *model, struct workspace *ws,
                             const struct grain_pass *pass, struct grain_result *result)
{
    static const struct loss plain = {0};
    const struct loss *loss = pass->train ? &pass->loss : &plain;
    int classes = model->classes;
    const float *logp = ws->logprobs;
    float *delta = pass->train ? ws->output_gradient : NULL;
    double sum = 0.0;
    result->correct = 0;
    for (int i = 0; i < pass->n; i++, logp += classes) {
        struct target target = model_target(ws, pass, i);
        sum += (model->multi_label ? loss_of_set : loss_of_sample)(loss, logp, classes,
                                                                   &target, delta);
        result->correct += model->multi_label
                               ? loss_set_is_right(logp, classes, &target)
                               : vector_argmax(logp, (size_t)classes) == target.label;
        if (delta)
            delta += classes;
    }
    result->loss = (float)sum;
}

void model_loss(const struct model *model, struct workspace *ws,
                const struct grain_pass *pass, struct grain_result *result)
{
    if (pass->team.index == 0)
        model_grain_loss(model, ws, pass, result);
    team_barrier(&pass->team);
}
