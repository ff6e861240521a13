#include "train/blend.h"

#include "kernels/activation.h"
#include "nn/loss_set.h"

void blend_add(const struct model *model, float *sum, const float *logprobs, int rows,
               float weight)
{
    size_t count = (size_t)rows * (size_t)model->classes;
    for (size_t i = 0; i < count; i++)
        sum[i] +=
            weight * (model->multi_label ? loss_set_logit(logprobs[i]) : logprobs[i]);
}

void blend_finish(const struct model *model, float *logprobs, const float *sum, int rows)
{
    const struct team alone = {.size = 1};
    if (model->multi_label)
        logsigmoid_forward(&alone, logprobs, sum, (size_t)rows * (size_t)model->classes);
    else
        logsoftmax_forward(&alone, logprobs, sum, rows, model->classes);
}
