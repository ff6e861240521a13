#include "train_log.h"

#include "comm/comm.h"

static void train_log_begin(struct train_log *log)
{
    const struct model *model = log->run->setup.model;
    metrics_init(&log->metrics, model->classes);
    log->metrics.sets = model->multi_label;
}

void train_log_init(struct train_log *log, struct train_run *run)
{
    *log = (struct train_log){.run = run};
    train_log_begin(log);
}

void train_log_release(struct train_log *log)
{
    confusion_release(&log->confusion);
    metrics_release(&log->metrics);
}

void train_log_restart(struct train_log *log)
{
    metrics_release(&log->metrics);
    train_log_begin(log);
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
    report_interval(run, interval, &entry);
    *interval = (struct log_interval){0};
    progress->interval_loss = 0;
    progress->interval_correct = progress->interval_samples = 0;
}

void train_log_evaluation(struct train_log *log, struct evaluation *result,
                          uint64_t state)
{
    struct train_run *run = log->run;
    struct metrics_eval entry = {run->progress.step, result->loss,
                                 (double)result->correct / (double)result->count,
                                 result->mean_average_precision};
    if (comm_rank(run->setup.comm) == 0)
        metrics_add_eval(&log->metrics, &entry, &result->confusion);
    report_evaluation(run, result, state);
    confusion_release(&log->confusion);
    log->confusion = result->confusion;
    result->confusion = (struct confusion){0};
}
