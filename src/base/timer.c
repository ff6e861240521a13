#include "base/timer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/trace.h"

const char *const phase_name[PHASE_COUNT] = {
    "load",   "load wait", "forward",    "backward", "stage wait",
    "reduce", "update",    "checkpoint", "evaluate", "rest",
};

double timer_thread(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double timer_process(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double timer_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int timer_by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double timer_median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, timer_by_value);
    return values[count / 2];
}

double phases_add(struct phases *phases, enum phase phase, double since)
{
    double now = timer_now();
    phases->seconds[phase] += now - since;
    trace_span(phase_name[phase], NULL, since, now);
    return now;
}

void phases_move(struct phases *phases, enum phase from, enum phase to, double seconds)
{
    phases->seconds[from] -= seconds;
    phases->seconds[to] += seconds;
}

void timer_text(double seconds, char text[TIMER_TEXT])
{
    enum { SHORT = 100, MOST = 1000000000 };
    if (!isfinite(seconds) || seconds < 0 || seconds >= MOST) {
        snprintf(text, TIMER_TEXT, "-");
        return;
    }
    long whole = (long)(seconds + 0.5);
    if (whole < SHORT)
        snprintf(text, TIMER_TEXT, "%ld s", whole);
    else
        snprintf(text, TIMER_TEXT, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60,
                 whole % 60);
}

void phases_close(struct phases *phases, double wall)
{
    double named = 0;
    for (int i = 0; i < PHASE_COUNT; i++)
        if (i != PHASE_REST)
            named += phases->seconds[i];
    phases->seconds[PHASE_REST] = wall - named;
}
