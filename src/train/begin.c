/* begin: how a run begins: with fresh weights, those of a checkpoint, or its whole
   state. */
#include <string.h>

#include "base/where.h"
#include "comm/comm.h"
#include "train/weights.h"
#include "trainer_impl.h"

static size_t begin_vector_bytes(const struct trainer *trainer)
{
    return trainer->run.model->params * sizeof(float);
}

/* Averaged and slow weights begin as the weights. */
static void begin_copies(struct trainer *trainer)
{
    struct run_state *state = &trainer->stepper.state;
    if (state->ema)
        memcpy(state->ema, state->params, begin_vector_bytes(trainer));
    optim_begin(&trainer->stepper.optim, state->params, state->optim);
}

/* A checkpoint that could be read only in part has left traces: on rank 0, and on the
   stages that got their part of it. */
static void begin_clean(struct trainer *trainer)
{
    struct run_state *state = &trainer->stepper.state;
    for (int i = 0; i < state->optims; i++)
        memset(state->optim[i], 0, begin_vector_bytes(trainer));
    train_log_restart(&trainer->log);
}

void trainer_start(struct trainer *trainer)
{
    begin_clean(trainer);
    model_init_params(trainer->run.model, trainer->run.setup.options->train.seed,
                      trainer->stepper.state.params);
    begin_copies(trainer);
}

enum status trainer_start_with_data(struct trainer *trainer)
{
    trainer_start(trainer);
    TRY(begin_from_data(trainer));
    begin_copies(trainer);
    return ST_OK;
}

enum status trainer_start_from(struct trainer *trainer,
                               const struct weights_source *source)
{
    begin_clean(trainer);
    TRY(weights_take(trainer->run.setup.comm, trainer->run.stage, source,
                     trainer->stepper.state.params));
    begin_copies(trainer);
    return ST_OK;
}

enum status trainer_resume(struct trainer *trainer, const char *checkpoint)
{
    struct train_run *run = &trainer->run;
    struct run_state *state = &trainer->stepper.state;
    struct comm *comm = run->setup.comm;
    struct state_vector list[STATE_VECTORS];
    struct spread spread;
    enum status st = ST_OK;
    where_mark(WHERE_CHECKPOINT);
    spread_init(&spread, run->stage, state, run_state_list(state, list));
    if (comm_rank(comm) == 0) {
        struct checkpoint_info info;
        st = checkpoint_read(checkpoint, run->setup.model, state, &spread.stream,
                             &trainer->log.metrics, &info);
        if (st == ST_OK) {
            run->progress = info.progress;
            checkpoint_info_release(&info);
        }
    }
    TRY(spread_scatter(&spread, comm, st));
    comm_bcast(comm, &run->progress, sizeof run->progress, 0);
    trainer->saver.saved_step = run->progress.step;
    return ST_OK;
}
