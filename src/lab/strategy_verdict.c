/* strategy_table: the verdict on each row, in words. */
#include <stdarg.h>
#include <stdio.h>

#include "base/div.h"
#include "lab/strategy_table.h"

/* Speed-up per thread from which caches must be the reason. */
#define VERDICT_SUPERLINEAR 1.1
#define VERDICT_GOOD        0.9  /* share of the ideal speed-up */
#define VERDICT_BOUND       0.7  /* share of a bandwidth */
#define VERDICT_DISTURBED   0.5  /* width of the interval, as a share of the median */
#define VERDICT_HEAVY       0.15 /* share of the time that is worth naming */

static void verdict_set(struct strategy_row *row, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void verdict_set(struct strategy_row *row, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(row->verdict, sizeof row->verdict, fmt, args);
    va_end(args);
}

static void verdict_sequential(const struct strategy_subject *subject,
                               struct strategy_row *row, const struct machine *machine)
{
    enum machine_level level = subject->level[row->pass];
    double rate = machine->team[0].bandwidth[level] * row->band_share;
    const char *bytes = machine_level_name(level);
    if (row->flop_share >= row->band_share)
        verdict_set(row, "%.1f GFLOP/s, %.0f %% of a core's peak; data in %s",
                    row->flop_share * machine->peak * 1e-9, 100 * row->flop_share, bytes);
    else
        verdict_set(row, "%.1f GB/s of %.1f from %s", rate * 1e-9,
                    machine->team[0].bandwidth[level] * 1e-9, bytes);
}

/* The number of pieces is not a multiple of the number of threads. */
static bool verdict_pieces(struct strategy_row *row)
{
    int threads = row->threads, pieces = row->pieces;
    if (pieces == 0)
        return false;
    double ideal = (double)pieces / div_up(pieces, threads);
    if (ideal > VERDICT_GOOD * threads || row->speedup < VERDICT_GOOD * ideal)
        return false;
    verdict_set(row, "uneven: %d pieces for %d threads, at most %.2fx", pieces, threads,
                ideal);
    return true;
}

/* A thread's work is short compared with a barrier. */
static bool verdict_overhead(struct strategy_row *row, double sequential,
                             const struct machine_team *team)
{
    double work = sequential / row->threads, meet = team->barrier.median;
    if (team->barrier.doubtful || meet <= VERDICT_HEAVY * work)
        return false;
    verdict_set(
        row, "overhead: %.1f us of work per thread, %.1f us per barrier, %.1f to wake it",
        work * 1e6, meet * 1e6, team->wake.median * 1e6);
    return true;
}

static void verdict_scales(struct strategy_row *row, double sequential,
                           const struct machine_team *team, const struct machine *machine)
{
    if (row->threads > machine->cpus)
        verdict_set(row, "scales: %.2fx, the most that %d CPUs can give", row->speedup,
                    machine->cpus);
    else if (row->speedup > VERDICT_SUPERLINEAR * row->threads)
        verdict_set(row,
                    "scales: %.2fx, superlinear: the parts fit caches or kernels better",
                    row->speedup);
    else if (sequential - row->time.median < team->wake.median)
        verdict_set(row,
                    "scales: %.2fx, while the threads are awake (%.0f us to wake them)",
                    row->speedup, team->wake.median * 1e6);
    else
        verdict_set(row, "scales: %.2fx", row->speedup);
}

static void verdict_part(struct strategy_row *row, const struct strategy_row *best,
                         double sequential)
{
    if (best == row)
        verdict_set(row, "scales in part: %.2fx, the best here", row->speedup);
    else
        verdict_set(row, "scales in part: %.2fx, %s has %.2fx", row->speedup,
                    split_name(best->split), sequential / best->time.median);
}

static void verdict_team(const struct strategy_subject *subject, struct strategy_row *row,
                         const struct strategy_row *best, double sequential,
                         const struct machine *machine)
{
    const struct machine_team *team = machine_team(machine, row->threads);
    enum machine_level level = subject->level[row->pass];
    int cores = row->threads < machine->cpus ? row->threads : machine->cpus;
    double bandwidth = team->bandwidth[level];
    if (row->pieces > 0 && row->pieces < row->threads)
        verdict_set(row, "too few pieces: %d for %d threads", row->pieces, row->threads);
    else if (row->time.doubtful)
        verdict_set(row, "disturbed: other work took a CPU in %.0f %% of the rounds",
                    100 * row->disturbed);
    else if (row->time.high - row->time.low > VERDICT_DISTURBED * row->time.median)
        verdict_set(row, "disturbed: the median lies anywhere in %.0f-%.0f us",
                    row->time.low * 1e6, row->time.high * 1e6);
    else if (row->speedup >= VERDICT_GOOD * cores)
        verdict_scales(row, sequential, team, machine);
    else if (row->threads > cores)
        verdict_set(row, "oversubscribed: %d threads on %d CPU%s", row->threads,
                    machine->cpus, machine->cpus > 1 ? "s" : "");
    else if (verdict_pieces(row) || verdict_overhead(row, sequential, team))
        return;
    else if (row->band_share > VERDICT_BOUND)
        verdict_set(row, "bound by %s: %.0f GB/s of %.0f",
                    level == MACHINE_MEMORY ? "memory" : machine_level_name(level),
                    row->band_share * bandwidth * 1e-9, bandwidth * 1e-9);
    else if (row->sums > VERDICT_HEAVY)
        verdict_set(row, "partial sums take %.0f %% of the time", 100 * row->sums);
    else if (row->speedup < 1)
        verdict_set(row, "slower: %.1f us against %.1f alone", row->time.median * 1e6,
                    sequential * 1e6);
    else
        verdict_part(row, best, sequential);
}

static void verdict_judge(struct strategy_table *table, struct strategy_row *row,
                          const struct machine *machine)
{
    const struct strategy_subject *subject = &table->subject[row->subject];
    const struct machine_team *team = machine_team(machine, row->threads);
    double sequential =
        strategy_table_find(table, row->subject, row->pass, SPLIT_SEQUENTIAL, 1)
            ->time.median;
    int cores = row->threads < machine->cpus ? row->threads : machine->cpus;
    double bandwidth = team->bandwidth[subject->level[row->pass]];
    row->speedup = sequential / row->time.median;
    row->efficiency = row->speedup / row->threads;
    row->flop_share =
        subject->flops[row->pass] / row->time.median / (machine->peak * cores);
    if (bandwidth > 0)
        row->band_share = subject->bytes[row->pass] / row->time.median / bandwidth;
    const struct strategy_row *best =
        strategy_table_best(table, row->subject, row->pass, row->threads);
    row->best = row == best;
    if (row->split == SPLIT_SEQUENTIAL)
        verdict_sequential(subject, row, machine);
    else
        verdict_team(subject, row, best, sequential, machine);
}

void strategy_table_judge(struct strategy_table *table, const struct machine *machine)
{
    for (int i = 0; i < table->rows; i++)
        verdict_judge(table, &table->row[i], machine);
}
