/* sink_json: a JSON object a line on stdout, for the programs that follow a run (train
   --json; docs/logs.md). Each has "event": begin, interval, evaluation or end. */
#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "comm/comm.h"
#include "io/json_line.h"
#include "sink.h"
#include "train/metric.h"

static struct json_line *json_event(const struct train_run *run, const char *event)
{
    struct json_line *line = json_line_create();
    json_line_text(line, "event", event);
    json_line_count(line, "step", run->progress.step);
    json_line_number(line, "epoch", run->progress.epoch);
    return line;
}

static void json_put_state(struct json_line *line, uint64_t state)
{
    char text[17];
    hash_text(state, text);
    json_line_text(line, "state", text);
}

static void json_print(struct json_line *line)
{
    char *text = json_line_finish(line);
    log_record(text);
    free(text);
}

static void json_put_config(struct json_line *line, const struct trainer_setup *setup)
{
    struct json_line *config = json_line_object(line, "config");
    for (int i = 0; i < setup->parameters; i++) {
        const struct run_parameter *parameter = &setup->parameter[i];
        if (parameter->kind == RUN_PARAMETER_NUMBER)
            json_line_number(config, parameter->name, parameter->number);
        else if (parameter->kind == RUN_PARAMETER_FLAG)
            json_line_flag(config, parameter->name, parameter->flag);
        else
            json_line_text(config, parameter->name, parameter->text);
    }
}

static void *json_open(const struct train_run *run)
{
    static char open[1]; /* no state */
    const struct trainer_setup *setup = &run->setup;
    if (!setup->json)
        return NULL;
    struct json_line *line = json_event(run, "begin");
    json_line_count(line, "steps", run->total_steps);
    json_line_count(line, "epoch_steps", run->epoch_steps);
    json_line_text(line, "run", setup->folder);
    json_line_text(line, "lockstep", setup->version);
    json_line_count(line, "ranks", (uint64_t)comm_size(setup->comm));
    json_line_count(line, "threads", (uint64_t)setup->plan->threads);
    json_line_count(line, "parameters", model_param_count(setup->model));
    json_put_config(line, setup);
    json_print(line);
    return open;
}

static void json_interval(void *self, const struct train_run *run,
                          const struct sink_interval *event)
{
    const struct metrics_train *entry = event->entry;
    struct json_line *line = json_event(run, "interval");
    (void)self;
    json_line_number(line, "loss", entry->loss);
    json_line_number(line, "accuracy", entry->accuracy);
    json_line_number(line, "lr", entry->lr);
    json_line_number(line, "grad_norm", entry->grad_norm);
    json_line_number(line, "images_per_second", entry->images_per_second);
    json_line_number(line, "seconds_left", event->left);
    json_print(line);
}

static void json_evaluation(void *self, const struct train_run *run,
                            const struct sink_evaluation *event)
{
    const struct evaluation *result = event->result;
    enum metric metric = (enum metric)run->setup.options->train.metric;
    struct json_line *line = json_event(run, "evaluation");
    (void)self;
    json_line_text(line, "split", dataset_split_name[train_run_split(run)]);
    json_line_number(line, "loss", result->loss);
    json_line_number(line, "accuracy", (double)result->correct / (double)result->count);
    json_line_count(line, "correct", result->correct);
    json_line_count(line, "count", result->count);
    if (run->setup.model->multi_label)
        json_line_number(line, "average_precision", result->mean_average_precision);
    json_line_text(line, "metric", metric_words[metric]);
    json_line_number(line, "metric_value", metric_value(metric, result));
    json_line_flag(line, "best", run->progress.best_step == run->progress.step);
    json_put_state(line, event->state);
    json_print(line);
}

static void json_end(void *self, const struct train_run *run,
                     const struct sink_end *event)
{
    static const char *const outcomes[] = {[SINK_FINISHED] = "finished",
                                           [SINK_STOPPED] = "stopped",
                                           [SINK_FAILED] = "failed"};
    struct json_line *line = json_event(run, "end");
    (void)self;
    json_line_text(line, "outcome", outcomes[event->outcome]);
    json_line_number(line, "seconds", event->seconds);
    json_line_count(line, "best_step", run->progress.best_step);
    if (event->outcome != SINK_FAILED)
        json_put_state(line, event->state);
    json_print(line);
}

const struct sink_ops sink_json = {
    .open = json_open,
    .interval = json_interval,
    .evaluation = json_evaluation,
    .end = json_end,
};
