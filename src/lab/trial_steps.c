/* trial: timed training steps. */
#include <stdlib.h>

#include "base/div.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timer.h"
#include "comm/comm.h"
#include "lab/trial.h"
#include "lab/tune.h"
#include "nn/param_group.h"

#define TRIAL_IMAGES       2048 /* of the data set */
#define TRIAL_RUN_SECONDS  0.3  /* least length of each repeated run */
#define TRIAL_STEP_SECONDS 0.05 /* least length of steps to be averaged */

enum status trial_step_seconds(const struct trainer_setup *run,
                               const struct parallel_plan *plan, double *seconds)
{
    struct trainer_setup setup = *run;
    struct run_options options = *run->options;
    options.optim.lr = 0; /* nothing diverges, all steps are alike */
    setup.options = &options;
    setup.plan = plan;
    setup.folder = NULL;
    setup.lock = NULL;
    setup.deadline = 0;
    struct trainer *trainer = trainer_create(&setup);
    enum status st;
    double once = 0;
    trainer_start(trainer);
    TRY_TO(out, trainer_time_steps(trainer, 1, false, &once)); /* warm up */
    TRY_TO(out, trainer_time_steps(trainer, 1, false, &once));
    comm_max_f64(setup.comm, &once, 1);
    int count = once < TRIAL_STEP_SECONDS ? (int)(TRIAL_STEP_SECONDS / once) + 1 : 1;
    TRY_TO(out, trainer_time_steps(trainer, count, false, seconds));
    *seconds /= count;
out:
    trainer_free(trainer);
    return st;
}

/* Images per second of `repeats` runs, all of the same number of steps. */
static enum status trial_measure_rate(struct trainer *trainer, struct comm *comm,
                                      int batch, int repeats, bool forward,
                                      struct trial_rate *rate)
{
    double seconds, *rates = mem_zeroed(2 * (size_t)repeats, sizeof *rates);
    double *cpu_rates = rates + repeats;
    enum status st;
    int count = 1;
    TRY_TO(out, trainer_time_steps(trainer, 2, forward, &seconds)); /* warm up */
    for (;; count *= 2) {
        TRY_TO(out, trainer_time_steps(trainer, count, forward, &seconds));
        comm_max_f64(comm, &seconds, 1);
        if (seconds > TRIAL_RUN_SECONDS)
            break;
    }
    for (int i = 0; i < repeats; i++) {
        double cpu = timer_process();
        TRY_TO(out, trainer_time_steps(trainer, count, forward, &seconds));
        cpu = timer_process() - cpu;
        comm_max_f64(comm, &cpu, 1);
        rates[i] = (double)count * batch / seconds;
        cpu_rates[i] = (double)count * batch / cpu;
    }
    double median = timer_median(rates, repeats);
    *rate = (struct trial_rate){median, rates[0], rates[repeats - 1],
                                timer_median(cpu_rates, repeats)};
out:
    free(rates);
    return st;
}

static void trial_count_flops(const struct model *model, struct trial_row *row)
{
    for (int o = 0; o < model->ops; o++) {
        struct model_work work = model_op_work(model, o);
        row->dense += work.dense_forward + work.dense_backward;
        row->truly += work.true_forward + work.true_backward;
    }
}

/* The options' grain, or a smaller one with which every thread of every rank has one. */
static int trial_grain(const struct trial_row *row, int grain)
{
    int workers = row->ranks * row->threads;
    int share = div_up(row->batch, workers);
    return share < grain ? share : grain;
}

/* A wrong network fails alike on all ranks, which is reported once; memory for it may be
   missing on some hosts only. All ranks fail together. */
static enum status trial_build_model(struct comm *comm, const struct model_spec *spec,
                                     const struct run_options *options,
                                     const struct dataset *dataset, struct model *model)
{
    struct shape in;
    int grain = options->train.grain;
    int classes = dataset->info.classes;
    TRY(input_crop_of_dataset(&options->input.crop, &dataset->info, &in));
    TRY(model_describe(model, spec, in, classes, grain));
    enum status st = param_groups_check(&options->optim.groups, model);
    model_release(model);
    TRY(st);
    bool replicated = log_set_replicated(false);
    st = model_init(model, spec, in, classes, grain);
    log_set_replicated(replicated);
    return comm_agree(comm, st);
}

static enum status trial_measure_row(const struct trainer_setup *setup, int repeats,
                                     struct trial_row *row)
{
    struct trainer *trainer = trainer_create(setup);
    trainer_start(trainer);
    double begin = timer_now();
    enum status st =
        trial_measure_rate(trainer, setup->comm, row->batch, repeats, false, &row->train);
    row->reduce = trainer_phases(trainer)->seconds[PHASE_REDUCE] / (timer_now() - begin);
    row->bytes = trainer_bytes(setup);
    if (st == ST_OK && !row->train_only)
        st = trial_measure_rate(trainer, setup->comm, row->batch, repeats, true,
                                &row->forward);
    trial_count_flops(setup->model, row);
    trainer_free(trainer);
    return st;
}

enum status trial_steps(struct comm *comm, const struct model_spec *spec,
                        const struct run_options *given, int repeats,
                        struct trial_row *row)
{
    struct run_options options = trial_options(given);
    struct parallel_plan plan;
    struct dataset dataset = {0};
    struct model model = {0};
    options.train.batch = row->batch;
    options.train.grain = row->grain = trial_grain(row, given->train.grain);
    tune_rule(&options.parallel, row->threads, &plan);
    const struct trainer_setup setup = {
        .comm = comm,
        .dataset = &dataset,
        .model = &model,
        .options = &options,
        .plan = &plan,
        .config_text = "",
        .version = "",
    };
    enum status st;
    TRY_TO(out, trial_open(comm, &row->source, TRIAL_IMAGES, row->batch, &dataset));
    TRY_TO(out, trial_build_model(comm, spec, &options, &dataset, &model));
    st = trial_measure_row(&setup, repeats, row);
out:
    model_release(&model);
    dataset_close(&dataset);
    return st;
}

int trial_knee(const struct trial_row *rows, int count)
{
    double best = 0;
    int knee = -1;
    for (int i = 0; i < count; i++)
        best = rows[i].train.median > best ? rows[i].train.median : best;
    for (int i = 0; i < count; i++)
        if (rows[i].train.median >= TRIAL_KNEE * best &&
            (knee < 0 || rows[i].batch < rows[knee].batch))
            knee = i;
    return knee;
}
