/* strategy_table: the measurement. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/timer.h"
#include "lab/stopwatch.h"
#include "lab/strategy_table.h"
#include "strategy_subject.h"

#define TURNS_SHORT_SECONDS 2e-5 /* shorter passes are timed several at once */
#define TURNS_PATIENCE      3    /* times its share of time: a pass takes no longer */

/* The strategies of one subject and pass, which take turns. */
struct strategy_turns {
    int count, passes; /* strategies; passes that are timed together */
    int cpus;          /* of the machine */
    int threads;       /* strategies with this number of threads run now */
    struct strategy *strategy[MACHINE_TEAMS * SPLITS];
    struct strategy_row *row;
    struct sample_values *times, *sums; /* [strategy] */
    struct stopwatch watch;
    struct team_shared shared;
};

static void strategy_turns_run(void *context, int thread)
{
    struct strategy_turns *turns = context;
    struct team team = {
        .size = turns->threads, .index = thread, .shared = &turns->shared};
    for (int i = 0; i < turns->count; i++) {
        if (turns->row[i].threads != turns->threads)
            continue;
        strategy_run(turns->strategy[i], &team);
        stopwatch_begin(&turns->watch, &team);
        double sums = strategy_sum_seconds(turns->strategy[i]);
        for (int pass = 0; pass < turns->passes; pass++)
            strategy_run(turns->strategy[i], &team);
        double seconds = stopwatch_end(&turns->watch, &team);
        if (thread > 0)
            continue;
        bool clean = turns->watch.undisturbed || turns->threads > turns->cpus;
        sums = strategy_sum_seconds(turns->strategy[i]) - sums;
        sample_add(&turns->times[i], seconds / turns->passes, clean);
        sample_add(&turns->sums[i], sums / turns->passes, clean);
    }
}

static bool strategy_turns_enough(const struct strategy_turns *turns)
{
    for (int i = 0; i < turns->count; i++)
        if (turns->times[i].clean < SAMPLE_LEAST)
            return false;
    return true;
}

/* Row 0 is the sequential one. Returns the number of rounds. */
static int strategy_turns_time(struct strategy_turns *turns,
                               const struct machine *machine, double seconds)
{
    int rounds = 0;
    turns->passes = turns->threads = 1;
    strategy_turns_run(turns, 0);
    double once = sample_take(&turns->times[0]).median;
    turns->times[0].clean = turns->times[0].disturbed = 0;
    turns->sums[0].clean = turns->sums[0].disturbed = 0;
    if (once < TURNS_SHORT_SECONDS)
        turns->passes = (int)(TURNS_SHORT_SECONDS / (once + 1e-8)) + 1;
    for (double begin = timer_now(); rounds < SAMPLE_MOST; rounds++) {
        double spent = timer_now() - begin;
        if (rounds >= SAMPLE_LEAST && spent > seconds &&
            (strategy_turns_enough(turns) || spent > TURNS_PATIENCE * seconds))
            break;
        for (int t = 0; t < machine->teams; t++) {
            turns->threads = machine->team[t].threads;
            team_run(turns->threads, strategy_turns_run, turns);
        }
    }
    return rounds;
}

static void strategy_turns_init(struct strategy_turns *turns,
                                const struct strategy_task *task, int subject,
                                const struct machine *machine)
{
    for (int t = 0; t < machine->teams; t++)
        for (int split = 0; split < SPLITS; split++) {
            int threads = machine->team[t].threads;
            if (!strategy_applies(task, split, threads))
                continue;
            turns->row[turns->count] = (struct strategy_row){.subject = subject,
                                                             .pass = task->pass,
                                                             .split = split,
                                                             .threads = threads};
            turns->strategy[turns->count++] = strategy_create(task, split, threads);
        }
}

/* Rows of one subject and pass; returns their number. */
static int strategy_measure_rows(const struct subjects *subjects, int subject,
                                 enum strategy_pass pass,
                                 const struct strategy_table_setup *setup, double seconds,
                                 struct strategy_row *rows)
{
    struct strategy_task task = subject_task(subjects, subject, pass, setup->batch);
    struct strategy_turns *turns = mem_aligned(1, sizeof *turns);
    turns->row = rows;
    strategy_turns_init(turns, &task, subject, setup->machine);
    turns->cpus = setup->machine->cpus;
    turns->times = mem_zeroed((size_t)turns->count, sizeof *turns->times);
    turns->sums = mem_zeroed((size_t)turns->count, sizeof *turns->sums);
    int rounds = strategy_turns_time(turns, setup->machine, seconds);
    int count = turns->count;
    for (int i = 0; i < count; i++) {
        rows[i].disturbed = (double)turns->times[i].disturbed / rounds;
        rows[i].time = sample_take(&turns->times[i]);
        rows[i].pieces = strategy_pieces(turns->strategy[i]);
        rows[i].sums = sample_take(&turns->sums[i]).median / rows[i].time.median;
        strategy_free(turns->strategy[i]);
    }
    free(turns->times);
    free(turns->sums);
    free(turns);
    return count;
}

static int strategy_count_measured(const struct strategy_table *table)
{
    int count = 0;
    for (int s = 0; s < table->subjects; s++)
        for (int pass = 0; pass < STRATEGY_PASSES; pass++)
            count += table->subject[s].measured[pass];
    return count;
}

enum status strategy_table_measure(const struct strategy_table_setup *setup,
                                   struct strategy_table *table)
{
    struct subjects *subjects = mem_zeroed(1, sizeof *subjects);
    enum status st;
    *table = (struct strategy_table){.batch = setup->batch};
    TRY_TO(out, subjects_init(subjects, setup, table));
    int passes = strategy_count_measured(table);
    table->row = mem_zeroed((size_t)passes * (size_t)setup->machine->teams * SPLITS,
                            sizeof *table->row);
    for (int s = 0; s < table->subjects; s++) {
        if (setup->progress)
            setup->progress(&table->subject[s]);
        for (int pass = 0; pass < STRATEGY_PASSES; pass++)
            if (table->subject[s].measured[pass])
                table->rows += strategy_measure_rows(subjects, s, pass, setup,
                                                     setup->seconds / passes,
                                                     table->row + table->rows);
    }
    strategy_table_judge(table, setup->machine);
out:
    subjects_release(subjects);
    free(subjects);
    return st;
}
