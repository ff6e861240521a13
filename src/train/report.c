/* report: what the log says while a run goes on and at its end. */
#include "train/report.h"

#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "trainer_impl.h"

#define PAIRS 6 /* of classes, in the list of confusions */

void report_table_head(void)
{
    log_out("%10s %8s %9s %8s %10s %9s %9s %7s %8s\n", "step", "epoch", "loss", "acc %",
            "lr", "ms/step", "images/s", "comm %", "hidden %");
}

void report_interval(const struct trainer *trainer, const struct metrics_train *entry)
{
    const struct interval *interval = &trainer->interval;
    double hidden = interval->spanned > 0 ? 1 - interval->waited / interval->spanned : 0;
    hidden = fmax(hidden, 0); /* clocks of two calls: a hair below is nothing */
    log_out("%10llu %8.2f %9.4f %8.2f %10.6f %9.2f %9.0f %7.1f %8.1f\n",
            (unsigned long long)entry->step, trainer->progress.epoch, entry->loss,
            100 * entry->accuracy, entry->lr,
            1e3 * interval->seconds / (double)interval->steps, entry->images_per_second,
            100 * interval->reduce / interval->seconds, 100 * hidden);
}

static void state_text(const struct trainer *trainer, char text[17])
{
    hash_text(trainer_state(trainer), text);
}

void report_evaluation(const struct trainer *trainer, const struct evaluation *evaluation)
{
    char state[17];
    state_text(trainer, state);
    log_out("eval step %llu epoch %.2f loss %.4f accuracy %.2f %% (%llu of %llu) "
            "state=%s\n",
            (unsigned long long)trainer->progress.step, trainer->progress.epoch,
            isnan(evaluation->loss) ? fabs(evaluation->loss) : evaluation->loss,
            100 * (double)evaluation->correct / (double)evaluation->count,
            (unsigned long long)evaluation->correct,
            (unsigned long long)evaluation->count, state);
}

/* Mean over the ranks, and who took longest. all: [rank][phase]. */
static void print_phases(const double *all, int size, bool stages, double wall)
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

/* What a stage's thread 0 did in steps. */
static double busy(const double *phases)
{
    return phases[PHASE_LOAD] + phases[PHASE_FORWARD] + phases[PHASE_BACKWARD];
}

/* Means over the replicas. The stages' time in a step is that of the busiest one and what
   even that one waits: the bubbles, while the pipeline fills and drains and messages are
   on their way. The others wait for it besides. */
static void print_stages(const struct trainer *trainer, const double *all, int size)
{
    const struct stage *stage = trainer->stage;
    const struct model_cut *cut = &stage->cut;
    double replicas = size / stage->count, most = 0, sum = 0, span = 0;
    struct table table;
    table_init(&table, "<stage", "<layers", ">busy s", ">idle s", ">idle %", NULL);
    for (int s = 0; s < stage->count; s++) {
        double working = 0, idle = 0;
        for (int r = s; r < size; r += stage->count) {
            working += busy(all + r * PHASE_COUNT) / replicas;
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

struct pair {
    int is, as;
    uint64_t count, of;
};

static int by_count(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return x->is != y->is ? x->is - y->is : x->as - y->as;
}

void report_confusions(char *const *class_name, int classes, const uint64_t *confusion)
{
    struct pair *pair = mem_zeroed((size_t)classes * (size_t)classes, sizeof *pair);
    int pairs = 0;
    for (int i = 0; i < classes; i++) {
        uint64_t of = 0;
        for (int j = 0; j < classes; j++)
            of += confusion[i * classes + j];
        for (int j = 0; j < classes; j++)
            if (i != j && confusion[i * classes + j] > 0)
                pair[pairs++] = (struct pair){i, j, confusion[i * classes + j], of};
    }
    qsort(pair, (size_t)pairs, sizeof *pair, by_count);
    struct table table;
    table_init(&table, "<is", "<taken for", ">times", ">of", NULL);
    for (int i = 0; i < pairs && i < PAIRS; i++) {
        table_cellf(&table, "%s", class_name[pair[i].is]);
        table_cellf(&table, "%s", class_name[pair[i].as]);
        table_cellf(&table, "%llu", (unsigned long long)pair[i].count);
        table_cellf(&table, "%llu", (unsigned long long)pair[i].of);
    }
    if (pairs > 0) {
        log_out("\nconfusions that cost most:\n");
        table_print(&table);
    }
    table_release(&table);
    free(pair);
}

void report_end(struct trainer *trainer, double wall)
{
    struct comm *comm = trainer->setup.comm;
    const struct progress *progress = &trainer->progress;
    int size = comm_size(comm);
    comm_max_f64(comm, &wall, 1); /* one wall for all: what is over is the rank's rest */
    phases_close(&trainer->phases, wall);
    double *all = mem_zeroed((size_t)size * PHASE_COUNT, sizeof *all);
    comm_allgather(comm, trainer->phases.seconds, all, sizeof trainer->phases.seconds);
    print_phases(all, size, trainer->stage->count > 1, wall);
    if (trainer->stage->count > 1 && trainer->slowest_step > 0) /* there was a step */
        print_stages(trainer, all, size);
    double slowest_wait = 0;
    for (int r = 0; r < size; r++)
        slowest_wait = fmax(slowest_wait, all[r * PHASE_COUNT + PHASE_LOAD_WAIT]);
    trainer_input_foot(trainer, slowest_wait, wall);
    free(all);
    const struct dataset_info *data = &trainer->setup.dataset->info;
    if (trainer->confusion)
        report_confusions(data->class_name, data->classes, trainer->confusion);
    char state[17];
    state_text(trainer, state);
    log_out("\n%s step %llu of %llu epoch %.2f in %.1f s",
            progress->step < trainer->total_steps ? "stopped" : "finished",
            (unsigned long long)progress->step, (unsigned long long)trainer->total_steps,
            progress->epoch, wall);
    if (progress->evaluated_step > 0)
        log_out(" best accuracy %.2f %% (step %llu)", 100 * progress->best_accuracy,
                (unsigned long long)progress->best_step);
    log_out(" state=%s\n", state);
}
