#include "spread.h"

#include <stdlib.h>
#include <string.h>

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

/* Tensors that one file has. */
static size_t of_file(const struct spread *spread)
{
    struct state_vector list[STATE_VECTORS];
    size_t count = 0;
    run_state_list(spread->state, list);
    for (int v = 0; v < spread->vectors; v++)
        count += (size_t)spread_tensors(spread->stage->whole, &list[v]);
    return count;
}

/* The index'th in the file's order. */
static struct tensor_name name_at(const struct spread *spread, size_t index)
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

static size_t bytes_of(const struct spread *spread, struct tensor_name name)
{
    const struct layer *layer = spread->stage->whole->layer[name.layer];
    return layer->tensor[name.tensor].count * sizeof(float);
}

static int owner_of(const struct spread *spread, struct tensor_name name)
{
    return stage_of_layer(spread->stage, name.layer);
}

/* --- rank 0 --- */

static void give(void *context, struct tensor_name name, float *values)
{
    struct spread *spread = context;
    int owner = owner_of(spread, name);
    where_mark(WHERE_CHECKPOINT); /* a slow file system is no stall while tensors move */
    if (owner == 0)
        state_give(spread->stage->model, spread->state, name, values);
    else
        comm_receive(spread->stage->line, values, bytes_of(spread, name), owner);
    spread->passed++;
}

static void take(void *context, struct tensor_name name, const float *values)
{
    struct spread *spread = context;
    int owner = owner_of(spread, name);
    where_mark(WHERE_CHECKPOINT);
    if (owner == 0)
        state_take(spread->stage->model, spread->state, name, values);
    else
        comm_send(spread->stage->line, values, bytes_of(spread, name), owner);
    spread->passed++;
}

/* --- the others --- */

static void send(const struct spread *spread, struct tensor_name name, float *values)
{
    const struct stage *stage = spread->stage;
    state_give(stage->model, spread->state, name, values);
    comm_send(stage->line, values, bytes_of(spread, name), 0);
}

static void receive(const struct spread *spread, struct tensor_name name, float *values)
{
    const struct stage *stage = spread->stage;
    comm_receive(stage->line, values, bytes_of(spread, name), 0);
    state_take(stage->model, spread->state, name, values);
}

/* Its own tensors, as often as there are files. */
static void follow(const struct spread *spread, int files,
                   void (*pass)(const struct spread *, struct tensor_name, float *))
{
    float *values = mem_aligned(state_largest(spread->stage->model), sizeof *values);
    for (size_t i = 0; i < (size_t)files * of_file(spread); i++) {
        struct tensor_name name = name_at(spread, i % of_file(spread));
        if (owner_of(spread, name) == spread->stage->index)
            pass(spread, name, values);
    }
    free(values);
}

void spread_init(struct spread *spread, const struct stage *stage,
                 const struct run_state *state, int vectors)
{
    *spread = (struct spread){.stage = stage, .state = state, .vectors = vectors};
    spread->stream = (struct state_stream){spread, give, take};
}

void spread_gather(struct spread *spread, int files)
{
    if (spread->stage->index > 0) {
        follow(spread, files, send);
        return;
    }
    size_t all = (size_t)files * of_file(spread);
    float *values = NULL;
    if (spread->passed < all)
        values = mem_aligned(state_largest(spread->stage->whole), sizeof *values);
    while (spread->passed < all)
        give(spread, name_at(spread, spread->passed % of_file(spread)), values);
    free(values);
    spread->passed = 0;
}

/* In any case: the other stages wait for what rank 0 reads. */
static void pass_on(struct spread *spread)
{
    if (spread->stage->index > 0) {
        follow(spread, 1, receive);
        return;
    }
    float *values = NULL;
    if (spread->passed < of_file(spread))
        values = mem_aligned(state_largest(spread->stage->whole), sizeof *values);
    while (spread->passed < of_file(spread))
        take(spread, name_at(spread, spread->passed), values);
    free(values);
    spread->passed = 0;
}

/* From replica 0's stages to those of the others. */
static void hand_out(const struct spread *spread)
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
        pass_on(spread);
    TRY(comm_agree(comm, st));
    hand_out(spread);
    return ST_OK;
}
