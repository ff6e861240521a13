#include "onnx_call.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum status onnx_call_refuse(const struct onnx_call *call, const char *what)
{
    FAIL(ST_FAIL, "'%s': node '%s' (%s): %s", call->path, call->node->name,
         call->node->op, what);
}

enum status onnx_call_make(struct onnx_call *call, int dims, const size_t *dim)
{
    struct onnx_array *out = call->out;
    *out = (struct onnx_array){.type = ONNX_FLOAT, .dims = dims, .count = 1};
    for (int i = 0; i < dims; i++) {
        out->dim[i] = dim[i];
        if (__builtin_mul_overflow(out->count, dim[i], &out->count) ||
            out->count > SIZE_MAX / sizeof(double))
            return onnx_call_refuse(call, "its result is impossibly large");
    }
    out->values = mem_zeroed(out->count, sizeof(float));
    out->owned = true;
    return ST_OK;
}

const float *onnx_call_floats(const struct onnx_call *call, int i)
{
    return call->in[i]->values;
}

const int64_t *onnx_call_ints(const struct onnx_call *call, int i)
{
    return call->in[i]->values;
}

int64_t onnx_call_int(const struct onnx_call *call, const char *name, int64_t otherwise)
{
    const struct onnx_attribute *found = onnx_node_attribute(call->node, name, ONNX_INT);
    return found ? found->ints[0] : otherwise;
}

float onnx_call_real(const struct onnx_call *call, const char *name, float otherwise)
{
    const struct onnx_attribute *found = onnx_node_attribute(call->node, name, ONNX_REAL);
    return found ? found->real : otherwise;
}

enum status onnx_call_list(const struct onnx_call *call, const char *name, int count,
                           int64_t *value)
{
    const struct onnx_attribute *found = onnx_node_attribute(call->node, name, ONNX_INTS);
    if (!found || found->count != count)
        return onnx_call_refuse(call, "an attribute is missing or has another length");
    memcpy(value, found->ints, (size_t)count * sizeof *value);
    return ST_OK;
}
