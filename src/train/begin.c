/* begin: where a run begins: fresh weights, those of a checkpoint, or its whole state. */
#include <string.h>

#include "base/where.h"
#include "train/weights.h"
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

enum status trainer_start_from(struct trainer *trainer, const char *checkpoint)
{
    bool averaged;
    forget(trainer);
    TRY(weights_read(trainer->setup.comm, trainer->stage, checkpoint,
                     trainer->state.params, &averaged));
    start_average(trainer);
    return ST_OK;
}

enum status trainer_resume(struct trainer *trainer, const char *checkpoint)
{
    struct comm *comm = trainer->setup.comm;
    struct state_vector list[STATE_VECTORS];
    struct spread spread;
    enum status st = ST_OK;
    where_mark(WHERE_CHECKPOINT);
    spread_init(&spread, trainer->stage, &trainer->state,
                run_state_list(&trainer->state, list));
    if (comm_rank(comm) == 0) {
        struct checkpoint_info info;
        st = checkpoint_read(checkpoint, trainer->setup.model, &trainer->state,
                             &spread.stream, &trainer->metrics, &info);
        if (st == ST_OK) {
            trainer->progress = info.progress;
            checkpoint_info_release(&info);
        }
    }
    TRY(spread_scatter(&spread, comm, st));
    comm_bcast(comm, &trainer->progress, sizeof trainer->progress, 0);
    trainer->saved_step = trainer->progress.step;
    return ST_OK;
}
