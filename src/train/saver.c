#include "saver.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/where.h"
#include "comm/comm.h"
#include "diagnose.h"
#include "io/image.h"
#include "kernels/cpu.h"

#define SAVER_METRICS_SECONDS 5 /* between two writings of the metrics for log lines */

static struct checkpoint_info saver_info(const struct trainer_setup *setup)
{
    const struct dataset_info *data = &setup->dataset->info;
    char treatment[TREATMENT_TEXT], decoder[IMAGE_DECODERS] = "", bits[POLICY_BITS];
    if (data->encoded)
        image_decoders(decoder);
    treatment_text(&data->treatment, treatment);
    policy_bits_text(&setup->model->policy, bits);
    struct checkpoint_info info = {
        .config = mem_strdup(setup->config_text),
        .lockstep = mem_strdup(setup->version),
        .mpi = mem_strdup(comm_version()),
        .blas = mem_strdup(cpu_blas()),
        .isa = mem_strdup(cpu_isa_name(cpu_isa())),
        .bits = mem_strdup(bits),
        .plan = plan_text(setup->plan, setup->model),
        .class_name = data->class_name,
        .classes = data->classes,
        .shape = data->shape,
        .treatment = mem_strdup(treatment),
        .decoder = mem_strdup(decoder),
        .data_hash = data->hash,
        .sample_weights_hash = dataset_weights_hash(setup->dataset),
    };
    memcpy(info.mean, data->mean, sizeof info.mean);
    memcpy(info.std, data->std, sizeof info.std);
    return info;
}

void saver_init(struct saver *saver, struct train_run *run, const struct run_state *state,
                const struct metrics *metrics)
{
    const struct trainer_setup *setup = &run->setup;
    *saver = (struct saver){
        .run = run, .state = state, .metrics = metrics, .saved_step = UINT64_MAX};
    if (!setup->folder || comm_rank(setup->comm) != 0)
        return;
    saver->info = saver_info(setup);
    const struct writer_setup writer = {
        .model = setup->model,
        .folder = setup->folder,
        .lock = setup->lock,
        .keep = setup->options->checkpoint.keep,
        .table = {(double)run->epoch_steps, dataset_split_name[train_run_split(run)]},
        .stream = run->stage->count > 1 ? &saver->spread.stream : NULL,
    };
    saver->writer = writer_create(&writer, state);
}

void saver_release(struct saver *saver)
{
    where_mark(WHERE_CHECKPOINT);
    writer_free(saver->writer);
    saver->info.class_name = NULL; /* the data set's */
    saver->info.classes = 0;
    checkpoint_info_release(&saver->info);
}

static void saver_put(struct saver *saver, unsigned what)
{
    if (!saver->writer)
        return;
    saver->info.progress = saver->run->progress;
    saver->metrics_at = timer_now();
    writer_put(saver->writer, what, &saver->info, saver->state, saver->metrics);
}

/* A state that is spread over stages: those of replica 0 send what they hold. */
static void saver_put_spread(struct saver *saver, unsigned what)
{
    const struct train_run *run = saver->run;
    struct state_vector list[STATE_VECTORS];
    int vectors = run_state_list(saver->state, list);
    int files = (what & WRITER_STEP ? 1 : 0) + (what & WRITER_BEST ? 1 : 0);
    if (!run->setup.folder)
        return;
    saver->info.state = train_run_hash(run, saver->state);
    spread_init(&saver->spread, run->stage, saver->state, vectors);
    saver_put(saver, what);
    if (comm_rank(run->stage->peers) == 0)
        spread_gather(&saver->spread, files);
}

void saver_save_metrics(struct saver *saver)
{
    if (timer_now() - saver->metrics_at > SAVER_METRICS_SECONDS && saver->writer &&
        writer_idle(saver->writer))
        saver_put(saver, 0);
}

/* Weights can become bad in the very update that a checkpoint would keep; it must not
   take the place of a good one. */
static enum status saver_check_weights(const struct saver *saver)
{
    const char *layer = diagnose_layer(saver->run, saver->state->params);
    if (!layer)
        return ST_OK;
    log_set_replicated(true);
    log_error("step %llu: the weights of layer '%s' are not finite; lower optim.lr or "
              "set train.clip, then go on from the last checkpoint",
              (unsigned long long)saver->run->progress.step, layer);
    log_set_replicated(false);
    return ST_FAIL;
}

enum status saver_save(struct saver *saver, bool due)
{
    struct train_run *run = saver->run;
    double t = timer_now();
    where_mark(WHERE_CHECKPOINT);
    unsigned what = (due ? WRITER_STEP : 0) | (saver->best_due ? WRITER_BEST : 0);
    saver->best_due = false;
    TRY(saver_check_weights(saver));
    if (run->stage->count > 1)
        saver_put_spread(saver, what);
    else
        saver_put(saver, what);
    double now = phases_add(&run->phases, PHASE_CHECKPOINT, t);
    if (due) {
        saver->saved_step = run->progress.step;
        saver->saved_at = now;
    }
    return ST_OK;
}

enum status saver_settle(struct saver *saver)
{
    struct train_run *run = saver->run;
    double t = timer_now();
    where_mark(WHERE_CHECKPOINT);
    enum status st = saver->writer ? writer_wait(saver->writer) : ST_OK;
    st = comm_agree(run->setup.comm, st);
    phases_add(&run->phases, PHASE_CHECKPOINT, t);
    return st;
}

bool saver_clock_is_due(const struct saver *saver)
{
    const struct trainer_setup *setup = &saver->run->setup;
    double minutes = setup->options->checkpoint.every_minutes;
    return minutes > 0 && comm_rank(setup->comm) == 0 &&
           timer_now() - saver->saved_at > 60 * minutes;
}

double saver_slowest(const struct saver *saver)
{
    return saver->writer ? writer_slowest(saver->writer) : 0;
}
