#include "train_log.h"

#include "comm/comm.h"

static void train_log_forget(struct train_log *log)
{
    const struct model *model = log->run->setup.model;
    metrics_init(&log->metrics, model->classes);
    log->metrics.sets = model->multi_label;
}

void train_log_init(struct train_log *log, struct train_run *run)
{
    *log = (struct train_log){.run = run};
    train_log_forget(log);
}

void train_log_release(struct train_log *log)
{
    sinks_close(&log->sinks);
    confusion_release(&log->confusion);
    metrics_release(&log->metrics);
}

void train_log_restart(struct train_log *log)
{
    metrics_release(&log->metrics);
    train_log_forget(log);
}

void train_log_begin(struct train_log *log)
{
    sinks_open(&log->sinks, log->run);
}

void train_log_add(struct train_log *log, const struct train_step *step,
                   const struct overlap *overlap, double seconds, double reduce)
{
    struct progress *progress = &log->run->progress;
    struct log_interval *interval = &log->interval;
    uint64_t samples = step->batch.grains.samples;
    interval->seconds += seconds;
    interval->reduce += reduce;
    interval->spanned += overlap->spanned;
    interval->waited += overlap->waited;
    interval->steps++;
    interval->samples += samples;
    progress->interval_loss += step->loss;
    progress->interval_correct += step->correct;
    progress->interval_samples += samples;
    progress->step++;
    progress->epoch = (double)progress->step / (double)log->run->epoch_steps;
    sinks_step(&log->sinks, log->run, &(struct sink_step){interval, &log->pace});
}

/* On rank 0, which has the history. */
static const struct metrics_eval *train_log_newest(const struct train_log *log)
{
    const struct metrics *metrics = &log->metrics;
    return metrics->evals > 0 ? &metrics->eval[metrics->evals - 1] : NULL;
}

void train_log_line(struct train_log *log, const struct train_step *step)
{
    struct train_run *run = log->run;
    struct progress *progress = &run->progress;
    struct log_interval *interval = &log->interval;
    double samples = (double)progress->interval_samples;
    struct metrics_train entry = {
        .step = progress->step,
        .loss = progress->interval_loss / samples,
        .accuracy = (double)progress->interval_correct / samples,
        .lr = step->lr,
        .grad_norm = step->grad_norm,
        .images_per_second = (double)interval->samples / interval->seconds,
    };
    if (comm_rank(run->setup.comm) == 0)
        metrics_add_train(&log->metrics, &entry);
    pace_interval(&log->pace, interval->seconds, interval->steps);
    const struct sink_interval event = {&entry, interval, train_log_newest(log),
                                        pace_left(&log->pace, run)};
    sinks_interval(&log->sinks, run, &event);
    *interval = (struct log_interval){0};
    progress->interval_loss = 0;
    progress->interval_correct = progress->interval_samples = 0;
}

void train_log_evaluating(struct train_log *log)
{
    sinks_evaluating(&log->sinks, log->run);
}

void train_log_evaluation(struct train_log *log, struct evaluation *result,
                          uint64_t state, double seconds)
{
    struct train_run *run = log->run;
    struct metrics_eval entry = {run->progress.step, result->loss,
                                 (double)result->correct / (double)result->count,
                                 result->mean_average_precision};
    if (comm_rank(run->setup.comm) == 0)
        metrics_add_eval(&log->metrics, &entry, &result->confusion);
    log->pace.evaluation = seconds;
    sinks_evaluation(&log->sinks, run, &(struct sink_evaluation){result, state});
    confusion_release(&log->confusion);
    log->confusion = result->confusion;
    result->confusion = (struct confusion){0};
}

void train_log_end(struct train_log *log, enum status st, uint64_t state, double seconds)
{
    const struct sink_end event = {st == ST_OK      ? SINK_FINISHED
                                   : st == ST_AGAIN ? SINK_STOPPED
                                                    : SINK_FAILED,
                                   state, seconds};
    sinks_end(&log->sinks, log->run, &event);
}
