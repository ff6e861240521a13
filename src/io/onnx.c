/* onnx: models in memory. */
#include "io/onnx.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

size_t onnx_type_bytes(enum onnx_type type)
{
    return type == ONNX_UINT8 ? 1 : type == ONNX_INT64 ? sizeof(int64_t) : sizeof(float);
}

/* --- nodes --- */

struct onnx_node *onnx_add_node(struct onnx_model *model, const char *op,
                                const char *name, const char *output)
{
    model->node = mem_resize(model->node, (size_t)model->nodes + 1, sizeof *model->node);
    struct onnx_node *node = &model->node[model->nodes++];
    *node = (struct onnx_node){
        .op = mem_strdup(op), .name = mem_strdup(name), .output = mem_strdup(output)};
    return node;
}

void onnx_node_input(struct onnx_node *node, const char *name)
{
    ASSERT(node->inputs < ONNX_INPUTS);
    node->input[node->inputs++] = mem_strdup(name);
}

static struct onnx_attribute *onnx_add_attribute(struct onnx_node *node, const char *name,
                                                 enum onnx_kind kind)
{
    ASSERT(node->attributes < ONNX_ATTRIBUTES);
    struct onnx_attribute *attribute = &node->attribute[node->attributes++];
    *attribute = (struct onnx_attribute){.name = mem_strdup(name), .kind = kind};
    return attribute;
}

void onnx_node_real(struct onnx_node *node, const char *name, float value)
{
    onnx_add_attribute(node, name, ONNX_REAL)->real = value;
}

void onnx_node_int(struct onnx_node *node, const char *name, int64_t value)
{
    struct onnx_attribute *attribute = onnx_add_attribute(node, name, ONNX_INT);
    attribute->count = 1;
    attribute->ints[0] = value;
}

void onnx_node_ints(struct onnx_node *node, const char *name, int count,
                    const int64_t *value)
{
    struct onnx_attribute *attribute = onnx_add_attribute(node, name, ONNX_INTS);
    ASSERT(count >= 0 && count <= ONNX_DIMS);
    attribute->count = count;
    for (int i = 0; i < count; i++)
        attribute->ints[i] = value[i];
}

const struct onnx_attribute *onnx_node_attribute(const struct onnx_node *node,
                                                 const char *name, enum onnx_kind kind)
{
    for (int i = 0; i < node->attributes; i++)
        if (node->attribute[i].kind == kind && strcmp(node->attribute[i].name, name) == 0)
            return &node->attribute[i];
    return NULL;
}

/* --- the rest of a model --- */

struct onnx_tensor *onnx_add_tensor(struct onnx_model *model, const char *name,
                                    enum onnx_type type, int dims, const size_t *dim,
                                    const void *values)
{
    model->tensor =
        mem_resize(model->tensor, (size_t)model->tensors + 1, sizeof *model->tensor);
    struct onnx_tensor *tensor = &model->tensor[model->tensors++];
    *tensor = (struct onnx_tensor){
        .name = mem_strdup(name), .type = type, .dims = dims, .count = 1};
    ASSERT(dims >= 0 && dims <= ONNX_DIMS);
    for (int i = 0; i < dims; i++) {
        tensor->dim[i] = dim[i];
        tensor->count *= dim[i];
    }
    if (values) {
        tensor->values = mem_zeroed(tensor->count, onnx_type_bytes(type));
        memcpy(tensor->values, values, tensor->count * onnx_type_bytes(type));
    }
    return tensor;
}

static void onnx_add_value(struct onnx_value **list, int *count,
                           const struct onnx_value *value)
{
    *list = mem_resize(*list, (size_t)*count + 1, sizeof **list);
    (*list)[*count] = *value;
    (*list)[(*count)++].name = mem_strdup(value->name);
}

void onnx_add_input(struct onnx_model *model, const struct onnx_value *value)
{
    onnx_add_value(&model->input, &model->inputs, value);
}

void onnx_add_output(struct onnx_model *model, const struct onnx_value *value)
{
    onnx_add_value(&model->output, &model->outputs, value);
}

void onnx_add_text(struct onnx_model *model, const char *key, const char *text)
{
    model->text = mem_resize(model->text, (size_t)model->texts + 1, sizeof *model->text);
    model->text[model->texts++] = (struct onnx_text){mem_strdup(key), mem_strdup(text)};
}

static void onnx_release_node(struct onnx_node *node)
{
    for (int i = 0; i < node->inputs; i++)
        free(node->input[i]);
    for (int i = 0; i < node->attributes; i++)
        free(node->attribute[i].name);
    free(node->op);
    free(node->name);
    free(node->output);
}

void onnx_release(struct onnx_model *model)
{
    for (int i = 0; i < model->nodes; i++)
        onnx_release_node(&model->node[i]);
    for (int i = 0; i < model->tensors; i++) {
        free(model->tensor[i].name);
        free(model->tensor[i].values);
    }
    for (int i = 0; i < model->inputs; i++)
        free(model->input[i].name);
    for (int i = 0; i < model->outputs; i++)
        free(model->output[i].name);
    for (int i = 0; i < model->texts; i++) {
        free(model->text[i].key);
        free(model->text[i].text);
    }
    free(model->node);
    free(model->tensor);
    free(model->input);
    free(model->output);
    free(model->text);
    free(model->producer);
    free(model->version);
    free(model->name);
    free(model->doc);
    *model = (struct onnx_model){0};
}
