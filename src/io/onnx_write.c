/* onnx: writes a model. The graph and its tensors are framed here, part by part, so that
   no more than one tensor is in memory; their parts are packed by protobuf-c. */
#include <onnx.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "io/onnx.h"
#include "io/text.h"

#define WRITE_VARINT 10 /* bytes, at most */
#define WRITE_BATCH  "N"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "raw_data are the numbers as they are in memory");
_Static_assert((int)ONNX_FLOAT == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT &&
                   (int)ONNX_UINT8 == ONNX__TENSOR_PROTO__DATA_TYPE__UINT8 &&
                   (int)ONNX_INT64 == ONNX__TENSOR_PROTO__DATA_TYPE__INT64,
               "the types have ONNX's numbers");

/* Where a model goes. */
struct onnx_sink {
    ProtobufCBuffer base;
    FILE *file; /* NULL: bytes are only counted */
    size_t bytes;
    const struct onnx_source *source;
};

static void sink_append(ProtobufCBuffer *base, size_t bytes, const uint8_t *data)
{
    struct onnx_sink *sink = (struct onnx_sink *)base;
    sink->bytes += bytes;
    if (sink->file)
        fwrite(data, 1, bytes, sink->file);
}

static struct onnx_sink sink_of(FILE *file, const struct onnx_source *source)
{
    return (struct onnx_sink){.base = {sink_append}, .file = file, .source = source};
}

/* --- framing (https://protobuf.dev/programming-guides/encoding) --- */

static void sink_varint(struct onnx_sink *sink, uint64_t value)
{
    uint8_t out[WRITE_VARINT];
    size_t bytes = 0;
    for (; value >= 0x80; value >>= 7)
        out[bytes++] = (uint8_t)(value | 0x80);
    out[bytes++] = (uint8_t)value;
    sink_append(&sink->base, bytes, out);
}

/* What stands before a field of `bytes` bytes. */
static void sink_head(struct onnx_sink *sink, const ProtobufCMessageDescriptor *message,
                      const char *field, size_t bytes)
{
    const ProtobufCFieldDescriptor *found =
        protobuf_c_message_descriptor_get_field_by_name(message, field);
    ASSERT(found);
    sink_varint(sink, (uint64_t)found->id << 3 | PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
    sink_varint(sink, bytes);
}

static void sink_message(struct onnx_sink *sink, const ProtobufCMessage *message)
{
    protobuf_c_message_pack_to_buffer(message, &sink->base);
}

/* A field of the graph. */
static void sink_of_graph(struct onnx_sink *sink, const char *field,
                          const ProtobufCMessage *message)
{
    sink_head(sink, &onnx__graph_proto__descriptor, field,
              protobuf_c_message_get_packed_size(message));
    sink_message(sink, message);
}

/* --- parts of the graph --- */

static void write_onnx_attribute(Onnx__AttributeProto *out,
                                 const struct onnx_attribute *attribute, int64_t *ints)
{
    static const Onnx__AttributeProto__AttributeType types[] = {
        [ONNX_INT] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT,
        [ONNX_REAL] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT,
        [ONNX_INTS] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS,
    };
    onnx__attribute_proto__init(out);
    out->name = attribute->name;
    out->has_type = 1;
    out->type = types[attribute->kind];
    out->has_f = attribute->kind == ONNX_REAL;
    out->f = attribute->real;
    out->has_i = attribute->kind == ONNX_INT;
    out->i = attribute->ints[0];
    memcpy(ints, attribute->ints, sizeof attribute->ints);
    out->n_ints = attribute->kind == ONNX_INTS ? (size_t)attribute->count : 0;
    out->ints = ints;
}

static void write_onnx_node(struct onnx_sink *sink, const struct onnx_node *node)
{
    Onnx__NodeProto out = ONNX__NODE_PROTO__INIT;
    Onnx__AttributeProto attribute[ONNX_ATTRIBUTES], *pointers[ONNX_ATTRIBUTES];
    int64_t ints[ONNX_ATTRIBUTES][ONNX_DIMS];
    char *inputs[ONNX_INPUTS], *output = node->output;
    for (int i = 0; i < node->attributes; i++) {
        write_onnx_attribute(&attribute[i], &node->attribute[i], ints[i]);
        pointers[i] = &attribute[i];
    }
    memcpy(inputs, node->input, sizeof inputs);
    out.op_type = node->op;
    out.name = node->name;
    out.n_input = (size_t)node->inputs;
    out.input = inputs;
    out.n_output = 1;
    out.output = &output;
    out.n_attribute = (size_t)node->attributes;
    out.attribute = pointers;
    sink_of_graph(sink, "node", &out.base);
}

static void write_onnx_values(struct onnx_sink *sink, const struct onnx_tensor *tensor,
                              size_t bytes)
{
    const struct onnx_source *source = sink->source;
    if (!sink->file) {
        sink->bytes += bytes;
    } else if (tensor->values) {
        sink_append(&sink->base, bytes, tensor->values);
    } else {
        float *values = mem_zeroed(tensor->count, sizeof *values);
        source->give(source->context, tensor->given, values);
        sink_append(&sink->base, bytes, (const uint8_t *)values);
        free(values);
    }
}

/* The message is packed without its numbers, which come behind it. */
static void write_onnx_tensor(struct onnx_sink *sink, const struct onnx_tensor *tensor)
{
    const ProtobufCMessageDescriptor *message = &onnx__tensor_proto__descriptor;
    size_t bytes = tensor->count * onnx_type_bytes(tensor->type);
    struct onnx_sink counted = sink_of(NULL, NULL);
    Onnx__TensorProto out = ONNX__TENSOR_PROTO__INIT;
    int64_t dim[ONNX_DIMS];
    for (int i = 0; i < tensor->dims; i++)
        dim[i] = (int64_t)tensor->dim[i];
    out.name = tensor->name;
    out.has_data_type = 1;
    out.data_type = (int32_t)tensor->type;
    out.n_dims = (size_t)tensor->dims;
    out.dims = dim;
    sink_message(&counted, &out.base);
    sink_head(&counted, message, "raw_data", bytes);
    sink_head(sink, &onnx__graph_proto__descriptor, "initializer", counted.bytes + bytes);
    sink_message(sink, &out.base);
    sink_head(sink, message, "raw_data", bytes);
    write_onnx_values(sink, tensor, bytes);
}

static void write_onnx_value(struct onnx_sink *sink, const char *field,
                             const struct onnx_value *value)
{
    static char batch[] = WRITE_BATCH;
    Onnx__ValueInfoProto out = ONNX__VALUE_INFO_PROTO__INIT;
    Onnx__TypeProto type = ONNX__TYPE_PROTO__INIT;
    Onnx__TypeProto__Tensor tensor = ONNX__TYPE_PROTO__TENSOR__INIT;
    Onnx__TensorShapeProto shape = ONNX__TENSOR_SHAPE_PROTO__INIT;
    Onnx__TensorShapeProto__Dimension dim[ONNX_DIMS], *dims[ONNX_DIMS];
    for (int i = 0; i < value->dims; i++) {
        dims[i] = &dim[i];
        onnx__tensor_shape_proto__dimension__init(&dim[i]);
        if (value->dim[i] == ONNX_ANY) {
            dim[i].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            dim[i].dim_param = batch;
        } else {
            dim[i].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            dim[i].dim_value = value->dim[i];
        }
    }
    shape.n_dim = (size_t)value->dims;
    shape.dim = dims;
    tensor.has_elem_type = 1;
    tensor.elem_type = (int32_t)value->type;
    tensor.shape = &shape;
    type.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type.tensor_type = &tensor;
    out.name = value->name;
    out.type = &type;
    sink_of_graph(sink, field, &out.base);
}

static void write_onnx_graph(struct onnx_sink *sink, const struct onnx_model *model)
{
    Onnx__GraphProto head = ONNX__GRAPH_PROTO__INIT;
    head.name = model->name;
    head.doc_string = model->doc;
    sink_message(sink, &head.base);
    for (int i = 0; i < model->inputs; i++)
        write_onnx_value(sink, "input", &model->input[i]);
    for (int i = 0; i < model->outputs; i++)
        write_onnx_value(sink, "output", &model->output[i]);
    for (int i = 0; i < model->nodes; i++)
        write_onnx_node(sink, &model->node[i]);
    for (int i = 0; i < model->tensors; i++)
        write_onnx_tensor(sink, &model->tensor[i]);
}

/* --- the model --- */

static void write_onnx_text(struct onnx_sink *sink, const struct onnx_text *text)
{
    Onnx__StringStringEntryProto out = ONNX__STRING_STRING_ENTRY_PROTO__INIT;
    out.key = text->key;
    out.value = text->text;
    sink_head(sink, &onnx__model_proto__descriptor, "metadata_props",
              protobuf_c_message_get_packed_size(&out.base));
    sink_message(sink, &out.base);
}

static void write_onnx_model(struct onnx_sink *sink, const struct onnx_model *model)
{
    struct onnx_sink counted = sink_of(NULL, NULL);
    Onnx__ModelProto head = ONNX__MODEL_PROTO__INIT;
    Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT, *opsets = &opset;
    static char standard[] = "";
    opset.domain = standard;
    opset.has_version = 1;
    opset.version = model->opset;
    head.has_ir_version = 1;
    head.ir_version = ONNX_IR;
    head.producer_name = model->producer;
    head.producer_version = model->version;
    head.doc_string = model->doc;
    head.n_opset_import = 1;
    head.opset_import = &opsets;
    sink_message(sink, &head.base);
    for (int i = 0; i < model->texts; i++)
        write_onnx_text(sink, &model->text[i]);
    write_onnx_graph(&counted, model);
    sink_head(sink, &onnx__model_proto__descriptor, "graph", counted.bytes);
    write_onnx_graph(sink, model);
}

enum status onnx_write(FILE *file, const char *path, const struct onnx_model *model,
                       const struct onnx_source *source)
{
    struct onnx_sink sink = sink_of(NULL, NULL);
    for (int i = 0; i < model->texts; i++)
        if (!text_is_whole_utf8(model->text[i].text))
            FAIL(ST_FAIL, "cannot write '%s': its text '%s' is not UTF-8", path,
                 model->text[i].key);
    write_onnx_model(&sink, model);
    if (sink.bytes > ONNX_BYTES_MAX)
        FAIL(ST_USAGE, "'%s' would have %s, and a file of ONNX has less than 2 GiB", path,
             bytes_text((double)sink.bytes).text);
    sink = sink_of(file, source);
    write_onnx_model(&sink, model);
    return ST_OK;
}
