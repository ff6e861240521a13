/* lab: the tables of the machine and of the strategies. */
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/table.h"
#include "cmd_lab.h"
#include "kernels/cpu.h"

static void lab_time_cell(struct table *table, double seconds)
{
    double us = seconds * 1e6;
    table_cellf(table, us < 10 ? "%.2f" : us < 100 ? "%.1f" : "%.0f", us);
}

void lab_print_machine(const struct machine *machine)
{
    struct table table;
    const char *policy = getenv("OMP_WAIT_POLICY");
    log_out("%s, %d usable CPU%s (%s), %s kernels, %s\n", cpu_model(), machine->cpus,
            machine->cpus > 1 ? "s" : "", cpu_allowed_list(), cpu_isa_name(cpu_isa()),
            cpu_blas());
    log_out("peak of one core: %.1f GFLOP/s; caches:", machine->peak * 1e-9);
    for (int level = 0; level < MACHINE_MEMORY; level++)
        log_out(" %s %zu KiB", machine_level_name(level), machine->cache[level] / 1024);
    log_out("; OMP_WAIT_POLICY %s\n\n", policy ? policy : "not set: spin, then sleep");
    log_out("cost of threads in us, and their bandwidth in GB/s (triad):\n");
    table_init(&table, ">threads", ">region", ">woken", ">barrier", ">L1", ">L2", ">L3",
               ">memory", "<", NULL);
    for (int i = 0; i < machine->teams; i++) {
        const struct machine_team *team = &machine->team[i];
        table_cellf(&table, "%d", team->threads);
        lab_time_cell(&table, team->region.median);
        lab_time_cell(&table, team->wake.median);
        lab_time_cell(&table, team->barrier.median);
        for (int level = 0; level < MACHINE_LEVELS; level++)
            table_cellf(&table, "%.0f", team->bandwidth[level] * 1e-9);
        bool doubtful = team->region.doubtful || team->barrier.doubtful;
        table_cellf(&table, "%s",
                    team->threads > machine->cpus ? "oversubscribed"
                    : doubtful                    ? "disturbed by other work"
                                                  : "");
    }
    table_print(&table);
    table_release(&table);
    log_out("region: an OpenMP region started right after another; woken: after 10 ms of "
            "rest\n");
}

/* --- speed-ups, layer by layer --- */

static const enum split lab_columns[] = {SPLIT_BATCH,  SPLIT_CHANNEL, SPLIT_SPATIAL,
                                         SPLIT_FILTER, SPLIT_HYBRID,  SPLIT_FEATURE,
                                         SPLIT_ELEMENT};
#define LAB_COLUMNS (int)(sizeof lab_columns / sizeof *lab_columns)

static void lab_shape_cell(struct table *table, struct shape shape)
{
    if (shape.h * shape.w == 1)
        table_cellf(table, "%d", shape.c);
    else
        table_cellf(table, "%dx%dx%d", shape.h, shape.w, shape.c);
}

static void lab_speedup_row(struct table *cells, const struct strategy_table *table,
                            int subject, enum strategy_pass pass, int threads)
{
    const struct strategy_subject *info = &table->subject[subject];
    const struct strategy_row *alone =
        strategy_table_find(table, subject, pass, SPLIT_SEQUENTIAL, 1);
    const struct strategy_row *best = strategy_table_best(table, subject, pass, threads);
    bool doubtful = best->time.doubtful;
    table_cellf(cells, "%s", pass == STRATEGY_FORWARD ? info->name : "");
    if (pass == STRATEGY_FORWARD)
        lab_shape_cell(cells, info->out);
    else
        table_cellf(cells, "%s", "");
    table_cellf(cells, "%s", strategy_pass_name(pass));
    lab_time_cell(cells, alone->time.median);
    for (int c = 0; c < LAB_COLUMNS; c++) {
        const struct strategy_row *row =
            strategy_table_find(table, subject, pass, lab_columns[c], threads);
        doubtful = doubtful || (row && row->time.doubtful);
        if (row)
            table_cellf(cells, "%.2f%s", row->speedup,
                        row->time.doubtful ? "?"
                        : row == best      ? "*"
                                           : " ");
        else
            table_cellf(cells, "- ");
    }
    table_cellf(cells, "%s%s", split_name(best->split), doubtful ? "?" : "");
}

void lab_print_speedups(const struct strategy_table *table, const struct machine *machine,
                        int threads)
{
    struct table cells;
    log_out("\n%d threads%s, a batch of %d images: speed-up over one thread, from input "
            "to log-softmax (*: the best; ?: disturbed by other work)\n",
            threads, threads > machine->cpus ? " (oversubscribed)" : "", table->batch);
    table_init(&cells, "<layer", "<output", "<pass", ">alone us", ">batch ", ">channel ",
               ">spatial ", ">filter ", ">hybrid ", ">feature ", ">element ", "<best",
               NULL);
    for (int s = 0; s < table->subjects; s++)
        for (int pass = 0; pass < STRATEGY_PASSES; pass++)
            if (table->subject[s].measured[pass])
                lab_speedup_row(&cells, table, s, pass, threads);
    table_print(&cells);
    table_release(&cells);
}

/* --- every strategy --- */

static void lab_print_pass(const struct strategy_table *table, int subject,
                           enum strategy_pass pass)
{
    const struct strategy_subject *info = &table->subject[subject];
    struct table cells;
    double bytes = info->bytes[pass], flops = info->flops[pass];
    log_out("\n%s %s: %.3g MFLOP, %s in %s, %.2f FLOP/byte\n", info->name,
            strategy_pass_name(pass), flops * 1e-6, bytes_text(bytes).text,
            machine_level_name(info->level[pass]), flops / bytes);
    table_init(&cells, ">threads", "<strategy", ">us", ">95 %", ">speed-up", ">eff %",
               ">% peak", ">% band", "<", "<verdict", NULL);
    for (int i = 0; i < table->rows; i++) {
        const struct strategy_row *row = &table->row[i];
        if (row->subject != subject || row->pass != pass)
            continue;
        table_cellf(&cells, "%d", row->threads);
        table_cellf(&cells, "%s", split_name(row->split));
        lab_time_cell(&cells, row->time.median);
        double us = row->time.median * 1e6;
        table_cellf(&cells,
                    us < 10    ? "%.2f-%.2f"
                    : us < 100 ? "%.1f-%.1f"
                               : "%.0f-%.0f",
                    row->time.low * 1e6, row->time.high * 1e6);
        table_cellf(&cells, "%.2f", row->speedup);
        table_cellf(&cells, "%.0f", 100 * row->efficiency);
        table_cellf(&cells, "%.0f", 100 * row->flop_share);
        table_cellf(&cells, "%.0f", 100 * row->band_share);
        table_cellf(&cells, "%s", row->best ? "*" : "");
        table_cellf(&cells, "%s", row->verdict);
    }
    table_print(&cells);
    table_release(&cells);
}

void lab_print_rows(const struct strategy_table *table)
{
    log_out("\nevery strategy; *: the best for its number of threads; %% band: of the "
            "triad's bandwidth in the level that holds the data\n");
    for (int s = 0; s < table->subjects; s++)
        for (int pass = 0; pass < STRATEGY_PASSES; pass++)
            if (table->subject[s].measured[pass])
                lab_print_pass(table, s, pass);
}
