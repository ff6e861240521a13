/* save: what a run writes: checkpoints, the best one, metrics.h5. */
#include <stdlib.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/where.h"
#include "kernels/cpu.h"
#include "kernels/vector.h"
#include "trainer_impl.h"

static enum status write_checkpoint(struct trainer *trainer, const char *path)
{
    const struct trainer_setup *setup = &trainer->setup;
    const struct dataset_info *data = &setup->dataset->info;
    char *words[] = {mem_strdup(setup->config_text), mem_strdup(setup->version),
                     mem_strdup(comm_version()), mem_strdup(cpu_blas()),
                     mem_strdup(cpu_isa_name(cpu_isa()))};
    struct checkpoint_info info = {
        .config = words[0],
        .lockstep = words[1],
        .mpi = words[2],
        .blas = words[3],
        .isa = words[4],
        .class_name = data->class_name,
        .classes = data->classes,
        .h = data->h,
        .w = data->w,
        .mean = data->mean,
        .std = data->std,
        .data_hash = data->hash,
        .state =
            run_state_hash(&trainer->state, setup->model->params, trainer->progress.step),
        .progress = trainer->progress,
    };
    enum status st =
        checkpoint_write(path, &info, setup->model, &trainer->state, &trainer->metrics);
    for (int i = 0; i < 5; i++)
        free(words[i]);
    return st;
}

enum status trainer_save_metrics(struct trainer *trainer)
{
    char path[FS_PATH];
    where_mark(WHERE_METRICS);
    TRY(fs_join(path, trainer->setup.folder, "metrics.h5"));
    trainer->metrics_at = timer_now();
    return metrics_save(&trainer->metrics, path);
}

/* Weights may go bad in the very update that a checkpoint would keep; it must not take
   the place of a good one. */
static enum status check_weights(const struct trainer *trainer)
{
    const char *layer = trainer_bad_layer(trainer, trainer->state.params);
    if (layer)
        FAIL(ST_FAIL,
             "step %llu: the weights of layer '%s' are not finite; lower optim.lr or set "
             "train.clip, then go on from the last checkpoint",
             (unsigned long long)trainer->progress.step, layer);
    return ST_OK;
}

static enum status save_on_rank_0(struct trainer *trainer, bool best)
{
    char folder[FS_PATH], path[FS_PATH];
    TRY(check_weights(trainer));
    TRY(fs_join(folder, trainer->setup.folder, "checkpoints"));
    if (best)
        TRY(fs_join(path, folder, "best.h5"));
    else
        TRY(checkpoint_path(path, folder, trainer->progress.step));
    TRY(write_checkpoint(trainer, path));
    TRY(checkpoint_prune(folder, trainer->setup.options->checkpoint.keep,
                         trainer->progress.step));
    return trainer_save_metrics(trainer);
}

enum status trainer_save(struct trainer *trainer, bool best)
{
    struct comm *comm = trainer->setup.comm;
    double t = timer_now();
    where_mark(WHERE_CHECKPOINT);
    enum status st = comm_rank(comm) == 0 ? save_on_rank_0(trainer, best) : ST_OK;
    st = comm_agree(comm, st);
    double now = phases_add(&trainer->phases, PHASE_CHECKPOINT, t);
    if (!best) {
        trainer->saved_step = trainer->progress.step;
        trainer->saved_at = now;
    }
    return st;
}
