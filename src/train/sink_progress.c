/* sink_progress: on a terminal, a line that is written again and again in its place:
   [######----------]  41 %  step 410/1000  loss 0.3127  2310 images/s  42 s left
   In a file or a pipe it would be noise: then there is none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "sink.h"

#define PROGRESS_SECONDS   0.25 /* between two updates, at least */
#define PROGRESS_BAR       16   /* characters, at most */
#define PROGRESS_BAR_LEAST 5
#define PROGRESS_COLOUR    "\033[36m" /* cyan: readable on dark and on light */
#define PROGRESS_PLAIN     "\033[39m"

struct sink_progress {
    double shown; /* timer_now seconds of the last update */
    bool colour;
};

static void *progress_open(const struct train_run *run)
{
    (void)run;
    if (!log_shows_progress())
        return NULL;
    struct sink_progress *sink = mem_zeroed(1, sizeof *sink);
    sink->colour = log_has_colour();
    return sink;
}

/* The bar has the room that the text leaves in the line: a line that is broken cannot be
   erased. */
static void progress_show(const struct sink_progress *sink, double share,
                          const char *text)
{
    static const char full[] = "################", empty[] = "----------------";
    int columns = log_columns() - 1; /* some terminals break a line that is full */
    int bar = columns - (int)strlen(text) - 3;
    bar = bar < PROGRESS_BAR ? bar : PROGRESS_BAR;
    int done = (int)(share * bar);
    if (bar < PROGRESS_BAR_LEAST)
        log_progress("%.*s", columns > 0 ? columns : 0, text);
    else
        log_progress("[%s%.*s%s%.*s] %s", sink->colour ? PROGRESS_COLOUR : "", done, full,
                     sink->colour ? PROGRESS_PLAIN : "", bar - done, empty, text);
}

static double progress_share(const struct train_run *run)
{
    double share = (double)run->progress.step / (double)run->total_steps;
    return share < 1 ? share : 1;
}

/* Before the first interval has ended, its steps so far say how fast the run is. */
static double progress_left(const struct train_run *run, const struct sink_step *event)
{
    struct pace pace = *event->pace;
    if (pace.step == 0)
        pace_interval(&pace, event->interval->seconds, event->interval->steps);
    return pace_left(&pace, run);
}

static void progress_step(void *self, const struct train_run *run,
                          const struct sink_step *event)
{
    struct sink_progress *sink = self;
    const struct progress *progress = &run->progress;
    const struct log_interval *interval = event->interval;
    double now = timer_now();
    char left[TIMER_TEXT];
    if (now - sink->shown < PROGRESS_SECONDS || progress->interval_samples == 0 ||
        interval->steps == 0)
        return;
    sink->shown = now;
    timer_text(progress_left(run, event), left);
    char *text = mem_format("%3.0f %%  step %llu/%llu  loss %.4f  %.0f images/s  %s left",
                            100 * progress_share(run), (unsigned long long)progress->step,
                            (unsigned long long)run->total_steps,
                            progress->interval_loss / (double)progress->interval_samples,
                            (double)interval->samples / interval->seconds, left);
    progress_show(sink, progress_share(run), text);
    free(text);
}

static void progress_evaluating(void *self, const struct train_run *run)
{
    char *text = mem_format(
        "%3.0f %%  step %llu/%llu  evaluating", 100 * progress_share(run),
        (unsigned long long)run->progress.step, (unsigned long long)run->total_steps);
    progress_show(self, progress_share(run), text);
    free(text);
}

const struct sink_ops sink_progress = {
    .open = progress_open,
    .step = progress_step,
    .evaluating = progress_evaluating,
    .close = free,
};
