#include "lab/measure.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/timer.h"
#include "lab/stopwatch.h"
#include "subject.h"

#define TOO_FEW  2e-5 /* seconds: passes shorter than that are timed several at once */
#define PATIENCE 3    /* times its share of the seconds a pass takes at most */

/* The strategies of one subject and pass, that take turns. */
struct turns {
    int count, passes; /* strategies; passes that are timed together */
    int cpus, threads; /* of the machine; whose turn it is */
    struct strategy *strategy[MACHINE_TEAMS * SPLITS];
    struct measure_row *row;
    struct sample_values *times, *sums; /* [strategy] */
    struct stopwatch watch;
    struct team_shared shared;
};

static void take_turns(void *context, int thread)
{
    struct turns *turns = context;
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
        bool clean = turns->watch.alone || turns->threads > turns->cpus;
        sums = strategy_sum_seconds(turns->strategy[i]) - sums;
        sample_add(&turns->times[i], seconds / turns->passes, clean);
        sample_add(&turns->sums[i], sums / turns->passes, clean);
    }
}

static bool enough(const struct turns *turns)
{
    for (int i = 0; i < turns->count; i++)
        if (turns->times[i].clean < SAMPLE_LEAST)
            return false;
    return true;
}

/* Row 0 is sequential. Returns the rounds. */
static int time_turns(struct turns *turns, const struct machine *machine, double seconds)
{
    int rounds = 0;
    turns->passes = turns->threads = 1;
    take_turns(turns, 0);
    double once = sample_take(&turns->times[0]).median;
    turns->times[0].clean = turns->times[0].disturbed = 0;
    turns->sums[0].clean = turns->sums[0].disturbed = 0;
    if (once < TOO_FEW)
        turns->passes = (int)(TOO_FEW / (once + 1e-8)) + 1;
    for (double begin = timer_now(); rounds < SAMPLE_MOST; rounds++) {
        double spent = timer_now() - begin;
        if (rounds >= SAMPLE_LEAST && spent > seconds &&
            (enough(turns) || spent > PATIENCE * seconds))
            break;
        for (int t = 0; t < machine->teams; t++) {
            turns->threads = machine->team[t].threads;
            team_run(turns->threads, take_turns, turns);
        }
    }
    return rounds;
}

static void add_rows(struct turns *turns, const struct strategy_task *task, int subject,
                     const struct machine *machine)
{
    for (int t = 0; t < machine->teams; t++)
        for (int split = 0; split < SPLITS; split++) {
            int threads = machine->team[t].threads;
            if (!strategy_applies(task, split, threads))
                continue;
            turns->row[turns->count] = (struct measure_row){.subject = subject,
                                                            .pass = task->pass,
                                                            .split = split,
                                                            .threads = threads};
            turns->strategy[turns->count++] = strategy_create(task, split, threads);
        }
}

/* Rows of one subject and pass; returns their number. */
static int measure_pass(const struct subjects *subjects, int subject,
                        enum strategy_pass pass, const struct measure_request *request,
                        double seconds, struct measure_row *rows)
{
    struct strategy_task task = subject_task(subjects, subject, pass, request->batch);
    struct turns *turns = mem_aligned(1, sizeof *turns);
    turns->row = rows;
    add_rows(turns, &task, subject, request->machine);
    turns->cpus = request->machine->cpus;
    turns->times = mem_zeroed((size_t)turns->count, sizeof *turns->times);
    turns->sums = mem_zeroed((size_t)turns->count, sizeof *turns->sums);
    int rounds = time_turns(turns, request->machine, seconds);
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

static int count_passes(const struct measure_table *table)
{
    int count = 0;
    for (int s = 0; s < table->subjects; s++)
        for (int pass = 0; pass < STRATEGY_PASSES; pass++)
            count += table->subject[s].measured[pass];
    return count;
}

enum status measure_layers(const struct measure_request *request,
                           struct measure_table *table)
{
    struct subjects *subjects = mem_zeroed(1, sizeof *subjects);
    enum status st;
    *table = (struct measure_table){.batch = request->batch};
    st = subjects_init(subjects, request);
    table->subject = subjects->told;
    if (st != ST_OK)
        goto out;
    table->subjects = subjects->count;
    int passes = count_passes(table);
    table->row = mem_zeroed((size_t)passes * (size_t)request->machine->teams * SPLITS,
                            sizeof *table->row);
    for (int s = 0; s < table->subjects; s++) {
        if (request->progress)
            request->progress(&table->subject[s]);
        for (int pass = 0; pass < STRATEGY_PASSES; pass++)
            if (table->subject[s].measured[pass])
                table->rows +=
                    measure_pass(subjects, s, pass, request, request->seconds / passes,
                                 table->row + table->rows);
    }
    measure_judge(table, request->machine);
out:
    if (st != ST_OK)
        measure_release(table);
    subjects_release(subjects);
    free(subjects);
    return st;
}

void measure_release(struct measure_table *table)
{
    free(table->subject);
    free(table->row);
    *table = (struct measure_table){0};
}

const struct measure_row *measure_find(const struct measure_table *table, int subject,
                                       enum strategy_pass pass, enum split split,
                                       int threads)
{
    for (int i = 0; i < table->rows; i++) {
        const struct measure_row *row = &table->row[i];
        if (row->subject == subject && row->pass == pass && row->split == split &&
            row->threads == threads)
            return row;
    }
    return NULL;
}

const struct measure_row *measure_best(const struct measure_table *table, int subject,
                                       enum strategy_pass pass, int threads)
{
    const struct measure_row *best =
        measure_find(table, subject, pass, SPLIT_SEQUENTIAL, 1);
    for (int i = 0; i < table->rows; i++) {
        const struct measure_row *row = &table->row[i];
        if (row->subject == subject && row->pass == pass && row->threads == threads &&
            row->time.median < best->time.median)
            best = row;
    }
    return best;
}
