#include "app/export/onnx_run.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "onnx_call.h"

/* A value of the graph: an input, a tensor or what a node makes. */
struct run_value {
    const char *name;
    int readers; /* that are yet to read it */
    struct onnx_array array;
};

struct onnx_run {
    const struct onnx_model *model;
    const char *path;
    int values;
    struct run_value *value; /* owned: inputs, tensors, then one for each node */
};

void onnx_array_release(struct onnx_array *array)
{
    if (array->owned)
        free(array->values);
    *array = (struct onnx_array){0};
}

/* Among those that are known so far; NULL: none. */
static struct run_value *run_find(struct onnx_run *run, const char *name)
{
    for (int i = 0; i < run->values; i++)
        if (strcmp(run->value[i].name, name) == 0)
            return &run->value[i];
    return NULL;
}

static enum status run_find_input(struct onnx_run *run, const struct onnx_node *node,
                                  int i, struct run_value **value)
{
    *value = run_find(run, node->input[i]);
    if (!*value)
        FAIL(ST_FAIL, "'%s': node '%s' reads '%s', which no node before it makes",
             run->path, node->name, node->input[i]);
    return ST_OK;
}

static enum status run_add(struct onnx_run *run, const char *name,
                           const struct onnx_array *array)
{
    if (run_find(run, name))
        FAIL(ST_FAIL, "'%s': two values are called '%s'", run->path, name);
    run->value[run->values++] = (struct run_value){.name = name, .array = *array};
    return ST_OK;
}

/* --- operators --- */

static const struct onnx_operator *run_operator(const char *name)
{
    static const struct onnx_operator *const lists[] = {
        onnx_window_operators, onnx_element_operators, onnx_shape_operators,
        onnx_sum_operators};
    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++)
        for (int i = 0; lists[l][i].name; i++)
            if (strcmp(lists[l][i].name, name) == 0)
                return &lists[l][i];
    return NULL;
}

static enum status run_check_types(const struct onnx_call *call,
                                   const struct onnx_operator *known)
{
    if (call->inputs < known->least || call->inputs > known->most)
        return onnx_call_refuse(call, "it has too few inputs, or too many");
    for (int i = 0; i < call->inputs; i++) {
        enum onnx_type wanted = known->bytes                ? ONNX_UINT8
                                : known->integers >> i & 1u ? ONNX_INT64
                                                            : ONNX_FLOAT;
        if (call->in[i]->type != wanted)
            return onnx_call_refuse(call, "an input has another type");
    }
    return ST_OK;
}

/* What nobody reads any more is freed. */
static void run_let_go(struct run_value *value)
{
    if (--value->readers == 0)
        onnx_array_release(&value->array);
}

static enum status run_node(struct onnx_run *run, const struct onnx_node *node)
{
    struct run_value *input[ONNX_INPUTS];
    struct onnx_array out = {0};
    struct onnx_call call = {
        .path = run->path, .node = node, .inputs = node->inputs, .out = &out};
    const struct onnx_operator *known = run_operator(node->op);
    if (!known)
        return onnx_call_refuse(&call, "this operator is not known here");
    for (int i = 0; i < node->inputs; i++) {
        TRY(run_find_input(run, node, i, &input[i]));
        call.in[i] = &input[i]->array;
    }
    TRY(run_check_types(&call, known));
    enum status st = known->run(&call);
    if (st == ST_OK)
        st = run_add(run, node->output, &out);
    if (st != ST_OK) {
        onnx_array_release(&out);
        return st;
    }
    for (int i = 0; i < node->inputs; i++)
        run_let_go(input[i]);
    return ST_OK;
}

/* --- the graph --- */

/* How often nodes, and the caller, read a value. */
static int run_count_readers(const struct onnx_model *model, const char *name)
{
    int readers = 0;
    for (int n = 0; n < model->nodes; n++)
        for (int i = 0; i < model->node[n].inputs; i++)
            readers += strcmp(model->node[n].input[i], name) == 0;
    for (int i = 0; i < model->outputs; i++)
        readers += strcmp(model->output[i].name, name) == 0;
    return readers;
}

static enum status run_add_tensors(struct onnx_run *run)
{
    for (int i = 0; i < run->model->tensors; i++) {
        const struct onnx_tensor *tensor = &run->model->tensor[i];
        struct onnx_array array = {.type = tensor->type,
                                   .dims = tensor->dims,
                                   .count = tensor->count,
                                   .values = tensor->values};
        memcpy(array.dim, tensor->dim, sizeof array.dim);
        TRY(run_add(run, tensor->name, &array));
    }
    return ST_OK;
}

/* The input has the shape that the model wants. */
static enum status run_add_input(struct onnx_run *run, const struct onnx_array *input)
{
    const struct onnx_model *model = run->model;
    bool fits = model->inputs == 1 && model->input[0].type == input->type &&
                model->input[0].dims == input->dims;
    for (int i = 0; fits && i < input->dims; i++)
        fits = model->input[0].dim[i] == ONNX_ANY ||
               model->input[0].dim[i] == (int64_t)input->dim[i];
    if (!fits)
        FAIL(ST_FAIL, "'%s' wants another input", run->path);
    struct onnx_array borrowed = *input;
    borrowed.owned = false;
    return run_add(run, model->input[0].name, &borrowed);
}

/* Moves the outputs to the caller. */
static enum status run_take_outputs(struct onnx_run *run, struct onnx_array *output)
{
    for (int i = 0; i < run->model->outputs; i++) {
        struct run_value *value = run_find(run, run->model->output[i].name);
        if (!value || !value->array.owned)
            FAIL(ST_FAIL, "'%s': no node makes its output '%s'", run->path,
                 run->model->output[i].name);
        output[i] = value->array;
        value->array = (struct onnx_array){0};
    }
    return ST_OK;
}

static enum status run_all(struct onnx_run *run, const struct onnx_array *input)
{
    TRY(run_add_input(run, input));
    TRY(run_add_tensors(run));
    for (int n = 0; n < run->model->nodes; n++) {
        TRY(run_node(run, &run->model->node[n]));
        struct run_value *made = &run->value[run->values - 1];
        made->readers = run_count_readers(run->model, made->name);
    }
    return ST_OK;
}

enum status onnx_run(const struct onnx_model *model, const char *path,
                     const struct onnx_array *input, struct onnx_array *output)
{
    size_t most = (size_t)model->tensors + (size_t)model->nodes + 1;
    struct onnx_run run = {
        .model = model, .path = path, .value = mem_zeroed(most, sizeof *run.value)};
    memset(output, 0, (size_t)model->outputs * sizeof *output);
    enum status st = run_all(&run, input);
    if (st == ST_OK)
        st = run_take_outputs(&run, output);
    for (int i = 0; st != ST_OK && i < model->outputs; i++)
        onnx_array_release(&output[i]);
    for (int i = 0; i < run.values; i++)
        onnx_array_release(&run.value[i].array);
    free(run.value);
    return st;
}
