/* sink_tensorboard: RUN/tensorboard/, for TensorBoard (log.tensorboard = on): a scalar
   for each number of the log, hyper-parameters, and the confusion matrix of the best and
   of the last evaluation as an image. */
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "confusion_picture.h"
#include "io/tfevents.h"
#include "sink.h"

struct sink_tensorboard {
    struct tfevents *events; /* owned */
    const char *split;
    bool failing; /* the last event could not be written, which was noted */
};

/* Sections of the config that do not decide about what is learned. */
static const char *const board_sections_apart[] = {"checkpoint.", "log.", "parallel."};
enum { BOARD_APART = sizeof board_sections_apart / sizeof board_sections_apart[0] };

static bool board_has(const struct run_parameter *parameter)
{
    for (int i = 0; i < BOARD_APART; i++) {
        const char *apart = board_sections_apart[i];
        if (strncmp(parameter->name, apart, strlen(apart)) == 0)
            return false;
    }
    return true;
}

/* A note when writing begins to fail. `why` was captured. */
static void board_note(struct sink_tensorboard *sink, enum status st, const char *why)
{
    if (st != ST_OK && !sink->failing)
        log_note("%s; training goes on without these events", why);
    sink->failing = st != ST_OK;
}

static enum status board_write_session(const struct sink_tensorboard *sink,
                                       const struct train_run *run)
{
    const struct trainer_setup *setup = &run->setup;
    struct tfevents_parameter *parameter =
        mem_zeroed((size_t)setup->parameters + 1, sizeof *parameter);
    int count = 0;
    for (int i = 0; i < setup->parameters; i++) {
        const struct run_parameter *from = &setup->parameter[i];
        if (!board_has(from))
            continue;
        parameter[count++] = (struct tfevents_parameter){
            .name = from->name,
            .kind = from->kind == RUN_PARAMETER_NUMBER ? TFEVENTS_NUMBER
                    : from->kind == RUN_PARAMETER_FLAG ? TFEVENTS_FLAG
                                                       : TFEVENTS_TEXT,
            .text = from->text,
            .number = from->number,
            .flag = from->flag,
        };
    }
    char *loss = mem_format("%s/loss", sink->split);
    char *accuracy = mem_format("%s/accuracy", sink->split);
    const char *const metrics[] = {"train/loss", "train/accuracy", loss, accuracy};
    enum status st = tfevents_session(sink->events, parameter, count, metrics, 4);
    free(accuracy);
    free(loss);
    free(parameter);
    return st;
}

static enum status board_begin(struct sink_tensorboard *sink, const struct train_run *run)
{
    char folder[FS_PATH];
    uint64_t step = run->progress.step;
    TRY(fs_join(folder, run->setup.folder, "tensorboard"));
    /* The events of the step of a checkpoint were written before the checkpoint. */
    TRY(tfevents_create(&sink->events, folder, step > 0 ? step + 1 : 0));
    return board_write_session(sink, run);
}

static void board_close(void *self)
{
    struct sink_tensorboard *sink = self;
    tfevents_close(sink->events);
    free(sink);
}

static void *board_open(const struct train_run *run)
{
    char why[STATUS_TEXT];
    if (!run->setup.options->log.tensorboard || !run->setup.folder)
        return NULL;
    struct sink_tensorboard *sink = mem_zeroed(1, sizeof *sink);
    sink->split = dataset_split_name[train_run_split(run)];
    status_capture(why);
    enum status st = board_begin(sink, run);
    status_capture(NULL);
    board_note(sink, st, why);
    if (sink->events)
        return sink;
    board_close(sink);
    return NULL;
}

static void board_interval(void *self, const struct train_run *run,
                           const struct sink_interval *event)
{
    struct sink_tensorboard *sink = self;
    const struct metrics_train *entry = event->entry;
    const struct tfevents_scalar scalars[] = {
        {"train/loss", entry->loss},
        {"train/accuracy", entry->accuracy},
        {"train/lr", entry->lr},
        {"train/grad_norm", entry->grad_norm},
        {"train/images_per_second", entry->images_per_second},
        {"train/epoch", run->progress.epoch},
    };
    char why[STATUS_TEXT];
    status_capture(why);
    enum status st = tfevents_scalars(sink->events, entry->step, scalars,
                                      sizeof scalars / sizeof scalars[0]);
    status_capture(NULL);
    board_note(sink, st, why);
}

static enum status board_write_evaluation(const struct sink_tensorboard *sink,
                                          const struct train_run *run,
                                          const struct evaluation *result)
{
    char *loss = mem_format("%s/loss", sink->split);
    char *accuracy = mem_format("%s/accuracy", sink->split);
    char *precision = mem_format("%s/average_precision", sink->split);
    const struct tfevents_scalar scalars[] = {
        {loss, result->loss},
        {accuracy, (double)result->correct / (double)result->count},
        {precision, result->mean_average_precision},
    };
    enum status st = tfevents_scalars(sink->events, run->progress.step, scalars,
                                      run->setup.model->multi_label ? 3 : 2);
    free(precision);
    free(accuracy);
    free(loss);
    return st;
}

/* Only for the best and the last evaluation: a file with all of them would be large. */
static enum status board_write_confusion(const struct sink_tensorboard *sink,
                                         const struct train_run *run,
                                         const struct confusion *confusion)
{
    const struct progress *progress = &run->progress;
    struct image image;
    size_t bytes;
    if (progress->best_step != progress->step && progress->step < run->total_steps)
        return ST_OK;
    if (!confusion_picture(&image, confusion))
        return ST_OK;
    char *tag = mem_format("%s/confusion", sink->split);
    uint8_t *png = image_png(&image, &bytes);
    const struct tfevents_image picture = {tag, png, bytes, image.h, image.w, image.c};
    enum status st = tfevents_picture(sink->events, progress->step, &picture);
    free(png);
    free(tag);
    image_release(&image);
    return st;
}

static void board_evaluation(void *self, const struct train_run *run,
                             const struct sink_evaluation *event)
{
    struct sink_tensorboard *sink = self;
    char why[STATUS_TEXT];
    status_capture(why);
    enum status st = board_write_evaluation(sink, run, event->result);
    if (st == ST_OK)
        st = board_write_confusion(sink, run, &event->result->confusion);
    status_capture(NULL);
    board_note(sink, st, why);
}

/* A run that was stopped goes on later: its session has not ended. */
static void board_end(void *self, const struct train_run *run,
                      const struct sink_end *event)
{
    struct sink_tensorboard *sink = self;
    char why[STATUS_TEXT];
    if (event->outcome == SINK_STOPPED)
        return;
    status_capture(why);
    enum status st = tfevents_session_end(sink->events, run->progress.step,
                                          event->outcome == SINK_FINISHED);
    status_capture(NULL);
    board_note(sink, st, why);
}

const struct sink_ops sink_tensorboard = {
    .open = board_open,
    .interval = board_interval,
    .evaluation = board_evaluation,
    .end = board_end,
    .close = board_close,
};
