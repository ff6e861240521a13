/* A norm block: batchnorm and the activation behind it, or batchnorm, add and the
   activation behind that, if there is one, run as one op (kernels/batchnorm.h). What lies
   between them is never stored. Config, printed table and files know only its layers. */
#include <string.h>

#include "base/mem.h"
#include "layer_impl.h"
#include "layer_norm.h"
#include "nn/model.h"

#define NORM_BLOCK_OPS \
    .kind = "norm block", .bytes = sizeof(struct layer_batchnorm_state), .blocks = true

#define NORM_ACTIVATION_OPS \
    NORM_BLOCK_OPS, .inputs = 1, .keeps = LAYER_KEEPS_INPUT, .overwrites = true
#define NORM_ADD_OPS \
    NORM_BLOCK_OPS, .inputs = 2, .keeps = LAYER_KEEPS_INPUT, .passes_gradient = 2
/* The slopes follow from the output, so that the second input need not be kept. */
#define NORM_ADD_ACTIVATION_OPS                                                   \
    NORM_BLOCK_OPS, .inputs = 2, .keeps = LAYER_KEEPS_INPUT | LAYER_KEEPS_OUTPUT, \
                    .overwrites = true

/* What stands behind the norm; and the norm. */
enum norm_block_kind { NORM_ACTIVATION, NORM_ADD, NORM_ADD_ACTIVATION, NORM_BLOCK_KINDS };
static const struct layer_ops norm_block_measured[NORM_BLOCK_KINDS] = {
    {NORM_ACTIVATION_OPS, LAYER_BATCHNORM_MEASURED},
    {NORM_ADD_OPS, LAYER_BATCHNORM_MEASURED},
    {NORM_ADD_ACTIVATION_OPS, LAYER_BATCHNORM_MEASURED},
};
static const struct layer_ops norm_block_given[NORM_BLOCK_KINDS] = {
    {NORM_ACTIVATION_OPS, LAYER_BATCHNORM_GIVEN},
    {NORM_ADD_OPS, LAYER_BATCHNORM_GIVEN},
    {NORM_ADD_ACTIVATION_OPS, LAYER_BATCHNORM_GIVEN},
};

static bool norm_block_is_norm(const struct layer *layer)
{
    return layer->ops == &layer_batchnorm || layer->ops == &layer_batchnorm_given;
}

static const struct layer_ops *norm_block_ops(const struct layer *norm,
                                              enum norm_block_kind kind)
{
    bool given = norm->ops == &layer_batchnorm_given;
    return given ? &norm_block_given[kind] : &norm_block_measured[kind];
}

/* Which of its inputs the layer reads from layer i; -1: none. */
static int norm_block_input(const struct layer *layer, int i)
{
    for (int k = 0; k < layer->inputs; k++)
        if (layer->input[k] == i + 1)
            return k;
    return -1;
}

/* The layer that alone reads the output of layers[i]; -1: there is none. */
static int norm_block_reader(struct layer *const *layers, int i, int count)
{
    if (layers[i]->readers != 1)
        return -1;
    for (int j = i + 1; j < count; j++)
        if (norm_block_input(layers[j], i) >= 0)
            return j;
    return -1;
}

/* May the norm run as late as layer `add`? Only layers without parameters lie between, so
   that gradients get ready in the order of the flat vector; and nobody else reads the
   norm's input, whose gradient's parts would be added in another order. */
static bool norm_block_moves(struct layer *const *layers, int norm, int add)
{
    int before = layers[norm]->input[0] - 1;
    for (int l = norm + 1; l < add; l++)
        if (layers[l]->tensors > 0)
            return false;
    return add == norm + 1 || (before >= 0 && layers[before]->readers == 1);
}

/* The activation that alone reads layers[i] and is the next layer. */
static enum activation norm_block_activation(struct layer *const *layers, int i,
                                             int count)
{
    return norm_block_reader(layers, i, count) == i + 1 ? layer_activation(layers[i + 1])
                                                        : ACTIVATION_NONE;
}

/* The layers of the block that begins with a norm: the last one and the activation. */
struct norm_block {
    int norm, add, last; /* add -1: there is none */
    enum activation activation;
};

static bool norm_block_find(struct norm_block *block, struct layer *const *layers,
                            int norm, int count)
{
    int reader = norm_block_reader(layers, norm, count);
    *block = (struct norm_block){.norm = norm, .add = -1, .last = norm + 1};
    if (!norm_block_is_norm(layers[norm]) || reader < 0)
        return false;
    if (layers[reader]->ops != &layer_add) {
        block->activation = norm_block_activation(layers, norm, count);
        return block->activation != ACTIVATION_NONE;
    }
    if (!norm_block_moves(layers, norm, reader))
        return false;
    enum activation behind = norm_block_activation(layers, reader, count);
    if (behind == ACTIVATION_RELU || behind == ACTIVATION_RELU6)
        block->activation = behind;
    block->add = reader;
    block->last = block->activation == ACTIVATION_NONE ? reader : reader + 1;
    return true;
}

static void norm_block_add(struct layer *layer, const struct norm_block *block,
                           const struct layer *add)
{
    int other = 1 - norm_block_input(add, block->norm);
    bool alone = block->activation == ACTIVATION_NONE;
    layer->ops = norm_block_ops(layer, alone ? NORM_ADD : NORM_ADD_ACTIVATION);
    layer->inputs = 2;
    layer->input[1] = add->input[other];
    layer->in2 = add->out;
    layer->element_forward += shape_size(layer->out);
}

/* FLOPs of a layer without tensors: one for each output if it does not say. */
static double norm_block_flops(const struct layer *layer, double flops)
{
    return flops > 0 ? flops : shape_size(layer->out);
}

struct layer *layer_norm_block_create(struct layer *const *layers, int first, int count,
                                      struct layer_members *members)
{
    struct norm_block found;
    if (!norm_block_find(&found, layers, first, count))
        return NULL;
    struct layer_batchnorm_state *block = mem_zeroed(1, sizeof *block);
    memcpy(block, layers[first], sizeof *block);
    struct layer *layer = &block->layer;
    block->activation = found.activation;
    members->layer[members->count++] = first;
    if (found.add >= 0) {
        members->layer[members->count++] = found.add;
        norm_block_add(layer, &found, layers[found.add]);
    } else {
        layer->ops = norm_block_ops(layer, NORM_ACTIVATION);
    }
    if (found.last == found.add)
        return layer;
    const struct layer *activation = layers[found.last];
    members->layer[members->count++] = found.last;
    layer->element_forward += norm_block_flops(activation, activation->element_forward);
    layer->element_backward += norm_block_flops(activation, activation->element_backward);
    return layer;
}
