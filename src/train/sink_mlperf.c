/* sink_mlperf: the lines of MLPerf (log.mlperf = FILE), one for each event:
     :::MLLOG {"namespace": "", "time_ms": ..., "event_type": ..., "key": ..., ...}
   The format and the keys are those of mlcommons/logging (mlperf_logging/mllog), which
   its compliance checker wants of a training (compliance_checker/training_*.yaml, rules
   common to all benchmarks, and resnet's). A block of epochs is what lies between two
   evaluations. A run that goes on appends its lines, without those that a file has
   once. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "comm/comm.h"
#include "io/json_line.h"
#include "kernels/cpu.h"
#include "sink.h"

struct sink_mlperf {
    FILE *file; /* owned */
    const char *path;
    uint64_t block; /* number of its first epoch; 0: none is open */
    bool failing;   /* which was noted */
};

enum mlperf_type { MLPERF_POINT, MLPERF_START, MLPERF_STOP };
static const char *const mlperf_types[] = {[MLPERF_POINT] = "POINT_IN_TIME",
                                           [MLPERF_START] = "INTERVAL_START",
                                           [MLPERF_STOP] = "INTERVAL_END"};

/* --- a line --- */

static double mlperf_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

/* A line whose value and metadata are still to be filled in. */
struct mlperf_line {
    struct json_line *line, *metadata;
    const char *file;
    int number;
};

/* time_ms 0: now. The line of the source is part of the format. */
#define MLPERF_LINE(type, key, time_ms) \
    mlperf_line((type), (key), (time_ms), __FILE__, __LINE__)

static struct mlperf_line mlperf_line(enum mlperf_type type, const char *key,
                                      double time_ms, const char *file, int number)
{
    struct json_line *line = json_line_create();
    double time = time_ms > 0 ? time_ms : mlperf_time();
    json_line_text(line, "namespace", "");
    json_line_count(line, "time_ms", (uint64_t)time);
    json_line_text(line, "event_type", mlperf_types[type]);
    json_line_text(line, "key", key);
    return (struct mlperf_line){line, NULL, file, number};
}

static struct json_line *mlperf_metadata(struct mlperf_line *line)
{
    if (!line->metadata) {
        line->metadata = json_line_object(line->line, "metadata");
        json_line_text(line->metadata, "file", line->file);
        json_line_count(line->metadata, "lineno", (uint64_t)line->number);
    }
    return line->metadata;
}

static void mlperf_put(struct sink_mlperf *sink, struct mlperf_line *line)
{
    mlperf_metadata(line);
    char *text = json_line_finish(line->line);
    errno = 0;
    bool good = fprintf(sink->file, MLPERF_HEAD "%s\n", text) >= 0;
    good = fflush(sink->file) == 0 && good;
    if (!good && !sink->failing)
        log_note("cannot write '%s': %s; training goes on without these lines",
                 sink->path, strerror(errno));
    sink->failing = !good;
    clearerr(sink->file);
    free(text);
}

/* --- lines of one kind --- */

static void mlperf_text(struct sink_mlperf *sink, const char *key, const char *value)
{
    struct mlperf_line line = MLPERF_LINE(MLPERF_POINT, key, 0);
    json_line_text(line.line, "value", value);
    mlperf_put(sink, &line);
}

static void mlperf_number(struct sink_mlperf *sink, const char *key, double value)
{
    struct mlperf_line line = MLPERF_LINE(MLPERF_POINT, key, 0);
    if (value >= 0 && value < 1e15 && value == (double)(uint64_t)value)
        json_line_count(line.line, "value", (uint64_t)value);
    else
        json_line_number(line.line, "value", value);
    mlperf_put(sink, &line);
}

static void mlperf_mark(struct sink_mlperf *sink, enum mlperf_type type, const char *key,
                        double time_ms)
{
    struct mlperf_line line = MLPERF_LINE(type, key, time_ms);
    json_line_text(line.line, "value", NULL);
    mlperf_put(sink, &line);
}

/* The last part of an epoch may be missing. */
static void mlperf_put_epoch(struct json_line *metadata, const char *key, double epoch)
{
    if (epoch == (double)(uint64_t)epoch)
        json_line_count(metadata, key, (uint64_t)epoch);
    else
        json_line_number(metadata, key, epoch);
}

/* An evaluation, after so many epochs. */
static void mlperf_eval_mark(struct sink_mlperf *sink, const struct train_run *run,
                             enum mlperf_type type, const char *key)
{
    struct mlperf_line line = MLPERF_LINE(type, key, 0);
    json_line_text(line.line, "value", NULL);
    mlperf_put_epoch(mlperf_metadata(&line), "epoch_num", run->progress.epoch);
    mlperf_put(sink, &line);
}

/* Epochs count from 1. */
static void mlperf_block_start(struct sink_mlperf *sink, const struct train_run *run)
{
    if (run->progress.step >= run->total_steps)
        return;
    struct mlperf_line line = MLPERF_LINE(MLPERF_START, "block_start", 0);
    sink->block = run->progress.step / run->epoch_steps + 1;
    json_line_text(line.line, "value", NULL);
    json_line_count(mlperf_metadata(&line), "first_epoch_num", sink->block);
    json_line_count(mlperf_metadata(&line), "epoch_count",
                    (uint64_t)run->setup.options->train.eval_every);
    mlperf_put(sink, &line);
}

static void mlperf_block_stop(struct sink_mlperf *sink)
{
    if (sink->block == 0)
        return;
    struct mlperf_line line = MLPERF_LINE(MLPERF_STOP, "block_stop", 0);
    json_line_text(line.line, "value", NULL);
    json_line_count(mlperf_metadata(&line), "first_epoch_num", sink->block);
    mlperf_put(sink, &line);
    sink->block = 0;
}

/* --- what a file has once --- */

/* The run's name: runs/resnet is a run of the benchmark 'resnet'. */
static const char *mlperf_benchmark(const struct train_run *run)
{
    const char *slash = strrchr(run->setup.folder, '/');
    return slash && slash[1] ? slash + 1 : run->setup.folder;
}

static void mlperf_submission(struct sink_mlperf *sink, const struct train_run *run)
{
    struct comm *comm = run->setup.comm;
    char *platform = mem_format("%s, %d rank%s", cpu_model(), comm_size(comm),
                                comm_size(comm) > 1 ? "s" : "");
    mlperf_text(sink, "submission_benchmark", mlperf_benchmark(run));
    mlperf_text(sink, "submission_division", "open");
    mlperf_text(sink, "submission_org", "unknown");
    mlperf_text(sink, "submission_platform", platform);
    mlperf_text(sink, "submission_status", "research");
    free(platform);
}

static void mlperf_optimizer(struct sink_mlperf *sink, const struct run_options *options)
{
    const struct optim_options *optim = &options->optim;
    bool adaptive = optim->kind == OPTIM_ADAMW || optim->kind == OPTIM_LAMB;
    mlperf_text(sink, "opt_name", optim_words[optim->kind]);
    mlperf_number(sink, "opt_base_learning_rate", optim->lr);
    mlperf_number(sink, "opt_weight_decay", optim->weight_decay);
    mlperf_number(sink, "opt_learning_rate_warmup_epochs", options->schedule.warmup);
    if (options->train.clip > 0)
        mlperf_number(sink, "opt_gradient_clip_norm", options->train.clip);
    if (options->train.ema > 0)
        mlperf_number(sink, "model_eval_ema_factor", options->train.ema);
    if (adaptive) {
        mlperf_number(sink, "opt_adam_beta_1", optim->beta1);
        mlperf_number(sink, "opt_adam_beta_2", optim->beta2);
        mlperf_number(sink, "opt_adam_epsilon", optim->epsilon);
    } else {
        mlperf_number(sink, "opt_momentum", optim->momentum);
    }
}

/* The caches of the system are as they are: only its owner can clear them. */
static void mlperf_cache(struct sink_mlperf *sink, double time_ms)
{
    struct mlperf_line line = MLPERF_LINE(MLPERF_POINT, "cache_clear", time_ms);
    json_line_flag(line.line, "value", false);
    mlperf_put(sink, &line);
}

static void mlperf_begin(struct sink_mlperf *sink, const struct train_run *run)
{
    const struct trainer_setup *setup = &run->setup;
    const struct train_options *train = &setup->options->train;
    const size_t *count = setup->dataset->info.count;
    double began =
        setup->began > 0 ? mlperf_time() - 1e3 * (timer_now() - setup->began) : 0;
    mlperf_cache(sink, began);
    mlperf_mark(sink, MLPERF_START, "init_start", began);
    mlperf_submission(sink, run);
    mlperf_number(sink, "seed", (double)train->seed);
    mlperf_number(sink, "global_batch_size", train->batch);
    mlperf_number(sink, "gradient_accumulation_steps", 1);
    mlperf_number(sink, "train_samples", (double)count[DATASET_TRAIN]);
    mlperf_number(sink, "eval_samples", (double)count[train_run_split(run)]);
    mlperf_optimizer(sink, setup->options);
    mlperf_number(sink, "opt_learning_rate_training_steps", (double)run->total_steps);
    mlperf_mark(sink, MLPERF_STOP, "init_stop", 0);
    mlperf_mark(sink, MLPERF_START, "run_start", 0);
}

/* --- events --- */

/* A run that begins again from its first step replaces what it had written. */
static void *mlperf_open(const struct train_run *run)
{
    const char *path = run->setup.options->log.mlperf;
    bool goes_on = run->progress.step > 0;
    if (!path || !*path || !run->setup.folder)
        return NULL;
    FILE *file = fopen(path, goes_on ? "ae" : "we");
    if (!file) {
        log_note("cannot write '%s': %s; training goes on without it", path,
                 strerror(errno));
        return NULL;
    }
    struct sink_mlperf *sink = mem_zeroed(1, sizeof *sink);
    sink->file = file;
    sink->path = path;
    fseek(file, 0, SEEK_END);
    if (!goes_on || ftell(file) == 0)
        mlperf_begin(sink, run);
    mlperf_block_start(sink, run);
    return sink;
}

static void mlperf_evaluating(void *self, const struct train_run *run)
{
    mlperf_block_stop(self);
    mlperf_eval_mark(self, run, MLPERF_START, "eval_start");
}

static void mlperf_evaluation(void *self, const struct train_run *run,
                              const struct sink_evaluation *event)
{
    const struct evaluation *result = event->result;
    struct mlperf_line line = MLPERF_LINE(MLPERF_POINT, "eval_accuracy", 0);
    json_line_number(line.line, "value", (double)result->correct / (double)result->count);
    mlperf_put_epoch(mlperf_metadata(&line), "epoch_num", run->progress.epoch);
    mlperf_put(self, &line);
    mlperf_eval_mark(self, run, MLPERF_STOP, "eval_stop");
    mlperf_block_start(self, run);
}

/* A run that was stopped goes on later: it has not ended. */
static void mlperf_end(void *self, const struct train_run *run,
                       const struct sink_end *event)
{
    struct sink_mlperf *sink = self;
    (void)run;
    if (event->outcome == SINK_STOPPED)
        return;
    mlperf_block_stop(sink);
    struct mlperf_line line = MLPERF_LINE(MLPERF_STOP, "run_stop", 0);
    json_line_text(line.line, "value", NULL);
    json_line_text(mlperf_metadata(&line), "status",
                   event->outcome == SINK_FINISHED ? "success" : "aborted");
    mlperf_put(sink, &line);
}

static void mlperf_close(void *self)
{
    struct sink_mlperf *sink = self;
    fclose(sink->file);
    free(sink);
}

const struct sink_ops sink_mlperf = {
    .open = mlperf_open,
    .evaluating = mlperf_evaluating,
    .evaluation = mlperf_evaluation,
    .end = mlperf_end,
    .close = mlperf_close,
};
