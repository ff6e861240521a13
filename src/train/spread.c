#include "spread.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/where.h"

/* Tensors of the whole model that a file has of one vector. */
static int spread_tensors(const struct model *whole, const struct state_vector *vector)
{
    int count = 0;
    for (int l = 0; l < whole->layers; l++)
        for (int t = 0; t < whole->layer[l]->tensors; t++)
            count += state_vector_has(vector, &whole->layer[l]->tensor[t]);
    return count;
}

static size_t spread_file_tensors(const struct spread *spread)
{
    struct state_vector list[STATE_VECTORS];
    size_t count = 0;
    run_state_list(spread->state, list);
    for (int v = 0; v < spread->vectors; v++)
        count += (size_t)spread_tensors(spread->stage->whole, &list[v]);
    return count;
}

/* Tensor number `index` of a file. */
static struct tensor_name spread_name(const struct spread *spread, size_t index)
{
    const struct model *whole = spread->stage->whole;
    struct state_vector list[STATE_VECTORS];
    struct tensor_name name = {0};
    int left = (int)index, count;
    run_state_list(spread->state, list);
    while (left >= (count = spread_tensors(whole, &list[name.vector]))) {
        left -= count;
        name.vector++;
    }
    for (;; name.layer++) {
        const struct layer *layer = whole->layer[name.layer];
        for (name.tensor = 0; name.tensor < layer->tensors; name.tensor++)
            if (state_vector_has(&list[name.vector], &layer->tensor[name.tensor]) &&
                left-- == 0)
                return name;
    }
}

static size_t spread_bytes(const struct spread *spread, struct tensor_name name)
{
    const struct layer *layer = spread->stage->whole->layer[name.layer];
    return layer->tensor[name.tensor].count * sizeof(float);
}

static int spread_owner(const struct spread *spread, struct tensor_name name)
{
    return stage_of_layer(spread->stage, name.layer);
}

/* --- rank 0: the stream --- */

static void spread_give(void *context, struct tensor_name name, float *values)
{
    struct spread *spread = context;
    int owner = spread_owner(spread, name);
    where_mark(WHERE_CHECKPOINT); /* a slow file system is no stall while tensors move */
    if (owner == 0)
        state_give(spread->stage->model, spread->state, name, values);
    else
        comm_receive(spread->stage->line, values, spread_bytes(spread, name), owner);
    spread->passed++;
}

static void spread_take(void *context, struct tensor_name name, const float *values)
{
    struct spread *spread = context;
    int owner = spread_owner(spread, name);
    where_mark(WHERE_CHECKPOINT);
    if (owner == 0)
        state_take(spread->stage->model, spread->state, name, values);
    else
        comm_send(spread->stage->line, values, spread_bytes(spread, name), owner);
    spread->passed++;
}

/* --- the other stages of replica 0 --- */

static void spread_send(const struct spread *spread, struct tensor_name name,
                        float *values)
{
    const struct stage *stage = spread->stage;
    state_give(stage->model, spread->state, name, values);
    comm_send(stage->line, values, spread_bytes(spread, name), 0);
}

static void spread_receive(const struct spread *spread, struct tensor_name name,
                           float *values)
{
    const struct stage *stage = spread->stage;
    comm_receive(stage->line, values, spread_bytes(spread, name), 0);
    state_take(stage->model, spread->state, name, values);
}

/* Moves this stage's tensors, once for each file. */
static void spread_follow(const struct spread *spread, int files,
                          void (*move)(const struct spread *, struct tensor_name,
                                       float *))
{
    float *values = mem_aligned(state_largest(spread->stage->model), sizeof *values);
    for (size_t i = 0; i < (size_t)files * spread_file_tensors(spread); i++) {
        struct tensor_name name = spread_name(spread, i % spread_file_tensors(spread));
        if (spread_owner(spread, name) == spread->stage->index)
            move(spread, name, values);
    }
    free(values);
}

void spread_init(struct spread *spread, const struct stage *stage,
                 const struct run_state *state, int vectors)
{
    *spread = (struct spread){.stage = stage, .state = state, .vectors = vectors};
    spread->stream = (struct state_stream){spread, spread_give, spread_take};
}

void spread_gather(struct spread *spread, int files)
{
    if (spread->stage->index > 0) {
        spread_follow(spread, files, spread_send);
        return;
    }
    size_t all = (size_t)files * spread_file_tensors(spread);
    float *values = NULL;
    if (spread->passed < all)
        values = mem_aligned(state_largest(spread->stage->whole), sizeof *values);
    while (spread->passed < all)
        spread_give(spread,
                    spread_name(spread, spread->passed % spread_file_tensors(spread)),
                    values);
    free(values);
    spread->passed = 0;
}

/* Within replica 0. Tensors that rank 0 could not read are sent as zeros. */
static void spread_to_stages(struct spread *spread)
{
    if (spread->stage->index > 0) {
        spread_follow(spread, 1, spread_receive);
        return;
    }
    size_t all = spread_file_tensors(spread);
    float *values = NULL;
    if (spread->passed < all)
        values = mem_aligned(state_largest(spread->stage->whole), sizeof *values);
    while (spread->passed < all)
        spread_take(spread, spread_name(spread, spread->passed), values);
    free(values);
    spread->passed = 0;
}

/* From the stages of replica 0 to those of the others. */
static void spread_to_replicas(const struct spread *spread)
{
    const struct stage *stage = spread->stage;
    struct state_vector list[STATE_VECTORS];
    run_state_list(spread->state, list);
    for (int v = 0; v < spread->vectors; v++)
        comm_bcast(stage->peers, list[v].data, stage->model->params * sizeof(float), 0);
}

enum status spread_scatter(struct spread *spread, struct comm *comm, enum status st)
{
    const struct stage *stage = spread->stage;
    if (stage->count > 1 && comm_rank(stage->peers) == 0)
        spread_to_stages(spread);
    TRY(comm_agree(comm, st));
    spread_to_replicas(spread);
    return ST_OK;
}
