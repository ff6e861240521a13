/* sink_text: the lines that people read. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "sink.h"
#include "train/metric.h"

#define TEXT_CELL 40

struct text_column {
    const char *name;
    bool of_split; /* the split's name comes before the column's */
    bool parallel; /* only with log.detail = parallel */
    int width;     /* characters, at least; the name may be longer */
    void (*cell)(char text[TEXT_CELL], const struct train_run *run,
                 const struct sink_interval *event);
};

struct sink_text {
    const char *split;
    bool parallel;
};

/* --- columns --- */

static void text_step(char text[TEXT_CELL], const struct train_run *run,
                      const struct sink_interval *event)
{
    (void)run;
    snprintf(text, TEXT_CELL, "%llu", (unsigned long long)event->entry->step);
}

static void text_epoch(char text[TEXT_CELL], const struct train_run *run,
                       const struct sink_interval *event)
{
    (void)event;
    snprintf(text, TEXT_CELL, "%.2f", run->progress.epoch);
}

static void text_loss(char text[TEXT_CELL], const struct train_run *run,
                      const struct sink_interval *event)
{
    (void)run;
    snprintf(text, TEXT_CELL, "%.4f", event->entry->loss);
}

static void text_accuracy(char text[TEXT_CELL], const struct train_run *run,
                          const struct sink_interval *event)
{
    (void)run;
    snprintf(text, TEXT_CELL, "%.2f", 100 * event->entry->accuracy);
}

static double text_without_sign(double loss) /* of a NAN */
{
    return isnan(loss) ? fabs(loss) : loss;
}

static void text_eval_loss(char text[TEXT_CELL], const struct train_run *run,
                           const struct sink_interval *event)
{
    (void)run;
    if (event->newest)
        snprintf(text, TEXT_CELL, "%.4f", text_without_sign(event->newest->loss));
    else
        snprintf(text, TEXT_CELL, "-");
}

/* Rounded as in the evaluation's own line, where it is 100 correct / count. */
static void text_eval_accuracy(char text[TEXT_CELL], const struct train_run *run,
                               const struct sink_interval *event)
{
    double count = (double)run->setup.dataset->info.count[train_run_split(run)];
    if (event->newest)
        snprintf(text, TEXT_CELL, "%.2f",
                 100 * round(event->newest->accuracy * count) / count);
    else
        snprintf(text, TEXT_CELL, "-");
}

static void text_rate(char text[TEXT_CELL], const struct train_run *run,
                      const struct sink_interval *event)
{
    (void)run;
    snprintf(text, TEXT_CELL, "%.6f", event->entry->lr);
}

static void text_speed(char text[TEXT_CELL], const struct train_run *run,
                       const struct sink_interval *event)
{
    (void)run;
    snprintf(text, TEXT_CELL, "%.0f", event->entry->images_per_second);
}

static void text_left(char text[TEXT_CELL], const struct train_run *run,
                      const struct sink_interval *event)
{
    (void)run;
    timer_text(event->left, text);
}

static void text_step_time(char text[TEXT_CELL], const struct train_run *run,
                           const struct sink_interval *event)
{
    (void)run;
    snprintf(text, TEXT_CELL, "%.2f",
             1e3 * event->interval->seconds / (double)event->interval->steps);
}

static void text_communication(char text[TEXT_CELL], const struct train_run *run,
                               const struct sink_interval *event)
{
    (void)run;
    snprintf(text, TEXT_CELL, "%.1f",
             100 * event->interval->reduce / event->interval->seconds);
}

static void text_hidden(char text[TEXT_CELL], const struct train_run *run,
                        const struct sink_interval *event)
{
    const struct log_interval *interval = event->interval;
    double hidden = interval->spanned > 0 ? 1 - interval->waited / interval->spanned : 0;
    (void)run;
    /* two clock readings can differ by a hair */
    snprintf(text, TEXT_CELL, "%.1f", 100 * fmax(hidden, 0));
}

static const struct text_column text_columns[] = {
    {"step", false, false, 8, text_step},
    {"epoch", false, false, 7, text_epoch},
    {"loss", false, false, 8, text_loss},
    {"acc %", false, false, 7, text_accuracy},
    {"loss", true, false, 8, text_eval_loss},
    {"acc %", true, false, 9, text_eval_accuracy},
    {"lr", false, false, 8, text_rate},
    {"images/s", false, false, 8, text_speed},
    {"left", false, false, 8, text_left},
    {"ms/step", false, true, 8, text_step_time},
    {"comm %", false, true, 6, text_communication},
    {"hidden %", false, true, 8, text_hidden},
};
enum { TEXT_COLUMNS = sizeof text_columns / sizeof text_columns[0] };

static char *text_column_name(const struct sink_text *sink,
                              const struct text_column *column)
{
    return mem_format("%s%s%s", column->of_split ? sink->split : "",
                      column->of_split ? " " : "", column->name);
}

/* The head of the table, or without one (NULL) an interval's line. */
static void text_print_row(const struct sink_text *sink, const struct train_run *run,
                           const struct sink_interval *event)
{
    char *line = mem_strdup("");
    for (int i = 0; i < TEXT_COLUMNS; i++) {
        const struct text_column *column = &text_columns[i];
        if (column->parallel && !sink->parallel)
            continue;
        char *name = text_column_name(sink, column), cell[TEXT_CELL];
        int width = (int)strlen(name);
        if (width < column->width)
            width = column->width;
        if (event)
            column->cell(cell, run, event);
        mem_append(&line, "%s%*s", i > 0 ? " " : "", width, event ? cell : name);
        free(name);
    }
    log_out("%s\n", line);
    free(line);
}

/* --- events --- */

static void *text_open(const struct train_run *run)
{
    struct sink_text *sink = mem_zeroed(1, sizeof *sink);
    sink->split = dataset_split_name[train_run_split(run)];
    sink->parallel = run->setup.options->log.detail == LOG_DETAIL_PARALLEL;
    text_print_row(sink, run, NULL);
    return sink;
}

static void text_interval(void *self, const struct train_run *run,
                          const struct sink_interval *event)
{
    text_print_row(self, run, event);
}

/* What a line has behind the accuracy: train.metric; if images have several classes and
   that is in the line already, the average precision. */
static enum metric text_metric(const struct train_run *run)
{
    enum metric metric = (enum metric)run->setup.options->train.metric;
    bool there = metric == METRIC_SUBSET_ACCURACY || metric == METRIC_LOSS;
    return run->setup.model->multi_label && there ? METRIC_AVERAGE_PRECISION : metric;
}

static void text_evaluation(void *self, const struct train_run *run,
                            const struct sink_evaluation *event)
{
    const struct progress *progress = &run->progress;
    const struct evaluation *result = event->result;
    enum metric metric = text_metric(run);
    bool more = metric != METRIC_ACCURACY && metric != METRIC_LOSS;
    char state[17], *value = metric_text(metric, metric_value(metric, result));
    (void)self;
    hash_text(event->state, state);
    log_out("eval step %llu epoch %.2f loss %.4f accuracy %.2f %% (%llu of %llu) "
            "%s%sstate=%s\n",
            (unsigned long long)progress->step, progress->epoch,
            text_without_sign(result->loss),
            100 * (double)result->correct / (double)result->count,
            (unsigned long long)result->correct, (unsigned long long)result->count,
            more ? value : "", more ? " " : "", state);
    free(value);
}

const struct sink_ops sink_text = {
    .open = text_open,
    .interval = text_interval,
    .evaluation = text_evaluation,
    .close = free,
};
