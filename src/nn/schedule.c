#include "nn/schedule.h"

#include <math.h>

#include "base/portable_math.h"

#define PI 3.14159265358979323846

/* From a at t = 0 to b at t = 1. */
static double schedule_anneal(enum schedule_anneal anneal, double a, double b, double t)
{
    if (anneal == SCHEDULE_ANNEAL_LINEAR)
        return b + (a - b) * (1.0 - t);
    return b + 0.5 * (a - b) * (1.0 + portable_cos(PI * t));
}

/* The position of `at` between a (0) and b (1); 1 if b <= a. */
static double schedule_fraction(double a, double b, double at)
{
    return b > a ? (at - a) / (b - a) : 1.0;
}

/* As torch.optim.lr_scheduler.OneCycleLR (three_phase=False). */
static double schedule_onecycle(const struct schedule_options *options, double lr,
                                double step, double total)
{
    double first = lr / options->div, last = first / options->final_div;
    double top = options->pct_start * total - 1.0;
    enum schedule_anneal anneal = (enum schedule_anneal)options->anneal;
    if (step <= top)
        return schedule_anneal(anneal, first, lr, schedule_fraction(0.0, top, step));
    return schedule_anneal(anneal, lr, last, schedule_fraction(top, total - 1.0, step));
}

static double schedule_triangle(const struct schedule_options *options, double lr,
                                double step, double total)
{
    double top = floor(options->pct_start * total);
    if (step < top)
        return lr * (options->start + (1.0 - options->start) * step / top);
    return lr * (1.0 + (options->final - 1.0) * schedule_fraction(top, total, step));
}

/* cosine, linear and polynomial begin when the warmup has reached lr and end with the
   last step. */
static double schedule_decay(const struct schedule_options *options, double lr,
                             double step, double total, double warmup)
{
    double begin = warmup > 1.0 ? warmup - 1.0 : 0.0;
    if (step <= begin)
        return lr;
    double t = schedule_fraction(begin, total - 1.0, step), last = lr * options->final;
    if (options->kind == SCHEDULE_COSINE)
        return schedule_anneal(SCHEDULE_ANNEAL_COSINE, lr, last, t);
    if (options->kind == SCHEDULE_LINEAR)
        return schedule_anneal(SCHEDULE_ANNEAL_LINEAR, lr, last, t);
    return last + (lr - last) * portable_pow(1.0 - t, options->power);
}

static double schedule_steps(const struct schedule_options *options, double lr,
                             double epoch)
{
    if (options->step_every <= 0.0)
        return lr;
    /* 1e-9: a rounding error must not miss a milestone that falls on a step. */
    return lr * portable_pow(options->gamma, floor(epoch / options->step_every + 1e-9));
}

double schedule_lr(const struct schedule_options *options, double lr, uint64_t step,
                   uint64_t total, double steps_per_epoch)
{
    if (step >= total)
        step = total > 0 ? total - 1 : 0;
    double s = (double)step, n = (double)total;
    if (options->kind == SCHEDULE_ONECYCLE)
        return schedule_onecycle(options, lr, s, n);
    if (options->kind == SCHEDULE_TRIANGLE)
        return schedule_triangle(options, lr, s, n);

    double warmup = options->warmup * steps_per_epoch;
    double rate = lr;
    if (options->kind == SCHEDULE_STEP)
        rate = schedule_steps(options, lr, s / steps_per_epoch);
    else if (options->kind != SCHEDULE_CONSTANT)
        rate = schedule_decay(options, lr, s, n, warmup);
    /* s + 1, so that the first step of the warmup has a rate above 0. */
    return s + 1.0 < warmup ? rate * (s + 1.0) / warmup : rate;
}
