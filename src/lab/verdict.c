/* What the numbers of a row say, in words. */
#include <stdarg.h>
#include <stdio.h>

#include "lab/measure.h"

#define BEYOND    1.1  /* of the threads */
#define GOOD      0.9  /* of what would be ideal */
#define BOUND     0.7  /* of a bandwidth */
#define DISTURBED 0.5  /* width of the interval */
#define HEAVY     0.15 /* share of the time that is worth naming */

static void say(struct measure_row *row, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void say(struct measure_row *row, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(row->verdict, sizeof row->verdict, fmt, args);
    va_end(args);
}

static void judge_sequential(const struct measure_subject *subject,
                             struct measure_row *row, const struct machine *machine)
{
    enum machine_level level = subject->level[row->pass];
    double rate = machine->team[0].bandwidth[level] * row->band_share;
    const char *bytes = machine_level_name(level);
    if (row->flop_share >= row->band_share)
        say(row, "%.1f GFLOP/s, %.0f %% of a core's peak; data in %s",
            row->flop_share * machine->peak * 1e-9, 100 * row->flop_share, bytes);
    else
        say(row, "%.1f GB/s of %.1f from %s", rate * 1e-9,
            machine->team[0].bandwidth[level] * 1e-9, bytes);
}

/* Pieces that are no multiple of the threads. */
static bool judge_pieces(struct measure_row *row)
{
    int threads = row->threads, pieces = row->pieces;
    if (pieces == 0)
        return false;
    double ideal = (double)pieces / ((pieces + threads - 1) / threads);
    if (ideal > GOOD * threads || row->speedup < GOOD * ideal)
        return false;
    say(row, "uneven: %d pieces for %d threads, at most %.2fx", pieces, threads, ideal);
    return true;
}

/* The work of a thread is not much more than it takes to meet. */
static bool judge_overhead(struct measure_row *row, double sequential,
                           const struct machine_team *team)
{
    double work = sequential / row->threads, meet = team->barrier.median;
    if (team->barrier.doubtful || meet <= HEAVY * work)
        return false;
    say(row,
        "overhead: %.1f us of work a thread against %.1f us to meet, %.1f to wake it",
        work * 1e6, meet * 1e6, team->wake.median * 1e6);
    return true;
}

static void say_scales(struct measure_row *row, double sequential,
                       const struct machine_team *team, const struct machine *machine)
{
    if (row->threads > machine->cpus)
        say(row, "scales: %.2fx, all that %d CPUs give", row->speedup, machine->cpus);
    else if (row->speedup > BEYOND * row->threads)
        say(row, "scales: %.2fx, parts suit caches or kernels better than the whole",
            row->speedup);
    else if (sequential - row->time.median < team->wake.median)
        say(row, "scales: %.2fx, if the threads are awake (%.0f us to wake them)",
            row->speedup, team->wake.median * 1e6);
    else
        say(row, "scales: %.2fx", row->speedup);
}

static void say_part(struct measure_row *row, const struct measure_row *best,
                     double sequential)
{
    if (best == row)
        say(row, "in part: %.2fx, as good as it gets here", row->speedup);
    else
        say(row, "in part: %.2fx, %s has %.2fx", row->speedup, split_name(best->split),
            sequential / best->time.median);
}

static void judge_team(const struct measure_subject *subject, struct measure_row *row,
                       const struct measure_row *best, double sequential,
                       const struct machine *machine)
{
    const struct machine_team *team = machine_team(machine, row->threads);
    enum machine_level level = subject->level[row->pass];
    int cores = row->threads < machine->cpus ? row->threads : machine->cpus;
    double bandwidth = team->bandwidth[level];
    if (row->pieces > 0 && row->pieces < row->threads)
        say(row, "too few pieces: %d for %d threads", row->pieces, row->threads);
    else if (row->time.doubtful)
        say(row, "disturbed: other work took a CPU in %.0f %% of the rounds",
            100 * row->disturbed);
    else if (row->time.high - row->time.low > DISTURBED * row->time.median)
        say(row, "disturbed: the median is anywhere in %.0f-%.0f us", row->time.low * 1e6,
            row->time.high * 1e6);
    else if (row->speedup >= GOOD * cores)
        say_scales(row, sequential, team, machine);
    else if (row->threads > cores)
        say(row, "oversubscribed: %d threads on %d CPU%s", row->threads, machine->cpus,
            machine->cpus > 1 ? "s" : "");
    else if (judge_pieces(row) || judge_overhead(row, sequential, team))
        return;
    else if (row->band_share > BOUND)
        say(row, "bound by %s: %.0f GB/s of %.0f",
            level == MACHINE_MEMORY ? "memory" : machine_level_name(level),
            row->band_share * bandwidth * 1e-9, bandwidth * 1e-9);
    else if (row->sums > HEAVY)
        say(row, "partial sums take %.0f %% of the time", 100 * row->sums);
    else if (row->speedup < 1)
        say(row, "slower: %.1f us against %.1f alone", row->time.median * 1e6,
            sequential * 1e6);
    else
        say_part(row, best, sequential);
}

static void judge(struct measure_table *table, struct measure_row *row,
                  const struct machine *machine)
{
    const struct measure_subject *subject = &table->subject[row->subject];
    const struct machine_team *team = machine_team(machine, row->threads);
    double sequential =
        measure_find(table, row->subject, row->pass, SPLIT_SEQUENTIAL, 1)->time.median;
    int cores = row->threads < machine->cpus ? row->threads : machine->cpus;
    double bandwidth = team->bandwidth[subject->level[row->pass]];
    row->speedup = sequential / row->time.median;
    row->efficiency = row->speedup / row->threads;
    row->flop_share =
        subject->flops[row->pass] / row->time.median / (machine->peak * cores);
    if (bandwidth > 0)
        row->band_share = subject->bytes[row->pass] / row->time.median / bandwidth;
    const struct measure_row *best =
        measure_best(table, row->subject, row->pass, row->threads);
    row->best = row == best;
    if (row->split == SPLIT_SEQUENTIAL)
        judge_sequential(subject, row, machine);
    else
        judge_team(subject, row, best, sequential, machine);
}

void measure_judge(struct measure_table *table, const struct machine *machine)
{
    for (int i = 0; i < table->rows; i++)
        judge(table, &table->row[i], machine);
}
