#include "onnx_build.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct onnx_node *onnx_build_node(struct onnx_build *build, const char *op,
                                  const char *name, const char *part,
                                  const char *const *inputs)
{
    char *full = part ? mem_format("/%s/%s", name, part) : mem_format("/%s", name);
    struct onnx_node *node = onnx_add_node(build->model, op, full, full);
    for (int i = 0; inputs[i]; i++)
        onnx_node_input(node, inputs[i]);
    free(full);
    return node;
}

/* --- values --- */

static const struct onnx_place *onnx_place_of(const struct onnx_build *build,
                                              const struct layer *layer, int k)
{
    return &build->place[layer->input[k]];
}

enum onnx_rank onnx_build_rank(const struct onnx_build *build, const struct layer *layer,
                               int k)
{
    return onnx_place_of(build, layer, k)->rank;
}

/* (N, C, 1, 1) of (N, C). */
static const char *onnx_unflatten(struct onnx_build *build, const char *layer,
                                  const char *part, const char *name)
{
    const int64_t axes[] = {2, 3};
    const char *list = onnx_build_ints(build, layer, part, 2, axes);
    return onnx_build_node(build, "Unsqueeze", layer, part, ONNX_NODE_INPUTS(name, list))
        ->output;
}

static const char *onnx_flatten(struct onnx_build *build, const char *layer,
                                const char *part, const char *name)
{
    struct onnx_node *node =
        onnx_build_node(build, "Flatten", layer, part, ONNX_NODE_INPUTS(name));
    onnx_node_int(node, "axis", 1);
    return node->output;
}

const char *onnx_build_input(struct onnx_build *build, const struct layer *layer, int k,
                             enum onnx_rank rank)
{
    const struct onnx_place *place = onnx_place_of(build, layer, k);
    if (rank == ONNX_AS_IT_IS || rank == place->rank)
        return place->name;
    char *part = mem_format("input%d", k + 1);
    const char *name = (rank == ONNX_FLAT ? onnx_flatten : onnx_unflatten)(
        build, layer->name, part, place->name);
    free(part);
    return name;
}

void onnx_build_output(struct onnx_build *build, const char *name, enum onnx_rank rank)
{
    build->place[build->layer + 1] = (struct onnx_place){mem_strdup(name), rank};
}

/* --- constants --- */

static struct onnx_tensor *onnx_build_tensor(struct onnx_build *build, const char *name,
                                             const char *part, enum onnx_type type,
                                             int dims, const size_t *dim,
                                             const void *values)
{
    char *full = mem_format("%s.%s", name, part);
    struct onnx_tensor *tensor =
        onnx_add_tensor(build->model, full, type, dims, dim, values);
    free(full);
    return tensor;
}

const char *onnx_build_weights(struct onnx_build *build, const struct layer *layer, int t)
{
    const struct layer_tensor *of = &layer->tensor[t];
    size_t dim[4];
    for (int i = 0; i < of->dims; i++)
        dim[i] = (size_t)of->dim[i];
    struct onnx_tensor *tensor =
        onnx_build_tensor(build, layer->name, of->name, ONNX_FLOAT, of->dims, dim, NULL);
    tensor->given = build->layer * LAYER_TENSORS + t;
    return tensor->name;
}

const char *onnx_build_number(struct onnx_build *build, const char *name,
                              const char *part, float value)
{
    return onnx_build_tensor(build, name, part, ONNX_FLOAT, 0, NULL, &value)->name;
}

const char *onnx_build_channels(struct onnx_build *build, const char *name,
                                const char *part, enum onnx_rank rank, int channels,
                                const float *value)
{
    const size_t dim[] = {(size_t)channels, 1, 1};
    int dims = rank == ONNX_IMAGE ? 3 : 1;
    return onnx_build_tensor(build, name, part, ONNX_FLOAT, dims, dim, value)->name;
}

const char *onnx_build_ints(struct onnx_build *build, const char *name, const char *part,
                            int count, const int64_t *value)
{
    const size_t dim[] = {(size_t)count};
    return onnx_build_tensor(build, name, part, ONNX_INT64, 1, dim, value)->name;
}
