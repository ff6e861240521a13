#include "train/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

bool state_vector_has(const struct state_vector *vector,
                      const struct layer_tensor *tensor)
{
    return vector->rules & RANGE_BIT(tensor->rule);
}

int run_state_list(const struct run_state *state, struct state_vector list[STATE_VECTORS])
{
    int count = 0;
    list[count++] = (struct state_vector){"/weights", state->params, RANGES_ALL};
    if (state->ema)
        list[count++] = (struct state_vector){"/ema", state->ema, RANGES_ALL};
    for (int i = 0; i < state->optims; i++) {
        list[count].data = state->optim[i];
        list[count].rules = optim_state_rules(state->optim_name[i]);
        snprintf(list[count].group, sizeof list[count].group, "/optimizer/%s",
                 state->optim_name[i]);
        count++;
    }
    return count;
}

/* --- hashes --- */

void run_state_unit_hashes(const struct run_state *state, const struct model *part,
                           int units, uint64_t *hashes)
{
    struct state_vector list[STATE_VECTORS];
    int vectors = run_state_list(state, list);
    for (int v = 0; v < vectors; v++) {
        for (int u = 0; u < part->units; u++) {
            const struct model_unit *unit = &part->unit[u];
            hashes[v * units + part->unit_before + u] = hash_bytes(
                list[v].data + unit->begin, (unit->end - unit->begin) * sizeof(float), 0);
        }
    }
}

uint64_t run_state_join(const uint64_t *hashes, size_t count, uint64_t step)
{
    return hash_bytes(hashes, count * sizeof *hashes, hash_bytes(&step, sizeof step, 0));
}

uint64_t run_state_hash(const struct run_state *state, const struct model *model,
                        uint64_t step)
{
    struct state_vector list[STATE_VECTORS];
    size_t count = (size_t)run_state_list(state, list) * (size_t)model->units;
    uint64_t *hashes = mem_zeroed(count, sizeof *hashes);
    run_state_unit_hashes(state, model, model->units, hashes);
    uint64_t joined = run_state_join(hashes, count, step);
    free(hashes);
    return joined;
}

/* --- tensors --- */

size_t state_largest(const struct model *model)
{
    size_t most = 1;
    for (int l = 0; l < model->layers; l++)
        for (int t = 0; t < model->layer[l]->tensors; t++)
            if (model->layer[l]->tensor[t].count > most)
                most = model->layer[l]->tensor[t].count;
    return most;
}

static float *state_tensor(const struct model *model, const struct run_state *state,
                           struct tensor_name name, const struct layer **layer)
{
    struct state_vector list[STATE_VECTORS];
    int vectors = run_state_list(state, list), l = name.layer - model->layer_before;
    ASSERT(name.vector < vectors && l >= 0 && l < model->layers);
    *layer = model->layer[l];
    return list[name.vector].data + (*layer)->tensor[name.tensor].offset;
}

void state_give(const struct model *model, const struct run_state *state,
                struct tensor_name name, float *values)
{
    const struct layer *layer;
    const float *memory = state_tensor(model, state, name, &layer);
    if (layer->ops->to_file)
        layer->ops->to_file(layer, name.tensor, memory, values);
    else
        memcpy(values, memory, layer->tensor[name.tensor].count * sizeof *values);
}

void state_take(const struct model *model, const struct run_state *state,
                struct tensor_name name, const float *values)
{
    const struct layer *layer;
    float *memory = state_tensor(model, state, name, &layer);
    if (layer->ops->from_file)
        layer->ops->from_file(layer, name.tensor, values, memory);
    else
        memcpy(memory, values, layer->tensor[name.tensor].count * sizeof *values);
}

static void store_give(void *context, struct tensor_name name, float *values)
{
    const struct state_store *store = context;
    state_give(store->model, store->state, name, values);
}

static void store_take(void *context, struct tensor_name name, const float *values)
{
    const struct state_store *store = context;
    state_take(store->model, store->state, name, values);
}

struct state_stream state_stream_of(struct state_store *store)
{
    return (struct state_stream){store, store_give, store_take};
}
