/*
 * onnx_call: one operator of a model that is evaluated (app/export/onnx_run.h).
 */
#ifndef LOCKSTEP_APP_EXPORT_ONNX_CALL_H
#define LOCKSTEP_APP_EXPORT_ONNX_CALL_H

#include "app/export/onnx_run.h"

/* A node with its inputs; out is what the operator makes. */
struct onnx_call {
    const char *path; /* of the model, for messages */
    const struct onnx_node *node;
    int inputs;
    const struct onnx_array *in[ONNX_INPUTS];
    struct onnx_array *out;
};

struct onnx_operator {
    const char *name;
    int least, most;   /* inputs */
    unsigned integers; /* bit i: input i is of 64-bit integers; others are floats */
    bool bytes;        /* the inputs are bytes */
    enum status (*run)(struct onnx_call *call);
};

/* The operators of each file, ended by an entry without a name. */
extern const struct onnx_operator onnx_window_operators[], onnx_element_operators[],
    onnx_shape_operators[], onnx_sum_operators[];

/* "'x.onnx': node '/conv1' (Conv): WHAT". Returns ST_FAIL. */
enum status onnx_call_refuse(const struct onnx_call *call, const char *what) MUST_CHECK;

/* Makes `out` an array of floats of this shape, all 0. ST_FAIL if it is too large. */
enum status onnx_call_make(struct onnx_call *call, int dims,
                           const size_t *dim) MUST_CHECK;
const float *onnx_call_floats(const struct onnx_call *call, int i);
const int64_t *onnx_call_ints(const struct onnx_call *call, int i);

/* Attributes; `otherwise` if the node has none of this name. */
int64_t onnx_call_int(const struct onnx_call *call, const char *name, int64_t otherwise);
float onnx_call_real(const struct onnx_call *call, const char *name, float otherwise);
/* count numbers into value; ST_FAIL if there are none, or others. */
enum status onnx_call_list(const struct onnx_call *call, const char *name, int count,
                           int64_t *value) MUST_CHECK;

#endif
