/* save: what a run writes, and when it was last written: checkpoints, metrics.h5. */
#include <math.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/where.h"
#include "kernels/cpu.h"
#include "trainer_impl.h"

#define ENDING 5 /* seconds: mpirun takes 2 to end, the job's script has to go on */

void trainer_saver_init(struct trainer *trainer)
{
    const struct trainer_setup *setup = &trainer->setup;
    const struct dataset_info *data = &setup->dataset->info;
    if (!setup->folder || comm_rank(setup->comm) != 0)
        return;
    trainer->info = (struct checkpoint_info){
        .config = mem_strdup(setup->config_text),
        .lockstep = mem_strdup(setup->version),
        .mpi = mem_strdup(comm_version()),
        .blas = mem_strdup(cpu_blas()),
        .isa = mem_strdup(cpu_isa_name(cpu_isa())),
        .plan = plan_text(setup->plan, setup->model),
        .class_name = data->class_name,
        .classes = data->classes,
        .h = data->h,
        .w = data->w,
        .mean = data->mean,
        .std = data->std,
        .data_hash = data->hash,
    };
    bool spread = trainer->stage->count > 1;
    const struct writer_setup writer = {
        .model = setup->model,
        .folder = setup->folder,
        .lock = setup->lock,
        .keep = setup->options->checkpoint.keep,
        .stream = spread ? &trainer->spread.stream : NULL,
    };
    trainer->writer = writer_create(&writer, &trainer->state);
}

void trainer_saver_release(struct trainer *trainer)
{
    where_mark(WHERE_CHECKPOINT);
    writer_free(trainer->writer);
    trainer->info.class_name = NULL; /* the data set's */
    trainer->info.classes = 0;
    checkpoint_info_release(&trainer->info);
}

static void put(struct trainer *trainer, unsigned what)
{
    if (!trainer->writer)
        return;
    trainer->info.progress = trainer->progress;
    trainer->metrics_at = timer_now();
    writer_put(trainer->writer, what, &trainer->info, &trainer->state, &trainer->metrics);
}

/* The same of a state that is spread over stages: replica 0's send what they hold. */
static void put_spread(struct trainer *trainer, unsigned what)
{
    struct state_vector list[STATE_VECTORS];
    int vectors = run_state_list(&trainer->state, list);
    int files = (what & WRITER_STEP ? 1 : 0) + (what & WRITER_BEST ? 1 : 0);
    if (!trainer->setup.folder)
        return;
    trainer->info.state = trainer_state(trainer);
    spread_init(&trainer->spread, trainer->stage, &trainer->state, vectors);
    put(trainer, what);
    if (comm_rank(trainer->stage->peers) == 0)
        spread_gather(&trainer->spread, files);
}

uint64_t trainer_state(const struct trainer *trainer)
{
    const struct stage *stage = trainer->stage;
    struct state_vector list[STATE_VECTORS];
    uint64_t hashes[STATE_VECTORS * MODEL_LAYERS] = {0};
    int units = trainer->setup.model->units;
    size_t count = (size_t)run_state_list(&trainer->state, list) * (size_t)units;
    run_state_unit_hashes(&trainer->state, trainer->model, units, hashes);
    if (stage->count > 1)
        comm_merge(stage->line, hashes, count * sizeof *hashes);
    return run_state_join(hashes, count, trainer->progress.step);
}

void trainer_save_metrics(struct trainer *trainer)
{
    if (trainer->writer && writer_idle(trainer->writer))
        put(trainer, 0);
}

/* Weights may go bad in the very update that a checkpoint would keep; it must not take
   the place of a good one. */
static enum status check_weights(const struct trainer *trainer)
{
    const char *layer = trainer_bad_layer(trainer, trainer->state.params);
    if (!layer)
        return ST_OK;
    log_set_replicated(true);
    log_error("step %llu: the weights of layer '%s' are not finite; lower optim.lr or "
              "set train.clip, then go on from the last checkpoint",
              (unsigned long long)trainer->progress.step, layer);
    log_set_replicated(false);
    return ST_FAIL;
}

enum status trainer_save(struct trainer *trainer, bool due)
{
    double t = timer_now();
    where_mark(WHERE_CHECKPOINT);
    unsigned what = (due ? WRITER_STEP : 0) | (trainer->best_due ? WRITER_BEST : 0);
    trainer->best_due = false;
    TRY(check_weights(trainer));
    if (trainer->stage->count > 1)
        put_spread(trainer, what);
    else
        put(trainer, what);
    double now = phases_add(&trainer->phases, PHASE_CHECKPOINT, t);
    if (due) {
        trainer->saved_step = trainer->progress.step;
        trainer->saved_at = now;
    }
    return ST_OK;
}

enum status trainer_settle(struct trainer *trainer)
{
    double t = timer_now();
    where_mark(WHERE_CHECKPOINT);
    enum status st = trainer->writer ? writer_wait(trainer->writer) : ST_OK;
    st = comm_agree(trainer->setup.comm, st);
    phases_add(&trainer->phases, PHASE_CHECKPOINT, t);
    return st;
}

/* Soon enough for a step and what it writes, each as slow as the slowest so far. */
double trainer_latest(const struct trainer *trainer)
{
    double deadline = trainer->setup.deadline;
    if (deadline <= 0 || comm_rank(trainer->setup.comm) != 0)
        return INFINITY;
    double write = trainer->writer ? writer_slowest(trainer->writer) : 0;
    return deadline - ENDING - 2 * (trainer->slowest_step + 2 * write);
}
