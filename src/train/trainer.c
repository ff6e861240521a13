#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/stop.h"
#include "base/where.h"
#include "comm/comm.h"
#include "diagnose.h"
#include "train/folded_crew.h"
#include "train/metric.h"
#include "train/report.h"
#include "trainer_impl.h"

#define TRAINER_ENDING \
    5 /* seconds: mpirun takes 2 to end, then the job's script goes on */

struct trainer *trainer_create(const struct trainer_setup *setup)
{
    struct trainer *trainer = mem_zeroed(1, sizeof *trainer);
    train_run_init(&trainer->run, setup);
    stepper_init(&trainer->stepper, &trainer->run);
    train_log_init(&trainer->log, &trainer->run);
    loader_init(&trainer->chooser, setup->dataset,
                dataset_choosing(&setup->dataset->info));
    trainer->chooser.input.crop = setup->options->input.crop;
    saver_init(&trainer->saver, &trainer->run, &trainer->stepper.state,
               &trainer->log.metrics);
    average_init(&trainer->average, &trainer->stepper);
    feature_use_init(&trainer->features, &trainer->stepper);
    return trainer;
}

void trainer_free(struct trainer *trainer)
{
    if (!trainer)
        return;
    saver_release(&trainer->saver);
    average_release(&trainer->average);
    feature_use_release(&trainer->features);
    stepper_release(&trainer->stepper);
    train_log_release(&trainer->log);
    loader_release(&trainer->chooser);
    train_run_release(&trainer->run);
    free(trainer);
}

uint64_t trainer_total_steps(const struct trainer *trainer)
{
    return trainer->run.total_steps;
}

uint64_t trainer_step(const struct trainer *trainer)
{
    return trainer->run.progress.step;
}

const struct phases *trainer_phases(const struct trainer *trainer)
{
    return &trainer->run.phases;
}

static uint64_t trainer_state_hash(const struct trainer *trainer)
{
    return train_run_hash(&trainer->run, &trainer->stepper.state);
}

/* --- when to stop --- */

/* timer_now seconds at which the last checkpoint has to be begun to be on disk before the
   deadline: early enough for one more step and its files, each as slow as the slowest so
   far. By rank 0's clock; INFINITY on the others and without a deadline. */
static double trainer_latest(const struct trainer *trainer)
{
    const struct trainer_setup *setup = &trainer->run.setup;
    if (setup->deadline <= 0 || comm_rank(setup->comm) != 0)
        return INFINITY;
    double step = trainer->slowest_step + 2 * saver_slowest(&trainer->saver);
    return setup->deadline - TRAINER_ENDING - 2 * step;
}

/* Collective. The same for work that all ranks do, by the clock of each. */
static double trainer_latest_of_all(const struct trainer *trainer)
{
    double left = trainer_latest(trainer) - timer_now();
    comm_bcast(trainer->run.setup.comm, &left, sizeof left, 0);
    return timer_now() + left;
}

/* An evaluation that would not be done in time is not begun, once one was timed. */
bool trainer_time_is_up(const struct trainer *trainer)
{
    return timer_now() + 2 * trainer->slowest_evaluation > trainer_latest(trainer);
}

static struct step_flags trainer_flags(const struct trainer *trainer)
{
    return (struct step_flags){
        .stop = stop_requested() || trainer_time_is_up(trainer),
        .checkpoint = saver_clock_is_due(&trainer->saver),
    };
}

static bool trainer_out_of_patience(const struct trainer *trainer)
{
    int patience = trainer->run.setup.options->early_stop.patience;
    return patience > 0 && trainer->run.progress.evals_without_gain >= (uint64_t)patience;
}

/* --- evaluation --- */

/* A higher score is better; of the same score, lower loss. Collective: the loss of the
   best evaluation is in the history, which rank 0 has. */
static bool trainer_is_better(const struct trainer *trainer, double score, double loss)
{
    struct comm *comm = trainer->run.setup.comm;
    const struct progress *progress = &trainer->run.progress;
    double best = 0;
    if (!isfinite(loss))
        return false;
    if (progress->best_step == 0 || score != progress->best_score)
        return progress->best_step == 0 || score > progress->best_score;
    if (comm_rank(comm) == 0)
        best = metrics_eval_loss(&trainer->log.metrics, progress->best_step);
    comm_bcast(comm, &best, sizeof best, 0);
    return loss < best;
}

/* Is the best score known so far beaten, and by enough to go on? */
static void trainer_compare(struct trainer *trainer, const struct evaluation *result)
{
    const struct run_options *options = trainer->run.setup.options;
    struct progress *progress = &trainer->run.progress;
    double score = metric_score((enum metric)options->train.metric, result);
    double wanted = progress->best_score + options->early_stop.min_delta;
    bool better = trainer_is_better(trainer, score, result->loss);
    bool gain = progress->evaluated_step == 0 ||
                (progress->best_step == 0 ? better : score > wanted);
    progress->evaluated_step = progress->step;
    progress->evals_without_gain = gain ? 0 : progress->evals_without_gain + 1;
    if (better) {
        progress->best_score = score;
        progress->best_step = progress->step;
    }
    trainer->saver.best_due = better && options->checkpoint.keep_best;
    trainer->saver.saved_step = UINT64_MAX; /* what is saved lacks this evaluation */
}

/* Averaged weights get statistics before they are evaluated, and at the end. In between
   they would delay every checkpoint, and above all the last one before a stop. */
static enum status trainer_average(struct trainer *trainer)
{
    struct train_run *run = &trainer->run;
    double t = timer_now();
    if (run->progress.ema_statistics_age == 0)
        return ST_OK;
    enum status st =
        average_statistics(&trainer->average, trainer_latest_of_all(trainer));
    run->progress.ema_statistics_age = st == ST_OK ? 0 : run->progress.step;
    phases_add(&run->phases, PHASE_EVALUATE, t);
    trainer->saver.saved_step = UINT64_MAX; /* what is saved lacks them */
    return st;
}

static enum status trainer_save(struct trainer *trainer, bool due)
{
    const struct progress *progress = &trainer->run.progress;
    if (progress->ema_statistics_age >= progress->step)
        average_copy_running(&trainer->average);
    return saver_save(&trainer->saver, due);
}

/* With norms to fold in workspaces of its own, otherwise in those of the training. */
static enum status trainer_measure(struct trainer *trainer, struct evaluation *result)
{
    const struct run_state *state = &trainer->stepper.state;
    const struct crew *crew = &trainer->stepper.crew;
    struct folded_crew folded = {0};
    struct evaluate_setup setup = {
        .comm = trainer->run.setup.comm,
        .crew = crew,
        .loader = &trainer->chooser,
        .params = state->ema ? state->ema : state->params,
        .views = trainer->run.setup.options->eval.views,
        .threshold = trainer->run.setup.options->eval.threshold,
        .latest = trainer_latest_of_all(trainer),
    };
    if (fold_helps(crew->model)) {
        folded_crew_init(&folded, crew->stage, &crew->plan, setup.params,
                         feature_use_value(&trainer->features));
        setup.crew = &folded.crew;
        setup.params = folded.fold.params;
    } else {
        crew_pack(&trainer->stepper.crew, setup.params);
    }
    enum status st = feature_use_evaluation(
        &trainer->features, setup.crew, folded.fold.place ? &folded.fold : NULL,
        setup.params, setup.loader, setup.latest, &setup.features);
    if (st == ST_OK)
        st = evaluate(&setup, result, NULL);
    folded_crew_release(&folded);
    return st;
}

static enum status trainer_evaluate(struct trainer *trainer)
{
    struct evaluation result;
    double begin = timer_now();
    train_log_evaluating(&trainer->log);
    TRY(trainer_average(trainer));
    double t = timer_now();
    TRY(trainer_measure(trainer, &result));
    trainer_compare(trainer, &result);
    train_log_evaluation(&trainer->log, &result, trainer_state_hash(trainer),
                         timer_now() - begin);
    evaluation_release(&result);
    double seconds = phases_add(&trainer->run.phases, PHASE_EVALUATE, t) - begin;
    if (seconds > trainer->slowest_evaluation)
        trainer->slowest_evaluation = seconds;
    return ST_OK;
}

/* Does this step lack its evaluation, or the run's end its statistics? */
static bool trainer_owes(const struct trainer *trainer)
{
    const struct train_run *run = &trainer->run;
    const struct progress *progress = &run->progress;
    return (progress->evaluated_step < progress->step &&
            train_run_evaluation_is_due(run)) ||
           (progress->step == run->total_steps && progress->ema_statistics_age > 0);
}

static enum status trainer_settle(struct trainer *trainer)
{
    return train_run_evaluation_is_due(&trainer->run) ? trainer_evaluate(trainer)
                                                      : trainer_average(trainer);
}

/* --- the run --- */

/* Did the step just done cross a multiple of `every` steps? */
static bool trainer_crossed(double every, uint64_t step)
{
    return every > 0 && (uint64_t)((double)step / every + 1e-9) >
                            (uint64_t)((double)(step - 1) / every + 1e-9);
}

static bool trainer_checkpoint_is_due(const struct trainer *trainer,
                                      struct step_flags flags)
{
    const struct train_run *run = &trainer->run;
    const struct checkpoint_options *options = &run->setup.options->checkpoint;
    uint64_t done = run->progress.step;
    return flags.checkpoint || flags.stop || done == run->total_steps ||
           trainer_crossed((double)options->every_steps, done) ||
           trainer_crossed(options->every_epochs * (double)run->epoch_steps, done);
}

static enum status trainer_do_step(struct trainer *trainer, struct train_step *step)
{
    struct train_run *run = &trainer->run;
    struct stepper *stepper = &trainer->stepper;
    double begin = timer_now(), reduce = run->phases.seconds[PHASE_REDUCE];
    stepper->overlap.spanned = stepper->overlap.waited = 0;
    TRY(stepper_step(stepper, trainer_flags(trainer), step));
    TRY(diagnose_images(stepper, step));
    if (step->bad) {
        diagnose_step(stepper, step);
        return ST_FAIL;
    }
    double seconds = timer_now() - begin;
    if (seconds > trainer->slowest_step)
        trainer->slowest_step = seconds;
    train_log_add(&trainer->log, step, &stepper->overlap, seconds,
                  run->phases.seconds[PHASE_REDUCE] - reduce);
    run->progress.ema_statistics_age += trainer->average.batches > 0;
    return ST_OK;
}

static void trainer_log_line(struct trainer *trainer, const struct train_step *step)
{
    double seconds = trainer->log.interval.seconds;
    train_log_line(&trainer->log, step);
    train_input_check(&trainer->stepper.input, seconds);
    saver_save_metrics(&trainer->saver);
}

static enum status trainer_steps(struct trainer *trainer)
{
    const struct train_run *run = &trainer->run;
    while (run->progress.step < run->total_steps && !trainer_out_of_patience(trainer)) {
        struct train_step step;
        TRY(trainer_do_step(trainer, &step));
        bool last = run->progress.step == run->total_steps;
        bool owed = trainer_owes(trainer);
        if (train_run_line_is_due(run))
            trainer_log_line(trainer, &step);
        enum status st = owed && !step.flags.stop ? trainer_settle(trainer) : ST_OK;
        if (st == ST_AGAIN)
            step.flags.stop = true;
        else
            TRY(st);
        bool due = trainer_checkpoint_is_due(trainer, step.flags);
        if (due || trainer->saver.best_due)
            TRY(trainer_save(trainer, due));
        if (step.flags.stop && (owed || !last))
            return ST_AGAIN;
    }
    return ST_OK;
}

static enum status trainer_compute_features(struct trainer *trainer)
{
    double t = timer_now();
    if (trainer->run.progress.step == trainer->run.total_steps)
        return ST_OK;
    where_mark(WHERE_FORWARD);
    enum status st =
        feature_use_train(&trainer->features, trainer_latest_of_all(trainer));
    phases_add(&trainer->run.phases, PHASE_FORWARD, t);
    return st;
}

static enum status trainer_train(struct trainer *trainer)
{
    const struct train_run *run = &trainer->run;
    const struct progress *progress = &run->progress;
    /* as a run does that was stopped right at the end of an epoch */
    if (trainer_owes(trainer))
        TRY(trainer_settle(trainer));
    if (trainer->saver.best_due)
        TRY(trainer_save(trainer, false));
    TRY(trainer_steps(trainer));
    if (trainer_out_of_patience(trainer))
        log_out("stopped early: no better %s in %d evaluations\n",
                metric_name((enum metric)run->setup.options->train.metric),
                run->setup.options->early_stop.patience);
    if (progress->step > 0 && trainer->saver.saved_step != progress->step)
        TRY(trainer_save(trainer, true));
    return ST_OK;
}

/* Collective. The ranks share one wall time, so that the phases of all have one sum. */
static void trainer_report_end(struct trainer *trainer, enum status st, double wall)
{
    struct train_run *run = &trainer->run;
    comm_max_f64(run->setup.comm, &wall, 1);
    double longest_wait = report_phases(run, wall);
    train_input_summary(&trainer->stepper.input, longest_wait, wall);
    report_confusions(run->setup.dataset->info.class_name, &trainer->log.confusion);
    uint64_t state = trainer_state_hash(trainer);
    report_result(run, state, wall);
    train_log_end(&trainer->log, st, state, wall);
}

enum status trainer_run(struct trainer *trainer)
{
    double begin = timer_now();
    trainer->saver.saved_at = begin;
    train_input_note_depth(&trainer->stepper.input);
    TRY(trainer_compute_features(trainer));
    train_log_begin(&trainer->log);
    enum status st = trainer_train(trainer);
    if (st != ST_OK && st != ST_AGAIN) {
        train_log_end(&trainer->log, st, 0, timer_now() - begin);
        return st;
    }
    enum status settled = saver_settle(&trainer->saver);
    st = settled == ST_OK ? st : settled;
    trainer_report_end(trainer, st, timer_now() - begin);
    return st;
}
