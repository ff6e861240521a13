/* onnx: reads a model that onnx_write.c wrote. */
#include <onnx.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "io/onnx.h"

/* What is read, and from which file. */
struct onnx_reading {
    const char *path;
    struct onnx_model *model;
};

static enum status read_onnx_refuse(const struct onnx_reading *reading, const char *what)
{
    FAIL(ST_FAIL, "'%s' is not a model that lockstep wrote: %s", reading->path, what);
}

static char *read_onnx_text(const char *text)
{
    return text ? mem_strdup(text) : NULL;
}

static enum status read_onnx_attribute(const struct onnx_reading *reading,
                                       struct onnx_node *node,
                                       const Onnx__AttributeProto *in)
{
    if (node->attributes == ONNX_ATTRIBUTES || !in->name || in->n_ints > ONNX_DIMS)
        return read_onnx_refuse(reading, "a node has too many attributes");
    if (in->has_i)
        onnx_node_int(node, in->name, in->i);
    else if (in->has_f)
        onnx_node_real(node, in->name, in->f);
    else if (in->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS)
        onnx_node_ints(node, in->name, (int)in->n_ints, in->ints);
    else
        return read_onnx_refuse(reading, "an attribute of another type");
    return ST_OK;
}

static enum status read_onnx_node(const struct onnx_reading *reading,
                                  const Onnx__NodeProto *in)
{
    if (!in->op_type || !in->name || in->n_output != 1 || in->n_input > ONNX_INPUTS)
        return read_onnx_refuse(reading, "a node has other inputs or outputs");
    struct onnx_node *node =
        onnx_add_node(reading->model, in->op_type, in->name, in->output[0]);
    for (size_t i = 0; i < in->n_input; i++)
        onnx_node_input(node, in->input[i]);
    for (size_t i = 0; i < in->n_attribute; i++)
        TRY(read_onnx_attribute(reading, node, in->attribute[i]));
    return ST_OK;
}

/* Is `count`, the product of the shape, that of the numbers in raw_data? */
static bool read_onnx_shape(const Onnx__TensorProto *in, size_t dim[ONNX_DIMS])
{
    size_t count = 1;
    if (in->n_dims > ONNX_DIMS || !in->has_raw_data)
        return false;
    for (size_t i = 0; i < in->n_dims; i++) {
        dim[i] = (size_t)in->dims[i];
        if (in->dims[i] < 0 || __builtin_mul_overflow(count, dim[i], &count))
            return false;
    }
    size_t size = onnx_type_bytes((enum onnx_type)in->data_type);
    return in->raw_data.len % size == 0 && in->raw_data.len / size == count;
}

/* Takes over the numbers, which protobuf-c has allocated with malloc. */
static enum status read_onnx_tensor(const struct onnx_reading *reading,
                                    Onnx__TensorProto *in)
{
    size_t dim[ONNX_DIMS];
    bool known = in->data_type == ONNX_FLOAT || in->data_type == ONNX_INT64;
    if (!in->name || !known || !read_onnx_shape(in, dim))
        return read_onnx_refuse(reading, "a tensor has another form");
    struct onnx_tensor *tensor =
        onnx_add_tensor(reading->model, in->name, (enum onnx_type)in->data_type,
                        (int)in->n_dims, dim, NULL);
    tensor->values = in->raw_data.len > 0 ? in->raw_data.data : mem_zeroed(1, 1);
    in->raw_data = (ProtobufCBinaryData){0};
    return ST_OK;
}

static enum status read_onnx_value(const struct onnx_reading *reading,
                                   const Onnx__ValueInfoProto *in,
                                   struct onnx_value *value)
{
    *value = (struct onnx_value){.name = in->name};
    if (!in->name || !in->type ||
        in->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE ||
        !in->type->tensor_type->shape || in->type->tensor_type->shape->n_dim > ONNX_DIMS)
        return read_onnx_refuse(reading, "an input or output has no shape");
    const Onnx__TypeProto__Tensor *tensor = in->type->tensor_type;
    value->type = (enum onnx_type)tensor->elem_type;
    value->dims = (int)tensor->shape->n_dim;
    for (int i = 0; i < value->dims; i++) {
        const Onnx__TensorShapeProto__Dimension *dim = tensor->shape->dim[i];
        bool fixed =
            dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        value->dim[i] = fixed ? dim->dim_value : ONNX_ANY;
    }
    return ST_OK;
}

static enum status read_onnx_graph(const struct onnx_reading *reading,
                                   const Onnx__GraphProto *in)
{
    struct onnx_value value;
    for (size_t i = 0; i < in->n_input; i++) {
        TRY(read_onnx_value(reading, in->input[i], &value));
        onnx_add_input(reading->model, &value);
    }
    for (size_t i = 0; i < in->n_output; i++) {
        TRY(read_onnx_value(reading, in->output[i], &value));
        onnx_add_output(reading->model, &value);
    }
    for (size_t i = 0; i < in->n_node; i++)
        TRY(read_onnx_node(reading, in->node[i]));
    for (size_t i = 0; i < in->n_initializer; i++)
        TRY(read_onnx_tensor(reading, in->initializer[i]));
    reading->model->name = read_onnx_text(in->name);
    return ST_OK;
}

static enum status read_onnx_model(const struct onnx_reading *reading,
                                   const Onnx__ModelProto *in)
{
    struct onnx_model *model = reading->model;
    if (!in->graph || in->n_opset_import != 1 || in->ir_version != ONNX_IR)
        return read_onnx_refuse(reading, "it has no graph, or another version");
    model->opset = in->opset_import[0]->version;
    model->producer = read_onnx_text(in->producer_name);
    model->version = read_onnx_text(in->producer_version);
    model->doc = read_onnx_text(in->doc_string);
    for (size_t i = 0; i < in->n_metadata_props; i++)
        if (in->metadata_props[i]->key && in->metadata_props[i]->value)
            onnx_add_text(model, in->metadata_props[i]->key,
                          in->metadata_props[i]->value);
    return read_onnx_graph(reading, in->graph);
}

enum status onnx_read(struct onnx_model *model, const char *path)
{
    const struct onnx_reading reading = {path, model};
    char *data = NULL;
    size_t bytes = 0;
    *model = (struct onnx_model){0};
    TRY(fs_read_text(path, &data, &bytes));
    Onnx__ModelProto *in = onnx__model_proto__unpack(NULL, bytes, (uint8_t *)data);
    free(data);
    enum status st = in ? read_onnx_model(&reading, in)
                        : read_onnx_refuse(&reading, "its parts do not fit together");
    if (in)
        onnx__model_proto__free_unpacked(in, NULL);
    if (st != ST_OK)
        onnx_release(model);
    return st;
}
