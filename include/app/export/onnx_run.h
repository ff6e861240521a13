/*
 * onnx_run: evaluates a model of ONNX by plain loops, to judge what was written without
 * another program. It knows the operators that onnx_graph.h writes, in opset 13 and in
 * the forms that are written there, and refuses all others.
 *
 *   https://github.com/onnx/onnx/blob/main/docs/Operators.md
 *
 * Arrays are in C order, channel-first. Convolutions sum floats, tap by tap over whole
 * rows of the output; all other sums are in double.
 */
#ifndef LOCKSTEP_APP_EXPORT_ONNX_RUN_H
#define LOCKSTEP_APP_EXPORT_ONNX_RUN_H

#include <stdbool.h>

#include "io/onnx.h"

struct onnx_array {
    enum onnx_type type;
    int dims;
    size_t dim[ONNX_DIMS];
    size_t count; /* product of dim */
    void *values; /* (count) of the type */
    bool owned;   /* are the values to be freed with it? */
};

/* Evaluates the graph for its only input. output: (model->outputs), in the order of
   model->output; the caller releases them if it succeeds. path: of the model, in
   messages. ST_FAIL: an operator, a shape or a name that does not fit. Threads may
   evaluate one model at the same time. */
enum status onnx_run(const struct onnx_model *model, const char *path,
                     const struct onnx_array *input,
                     struct onnx_array *output) MUST_CHECK;
void onnx_array_release(struct onnx_array *array);

#endif
