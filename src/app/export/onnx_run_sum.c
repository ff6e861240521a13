/* onnx_run: operators that sum over features or pixels, in double. */
#include <math.h>

#include "onnx_call.h"

/* y (M, N) = x (M, K) weight (N, K)^T + bias (N) */
static enum status run_gemm(struct onnx_call *call)
{
    const struct onnx_array *x = call->in[0], *weight = call->in[1];
    const float *a = onnx_call_floats(call, 0), *b = onnx_call_floats(call, 1);
    const float *bias = call->inputs > 2 ? onnx_call_floats(call, 2) : NULL;
    if (onnx_call_int(call, "transB", 0) != 1 || x->dims != 2 || weight->dims != 2 ||
        x->dim[1] != weight->dim[1] || (bias && call->in[2]->count != weight->dim[0]))
        return onnx_call_refuse(call, "its inputs have shapes that do not fit");
    size_t features = x->dim[1], outputs = weight->dim[0];
    const size_t dim[] = {x->dim[0], outputs};
    TRY(onnx_call_make(call, 2, dim));
    float *y = call->out->values;
    for (size_t i = 0; i < call->out->count; i++) {
        const float *row = a + i / outputs * features, *of = b + i % outputs * features;
        double sum = bias ? (double)bias[i % outputs] : 0;
        for (size_t k = 0; k < features; k++)
            sum += (double)row[k] * (double)of[k];
        y[i] = (float)sum;
    }
    return ST_OK;
}

static void run_normalise(float *y, const float *x, size_t count, double factor,
                          double offset, double epsilon)
{
    double mean = 0, variance = 0;
    for (size_t i = 0; i < count; i++)
        mean += (double)x[i] / (double)count;
    for (size_t i = 0; i < count; i++)
        variance += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)count;
    for (size_t i = 0; i < count; i++)
        y[i] =
            (float)(factor * ((double)x[i] - mean) / sqrt(variance + epsilon) + offset);
}

static enum status run_instance_norm(struct onnx_call *call)
{
    const struct onnx_array *x = call->in[0];
    size_t values = 1, channels = x->dim[1];
    if (x->dims < 3 || call->in[1]->count != channels || call->in[2]->count != channels)
        return onnx_call_refuse(call, "its inputs have shapes that do not fit");
    for (int d = 2; d < x->dims; d++)
        values *= x->dim[d];
    TRY(onnx_call_make(call, x->dims, x->dim));
    float *y = call->out->values;
    for (size_t i = 0; i < x->dim[0] * channels; i++)
        run_normalise(y + i * values, onnx_call_floats(call, 0) + i * values, values,
                      (double)onnx_call_floats(call, 1)[i % channels],
                      (double)onnx_call_floats(call, 2)[i % channels],
                      (double)onnx_call_real(call, "epsilon", 1e-5f));
    return ST_OK;
}

/* The logarithm of the sum of exp of `count` numbers, `step` apart. */
static double run_log_sum(const float *x, size_t count, size_t step)
{
    double most = -INFINITY, sum = 0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, (double)x[i * step]);
    for (size_t i = 0; i < count; i++)
        sum += exp((double)x[i * step] - most);
    return most + log(fmax(sum, 1)); /* the largest adds 1 */
}

/* Over axis 1. */
static enum status run_softmaxes(struct onnx_call *call, bool logarithm)
{
    const struct onnx_array *x = call->in[0];
    const float *from = onnx_call_floats(call, 0);
    size_t step = 1;
    if (onnx_call_int(call, "axis", -1) != 1 || x->dims < 2)
        return onnx_call_refuse(call, "only axis 1 is known here");
    for (int d = 2; d < x->dims; d++)
        step *= x->dim[d];
    TRY(onnx_call_make(call, x->dims, x->dim));
    float *y = call->out->values;
    for (size_t i = 0; i < x->dim[0] * step; i++) {
        size_t begin = i / step * x->dim[1] * step + i % step;
        double sum = run_log_sum(from + begin, x->dim[1], step);
        for (size_t k = 0; k < x->dim[1]; k++) {
            double value = (double)from[begin + k * step] - sum;
            y[begin + k * step] = (float)(logarithm ? value : exp(value));
        }
    }
    return ST_OK;
}

static enum status run_softmax(struct onnx_call *call)
{
    return run_softmaxes(call, false);
}

static enum status run_logsoftmax(struct onnx_call *call)
{
    return run_softmaxes(call, true);
}

const struct onnx_operator onnx_sum_operators[] = {
    {"Gemm", 2, 3, 0, false, run_gemm},
    {"InstanceNormalization", 3, 3, 0, false, run_instance_norm},
    {"Softmax", 1, 1, 0, false, run_softmax},
    {"LogSoftmax", 1, 1, 0, false, run_logsoftmax},
    {0},
};
