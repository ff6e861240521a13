/* onnx_run: operators that move numbers and change none. */
#include <string.h>

#include "onnx_call.h"

/* --- the same numbers in another shape --- */

static enum status run_reshaped(struct onnx_call *call, int dims, const size_t *dim)
{
    const struct onnx_array *x = call->in[0];
    TRY(onnx_call_make(call, dims, dim));
    if (call->out->count != x->count)
        return onnx_call_refuse(call, "its result has another number of elements");
    memcpy(call->out->values, x->values, x->count * sizeof(float));
    return ST_OK;
}

/* 0: as in the input; -1: what is left. */
static enum status run_reshape(struct onnx_call *call)
{
    const struct onnx_array *x = call->in[0], *shape = call->in[1];
    const int64_t *wanted = onnx_call_ints(call, 1);
    size_t dim[ONNX_DIMS], known = 1, dims = shape->count;
    int open = -1;
    if (dims > ONNX_DIMS)
        return onnx_call_refuse(call, "it has too many dimensions");
    for (size_t i = 0; i < dims; i++) {
        bool copied = i < (size_t)x->dims && wanted[i] == 0;
        dim[i] = copied ? x->dim[i] : (size_t)wanted[i];
        if (wanted[i] == -1)
            open = (int)i;
        else if (wanted[i] < 0 || dim[i] == 0 ||
                 __builtin_mul_overflow(known, dim[i], &known))
            return onnx_call_refuse(call, "its shape does not fit");
    }
    if (open >= 0)
        dim[open] = x->count / known;
    return run_reshaped(call, (int)dims, dim);
}

static enum status run_flatten(struct onnx_call *call)
{
    const struct onnx_array *x = call->in[0];
    size_t dim[] = {x->dim[0], 1};
    if (onnx_call_int(call, "axis", 1) != 1 || x->dims < 1)
        return onnx_call_refuse(call, "only axis 1 is known here");
    for (int i = 1; i < x->dims; i++)
        dim[1] *= x->dim[i];
    return run_reshaped(call, 2, dim);
}

/* Axes behind the last one. */
static enum status run_unsqueeze(struct onnx_call *call)
{
    const struct onnx_array *x = call->in[0], *axes = call->in[1];
    size_t dim[ONNX_DIMS] = {0};
    if (axes->count > (size_t)(ONNX_DIMS - x->dims))
        return onnx_call_refuse(call, "it has too many dimensions");
    memcpy(dim, x->dim, sizeof dim);
    for (size_t i = 0; i < axes->count; i++) {
        size_t axis = (size_t)x->dims + i;
        if (onnx_call_ints(call, 1)[i] != (int64_t)axis)
            return onnx_call_refuse(call, "only axes behind the last are known here");
        dim[axis] = 1;
    }
    return run_reshaped(call, x->dims + (int)axes->count, dim);
}

/* --- in other places --- */

/* The input's element of an index in the result is at the sum of index[d] step[d], from
   `begin`; outside of [first, end) in some dimension there is none. */
struct shape_move {
    int64_t step[ONNX_DIMS], begin;
    int64_t first[ONNX_DIMS], end[ONNX_DIMS];
};

/* Steps of the input's dimensions in C order. */
static void move_steps(const struct onnx_array *x, int64_t *step)
{
    int64_t next = 1;
    for (int d = x->dims - 1; d >= 0; d--) {
        step[d] = next;
        next *= (int64_t)x->dim[d];
    }
}

static bool move_is_inside(const struct shape_move *move, const size_t *index, int dims)
{
    for (int d = 0; d < dims; d++)
        if ((int64_t)index[d] < move->first[d] || (int64_t)index[d] >= move->end[d])
            return false;
    return true;
}

static void move_all(struct onnx_call *call, const struct shape_move *move)
{
    struct onnx_array *out = call->out;
    const float *x = onnx_call_floats(call, 0);
    float *y = out->values;
    size_t index[ONNX_DIMS] = {0};
    for (size_t i = 0; i < out->count; i++) {
        int64_t at = move->begin;
        for (int d = 0; d < out->dims; d++)
            at += (int64_t)index[d] * move->step[d];
        if (move_is_inside(move, index, out->dims))
            y[i] = x[at];
        for (int d = out->dims - 1; d >= 0 && ++index[d] == out->dim[d]; d--)
            index[d] = 0;
    }
}

static enum status run_transpose(struct onnx_call *call)
{
    const struct onnx_array *x = call->in[0];
    struct shape_move move = {.begin = 0};
    int64_t order[ONNX_DIMS], steps[ONNX_DIMS];
    size_t dim[ONNX_DIMS];
    unsigned seen = 0;
    TRY(onnx_call_list(call, "perm", x->dims, order));
    move_steps(x, steps);
    for (int d = 0; d < x->dims; d++) {
        if (order[d] < 0 || order[d] >= x->dims || seen >> order[d] & 1)
            return onnx_call_refuse(call, "its order does not fit");
        seen |= 1u << order[d];
        dim[d] = x->dim[order[d]];
        move.step[d] = steps[order[d]];
        move.end[d] = (int64_t)dim[d];
    }
    TRY(onnx_call_make(call, x->dims, dim));
    move_all(call, &move);
    return ST_OK;
}

static enum status run_slice(struct onnx_call *call)
{
    const struct onnx_array *x = call->in[0];
    const int64_t *starts = onnx_call_ints(call, 1), *ends = onnx_call_ints(call, 2);
    const int64_t *axes = onnx_call_ints(call, 3);
    struct shape_move move = {.begin = 0};
    size_t dim[ONNX_DIMS];
    memcpy(dim, x->dim, sizeof dim);
    move_steps(x, move.step);
    if (call->in[2]->count != call->in[1]->count ||
        call->in[3]->count != call->in[1]->count)
        return onnx_call_refuse(call, "its lists have different lengths");
    for (size_t i = 0; i < call->in[1]->count; i++) {
        int64_t axis = axes[i];
        if (axis < 0 || axis >= x->dims || starts[i] < 0 || ends[i] < starts[i] ||
            ends[i] > (int64_t)x->dim[axis])
            return onnx_call_refuse(call, "its range does not fit");
        dim[axis] = (size_t)(ends[i] - starts[i]);
        move.begin += starts[i] * move.step[axis];
    }
    for (int d = 0; d < x->dims; d++)
        move.end[d] = (int64_t)dim[d];
    TRY(onnx_call_make(call, x->dims, dim));
    move_all(call, &move);
    return ST_OK;
}

/* With zeros. */
static enum status run_pad(struct onnx_call *call)
{
    const struct onnx_array *x = call->in[0];
    const int64_t *pads = onnx_call_ints(call, 1);
    struct shape_move move = {.begin = 0};
    size_t dim[ONNX_DIMS];
    move_steps(x, move.step);
    if (call->in[1]->count != 2 * (size_t)x->dims)
        return onnx_call_refuse(call, "its pads do not fit");
    for (int d = 0; d < x->dims; d++) {
        int64_t before = pads[d], behind = pads[x->dims + d];
        if (before < 0 || behind < 0 || before > INT32_MAX || behind > INT32_MAX)
            return onnx_call_refuse(call, "its pads do not fit");
        dim[d] = x->dim[d] + (size_t)before + (size_t)behind;
        move.begin -= before * move.step[d];
        move.first[d] = before;
        move.end[d] = before + (int64_t)x->dim[d];
    }
    TRY(onnx_call_make(call, x->dims, dim));
    move_all(call, &move);
    return ST_OK;
}

const struct onnx_operator onnx_shape_operators[] = {
    {"Reshape", 2, 2, 2, false, run_reshape},
    {"Flatten", 1, 1, 0, false, run_flatten},
    {"Unsqueeze", 2, 2, 2, false, run_unsqueeze},
    {"Transpose", 1, 1, 0, false, run_transpose},
    {"Slice", 4, 4, 14, false, run_slice},
    {"Pad", 2, 2, 2, false, run_pad},
    {0},
};
