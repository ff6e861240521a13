/* begin: where a run begins: fresh weights, those of a checkpoint, or its whole state. */
#include <string.h>

#include "base/where.h"
#include "trainer_impl.h"

static size_t vector_bytes(const struct trainer *trainer)
{
    return trainer->model->params * sizeof(float);
}

static void start_average(struct trainer *trainer)
{
    if (trainer->state.ema)
        memcpy(trainer->state.ema, trainer->state.params, vector_bytes(trainer));
}

/* A checkpoint that was given up half read has left its traces: on rank 0, and on the
   stages that it was passed on to. */
static void forget(struct trainer *trainer)
{
    for (int i = 0; i < trainer->state.optims; i++)
        memset(trainer->state.optim[i], 0, vector_bytes(trainer));
    metrics_release(&trainer->metrics);
    metrics_init(&trainer->metrics, trainer->setup.dataset->info.classes);
}

void trainer_start(struct trainer *trainer)
{
    forget(trainer);
    model_init_params(trainer->model, trainer->setup.options->train.seed,
                      trainer->state.params);
    start_average(trainer);
}

/* Rank 0's end of what is read: its own vectors, or those of its replica's stages. */
static const struct state_stream *
stream_of(struct trainer *trainer, struct state_store *store, struct state_stream *own)
{
    if (trainer->stage->count > 1)
        return &trainer->spread.stream;
    *store = (struct state_store){trainer->model, &trainer->state};
    *own = state_stream_of(store);
    return own;
}

/* The first `vectors` of the state from rank 0, which has read them, to all ranks. */
static void hand_out(struct trainer *trainer, int vectors)
{
    const struct stage *stage = trainer->stage;
    struct state_vector list[STATE_VECTORS];
    run_state_list(&trainer->state, list);
    for (int v = 0; v < vectors; v++)
        comm_bcast(stage->peers, list[v].data, vector_bytes(trainer), 0);
}

/* To be called in any case: the other stages wait for what rank 0 reads. */
static void pass_on(struct trainer *trainer)
{
    if (trainer->stage->count > 1 && comm_rank(trainer->stage->peers) == 0)
        spread_scatter(&trainer->spread);
}

enum status trainer_start_from(struct trainer *trainer, const char *checkpoint)
{
    struct comm *comm = trainer->setup.comm;
    struct state_store store;
    struct state_stream own;
    enum status st = ST_OK;
    bool averaged;
    where_mark(WHERE_CHECKPOINT);
    forget(trainer);
    spread_init(&trainer->spread, trainer->stage, &trainer->state, 1);
    if (comm_rank(comm) == 0)
        st = checkpoint_read_weights(checkpoint, trainer->setup.model,
                                     stream_of(trainer, &store, &own), &averaged);
    pass_on(trainer);
    TRY(comm_agree(comm, st));
    hand_out(trainer, 1);
    start_average(trainer);
    return ST_OK;
}

enum status trainer_resume(struct trainer *trainer, const char *checkpoint)
{
    struct comm *comm = trainer->setup.comm;
    struct state_vector list[STATE_VECTORS];
    struct state_store store;
    struct state_stream own;
    int vectors = run_state_list(&trainer->state, list);
    enum status st = ST_OK;
    where_mark(WHERE_CHECKPOINT);
    spread_init(&trainer->spread, trainer->stage, &trainer->state, vectors);
    if (comm_rank(comm) == 0) {
        struct checkpoint_info info;
        st = checkpoint_read(checkpoint, trainer->setup.model, &trainer->state,
                             stream_of(trainer, &store, &own), &trainer->metrics, &info);
        if (st == ST_OK) {
            trainer->progress = info.progress;
            checkpoint_info_release(&info);
        }
    }
    pass_on(trainer);
    TRY(comm_agree(comm, st));
    comm_bcast(comm, &trainer->progress, sizeof trainer->progress, 0);
    hand_out(trainer, vectors);
    trainer->saved_step = trainer->progress.step;
    return ST_OK;
}
