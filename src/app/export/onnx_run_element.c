/* onnx_run: operators that go element by element, with broadcasting. */
#include <math.h>
#include <string.h>

#include "onnx_call.h"

/* --- of one input --- */

/* a, b: parameters of the operator. */
static enum status run_map(struct onnx_call *call,
                           float (*map)(float x, float a, float b), float a, float b)
{
    const struct onnx_array *x = call->in[0];
    const float *from = onnx_call_floats(call, 0);
    TRY(onnx_call_make(call, x->dims, x->dim));
    float *y = call->out->values;
    for (size_t i = 0; i < x->count; i++)
        y[i] = map(from[i], a, b);
    return ST_OK;
}

static float map_clip(float x, float least, float most)
{
    return x < least ? least : x > most ? most : x;
}

static float map_sigmoid(float x, float a, float b)
{
    (void)a;
    (void)b;
    return (float)(1 / (1 + exp(-(double)x)));
}

static float map_hardsigmoid(float x, float alpha, float beta)
{
    return map_clip(alpha * x + beta, 0, 1);
}

static float map_erf(float x, float a, float b)
{
    (void)a;
    (void)b;
    return (float)erf((double)x);
}

static enum status run_relu(struct onnx_call *call)
{
    return run_map(call, map_clip, 0, INFINITY);
}

static enum status run_clip(struct onnx_call *call)
{
    if (call->in[1]->count != 1 || call->in[2]->count != 1)
        return onnx_call_refuse(call, "its limits are not single numbers");
    return run_map(call, map_clip, *onnx_call_floats(call, 1),
                   *onnx_call_floats(call, 2));
}

static enum status run_sigmoid(struct onnx_call *call)
{
    return run_map(call, map_sigmoid, 0, 0);
}

static enum status run_hardsigmoid(struct onnx_call *call)
{
    return run_map(call, map_hardsigmoid, onnx_call_real(call, "alpha", 0.2f),
                   onnx_call_real(call, "beta", 0.5f));
}

static enum status run_erf(struct onnx_call *call)
{
    return run_map(call, map_erf, 0, 0);
}

static enum status run_identity(struct onnx_call *call)
{
    const struct onnx_array *x = call->in[0];
    TRY(onnx_call_make(call, x->dims, x->dim));
    memcpy(call->out->values, x->values, x->count * sizeof(float));
    return ST_OK;
}

static enum status run_cast(struct onnx_call *call)
{
    const struct onnx_array *x = call->in[0];
    const uint8_t *from = x->values;
    if (onnx_call_int(call, "to", 0) != ONNX_FLOAT)
        return onnx_call_refuse(call, "only floats are made here");
    TRY(onnx_call_make(call, x->dims, x->dim));
    float *y = call->out->values;
    for (size_t i = 0; i < x->count; i++)
        y[i] = (float)from[i];
    return ST_OK;
}

/* --- of two inputs --- */

/* Elements from one index of a dimension to the next: of an extent of 1, which all
   indices read, 0. */
struct pair_steps {
    size_t a[ONNX_DIMS], b[ONNX_DIMS];
};

/* The steps of an array in the dimensions of the result, which are aligned at the end. */
static bool pair_find_steps(const struct onnx_array *array, int dims, size_t *dim,
                            size_t *step)
{
    size_t next = 1;
    for (int i = dims - 1, from = array->dims - 1; i >= 0; i--, from--) {
        size_t extent = from >= 0 ? array->dim[from] : 1;
        step[i] = extent == 1 ? 0 : next;
        next *= extent;
        if (dim[i] == 1)
            dim[i] = extent;
        if (extent != 1 && extent != dim[i])
            return false;
    }
    return true;
}

/* Moves on to the next row of the result: index counts its dimensions but the last. */
static void pair_next_row(const struct onnx_array *out, const struct pair_steps *steps,
                          size_t index[ONNX_DIMS], size_t *a, size_t *b)
{
    for (int d = out->dims - 2; d >= 0; d--) {
        *a += steps->a[d];
        *b += steps->b[d];
        if (++index[d] < out->dim[d])
            return;
        index[d] = 0;
        *a -= steps->a[d] * out->dim[d];
        *b -= steps->b[d] * out->dim[d];
    }
}

static enum status run_pairs(struct onnx_call *call, float (*of)(float a, float b))
{
    const struct onnx_array *a = call->in[0], *b = call->in[1];
    int dims = a->dims > b->dims ? a->dims : b->dims;
    size_t dim[ONNX_DIMS] = {1, 1, 1, 1, 1, 1, 1, 1}, index[ONNX_DIMS] = {0};
    struct pair_steps steps;
    if (!pair_find_steps(a, dims, dim, steps.a) ||
        !pair_find_steps(b, dims, dim, steps.b))
        return onnx_call_refuse(call, "its inputs have shapes that do not fit");
    TRY(onnx_call_make(call, dims, dim));
    size_t row = dims > 0 ? dim[dims - 1] : 1, at_a = 0, at_b = 0;
    size_t step_a = dims > 0 ? steps.a[dims - 1] : 0;
    size_t step_b = dims > 0 ? steps.b[dims - 1] : 0;
    const float *from_a = onnx_call_floats(call, 0), *from_b = onnx_call_floats(call, 1);
    float *y = call->out->values, *end = y + call->out->count;
    for (; y < end; y += row) {
        for (size_t i = 0; i < row; i++)
            y[i] = of(from_a[at_a + i * step_a], from_b[at_b + i * step_b]);
        pair_next_row(call->out, &steps, index, &at_a, &at_b);
    }
    return ST_OK;
}

static float pair_sum(float a, float b)
{
    return a + b;
}

static float pair_product(float a, float b)
{
    return a * b;
}

static float pair_quotient(float a, float b)
{
    return a / b;
}

static enum status run_add_pairs(struct onnx_call *call)
{
    return run_pairs(call, pair_sum);
}

static enum status run_mul(struct onnx_call *call)
{
    return run_pairs(call, pair_product);
}

static enum status run_div(struct onnx_call *call)
{
    return run_pairs(call, pair_quotient);
}

const struct onnx_operator onnx_element_operators[] = {
    {"Relu", 1, 1, 0, false, run_relu},
    {"Clip", 3, 3, 0, false, run_clip},
    {"Sigmoid", 1, 1, 0, false, run_sigmoid},
    {"HardSigmoid", 1, 1, 0, false, run_hardsigmoid},
    {"Erf", 1, 1, 0, false, run_erf},
    {"Identity", 1, 1, 0, false, run_identity},
    {"Cast", 1, 1, 0, true, run_cast},
    {"Add", 2, 2, 0, false, run_add_pairs},
    {"Mul", 2, 2, 0, false, run_mul},
    {"Div", 2, 2, 0, false, run_div},
    {0},
};
