/* plan: tables of the measurements and of the predictions. */
#include <stdio.h>

#include "base/log.h"
#include "base/table.h"
#include "plan_print.h"

static const char *plan_seconds_text(double seconds, char text[32])
{
    if (seconds < 1e-3)
        snprintf(text, 32, "%.1f us", seconds * 1e6);
    else if (seconds < 1)
        snprintf(text, 32, "%.2f ms", seconds * 1e3);
    else
        snprintf(text, 32, "%.1f s", seconds);
    return text;
}

static void plan_print_points(const struct scaling *s)
{
    struct table table;
    log_out("steps without the sum over ranks%s:\n",
            s->measured == 1 ? " (several ranks: their threads in one rank)" : "");
    table_init(&table, ">ranks at once", ">images each", ">ms/step", ">slowest visit",
               ">backward", ">update", NULL);
    for (int i = 0; i < s->points; i++) {
        const struct workload_point *p = &s->point[i];
        table_cellf(&table, "%d", p->ranks);
        table_cellf(&table, "%d", p->samples);
        table_cellf(&table, "%.3f", p->seconds * 1e3);
        table_cellf(&table, "%.3f", p->high * 1e3);
        table_cellf(&table, "%.3f", p->backward * 1e3);
        table_cellf(&table, "%.3f", p->update * 1e3);
    }
    table_print(&table);
    table_release(&table);
}

void plan_print_header(const struct scaling *s)
{
    char a[32];
    log_out("%-10s %d rank%s x %d thread%s, %d per node of %d CPU%s; load average %.2f\n",
            "parallel", s->measured, s->measured > 1 ? "s" : "", s->threads,
            s->threads > 1 ? "s" : "", s->per_node, s->cpus, s->cpus > 1 ? "s" : "",
            s->load);
    if (*s->cpu)
        log_out("%-10s %s\n", "cpu", s->cpu);
    if (s->params)
        log_out("%-10s %zu parameters; %zu images, batch %d, grain %d\n", "training",
                s->params, s->images, s->batch, s->grain);
    log_out("%-10s %.3g GB/s of a node\n", "memory", s->memory_bandwidth * 1e-9);
    if (s->network.known)
        log_out("%-10s %s: %s one way, %.1f MB/s\n", "network", s->network.text,
                plan_seconds_text(s->network.link.latency, a),
                s->network.link.bandwidth * 1e-6);
}

void plan_print_measured(const struct scaling *s)
{
    char a[32], b[32], c[32];
    for (int i = 0; i < s->sums; i++)
        if (s->sum[i].ranks > 1)
            log_out("%-10s over %d ranks, in %d pieces: %s (%s to %s)\n", "sum",
                    s->sum[i].ranks, s->sum[i].sum.pieces,
                    plan_seconds_text(s->sum[i].sum.seconds, a),
                    plan_seconds_text(s->sum[i].sum.low, b),
                    plan_seconds_text(s->sum[i].sum.high, c));
    log_out("\n");
    plan_print_points(s);
    log_out("\n");
}

static void plan_print_rows(const struct scaling *s, const struct scaling_row *rows,
                            int count, bool weak)
{
    struct table table;
    log_out("%s scaling, a batch of %d %s:\n", weak ? "weak" : "strong", s->batch,
            weak ? "for each rank" : "for all ranks");
    table_init(&table, ">ranks", ">nodes", ">batch", ">ms/step", ">no overlap",
               ">compute", ">sum", ">waited", ">images/s", ">% of ideal", ">s/epoch",
               NULL);
    for (int i = 0; i < count; i++) {
        const struct scaling_row *r = &rows[i];
        table_cellf(&table, "%d", r->ranks);
        table_cellf(&table, "%d", r->nodes);
        table_cellf(&table, "%lld", r->batch);
        table_cellf(&table, "%.2f", r->step * 1e3);
        table_cellf(&table, "%.2f", r->step_no_overlap * 1e3);
        table_cellf(&table, "%.2f", r->compute * 1e3);
        table_cellf(&table, "%.2f", r->reduce * 1e3);
        table_cellf(&table, "%.2f", r->exposed * 1e3);
        table_cellf(&table, "%.0f", r->images_per_second);
        table_cellf(&table, "%.1f", 100 * r->efficiency);
        table_cellf(&table, "%.3g", r->epoch);
    }
    table_print(&table);
    table_release(&table);
    log_out("\n");
}

void plan_print_tables(const struct scaling *s, const struct scaling_row *strong,
                       const struct scaling_row *weak, int count)
{
    plan_print_rows(s, strong, count, false);
    plan_print_rows(s, weak, count, true);
    log_out(
        "sum: that of the gradient over ranks, by itself; waited: the part of it that "
        "ends after\nbackward; no overlap: the step with the whole sum; %% of ideal: "
        "images/s relative to as many\ntimes one rank's.\n");
}
