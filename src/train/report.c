#include "train/report.h"

#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "comm/comm.h"
#include "train/metric.h"
#include "train_log.h"

#define REPORT_PAIRS 6 /* of classes, in the list of confusions */

/* The mean over the ranks, and the slowest rank. all: [rank][phase]. */
static void report_phase_table(const double *all, int size, bool stages, double wall)
{
    struct table table;
    table_init(&table, "<phase", ">seconds", ">%", ">slowest rank", ">its seconds", NULL);
    double total = 0;
    for (int p = 0; p < PHASE_COUNT; p++) {
        double sum = 0;
        int slowest = 0;
        if (p == PHASE_STAGE && !stages)
            continue;
        for (int r = 0; r < size; r++) {
            sum += all[r * PHASE_COUNT + p];
            if (all[r * PHASE_COUNT + p] > all[slowest * PHASE_COUNT + p])
                slowest = r;
        }
        total += sum / size;
        table_cellf(&table, "%s", phase_name[p]);
        table_cellf(&table, "%.2f", sum / size);
        table_cellf(&table, "%.1f", 100 * sum / size / wall);
        table_cellf(&table, "%d", slowest);
        table_cellf(&table, "%.2f", all[slowest * PHASE_COUNT + p]);
    }
    table_cellf(&table, "total");
    table_cellf(&table, "%.2f", total);
    table_cellf(&table, "%.1f", 100 * total / wall);
    table_cellf(&table, "%s", "");
    table_cellf(&table, "%s", "");
    log_out("\nwhere the time went (mean over ranks):\n");
    table_print(&table);
    table_release(&table);
}

/* Seconds in which thread 0 of a stage computed. */
static double report_busy(const double *phases)
{
    return phases[PHASE_LOAD] + phases[PHASE_FORWARD] + phases[PHASE_BACKWARD];
}

/* Means over the replicas. A stage waits because of bubbles (the pipeline fills and
   drains, messages travel), which even the busiest stage has, and because of imbalance:
   the others wait for the busiest one. all: [rank][phase]. */
static void report_stage_table(const struct stage *stage, const double *all, int size)
{
    const struct model_cut *cut = &stage->cut;
    double replicas = size / stage->count, most = 0, sum = 0, span = 0;
    struct table table;
    table_init(&table, "<stage", "<layers", ">busy s", ">idle s", ">idle %", NULL);
    for (int s = 0; s < stage->count; s++) {
        double working = 0, idle = 0;
        for (int r = s; r < size; r += stage->count) {
            working += report_busy(all + r * PHASE_COUNT) / replicas;
            idle += all[r * PHASE_COUNT + PHASE_STAGE] / replicas;
        }
        char *layers = cut_part_text(cut, stage->whole, s);
        table_cellf(&table, "%d", s);
        table_cellf(&table, "%s", layers);
        table_cellf(&table, "%.2f", working);
        table_cellf(&table, "%.2f", idle);
        table_cellf(&table, "%.1f", 100 * idle / (working + idle));
        free(layers);
        most = fmax(most, working);
        sum += working / stage->count;
        span += (working + idle) / stage->count;
    }
    log_out("\nstages of the pipeline (mean over replicas):\n");
    table_print(&table);
    table_release(&table);
    log_out("idle %.1f %% of the stages' time: %.1f %% bubbles, %.1f %% imbalance (the "
            "busiest stage works %.2f times the mean)\n",
            100 * (1 - sum / span), 100 * (1 - most / span), 100 * (most - sum) / span,
            most / sum);
}

static double report_longest(const double *all, int size, enum phase phase)
{
    double longest = 0;
    for (int r = 0; r < size; r++)
        longest = fmax(longest, all[r * PHASE_COUNT + phase]);
    return longest;
}

double report_phases(struct train_run *run, double wall)
{
    struct comm *comm = run->setup.comm;
    int size = comm_size(comm);
    struct phases *mine = &run->phases;
    double *all = mem_zeroed((size_t)size * PHASE_COUNT, sizeof *all);
    phases_close(mine, wall);
    comm_allgather(comm, mine->seconds, all, sizeof mine->seconds);
    report_phase_table(all, size, run->stage->count > 1, wall);
    bool steps = report_longest(all, size, PHASE_BACKWARD) > 0;
    if (run->stage->count > 1 && steps)
        report_stage_table(run->stage, all, size);
    double wait = report_longest(all, size, PHASE_LOAD_WAIT);
    free(all);
    return wait;
}

void report_confusions(char *const *class_name, const struct confusion *confusion)
{
    struct table table;
    if (confusion->pairs == 0)
        return;
    table_init(&table, "<is", "<taken for", ">times", ">of", NULL);
    for (int i = 0; i < confusion->pairs && i < REPORT_PAIRS; i++) {
        const struct confusion_pair *pair = &confusion->pair[i];
        table_cellf(&table, "%s", class_name[pair->label]);
        table_cellf(&table, "%s", class_name[pair->predicted]);
        table_cellf(&table, "%d", pair->count);
        table_cellf(&table, "%d", confusion->support[pair->label]);
    }
    log_out("\nconfusions that cost most:\n");
    table_print(&table);
    table_release(&table);
}

void report_result(const struct train_run *run, uint64_t state, double wall)
{
    const struct progress *progress = &run->progress;
    enum metric metric = (enum metric)run->setup.options->train.metric;
    char text[17], *best = metric_text(metric, progress->best_score);
    hash_text(state, text);
    log_out("\n%s step %llu of %llu epoch %.2f in %.1f s",
            progress->step < run->total_steps ? "stopped" : "finished",
            (unsigned long long)progress->step, (unsigned long long)run->total_steps,
            progress->epoch, wall);
    if (progress->evaluated_step > 0)
        log_out(" best %s (step %llu)", best, (unsigned long long)progress->best_step);
    log_out(" state=%s\n", text);
    free(best);
}
