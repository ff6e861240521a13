/* plan: what is printed. */
#include <math.h>
#include <stdio.h>

#include "base/log.h"
#include "base/table.h"
#include "comm/comm.h"
#include "kernels/cpu.h"
#include "plan_run.h"

static const char *seconds_text(double seconds, char text[32])
{
    if (seconds < 1e-3)
        snprintf(text, 32, "%.1f us", seconds * 1e6);
    else if (seconds < 1)
        snprintf(text, 32, "%.2f ms", seconds * 1e3);
    else
        snprintf(text, 32, "%.1f s", seconds);
    return text;
}

void plan_print_measured(const struct plan_run *run, const struct scaling *s)
{
    char a[32], b[32], c[32];
    const struct workload_point *p = &s->point[0];
    log_out("%-10s %d rank%s x %d thread%s, %d CPUs a node, load average %.2f\n",
            "measured", s->measured, s->measured > 1 ? "s" : "", s->threads,
            s->threads > 1 ? "s" : "", s->cpus, s->load);
    log_out("%-10s %s: %zu parameters, batch %d, grains of %d, %zu images\n", "network",
            run->dataset->info.path, model_param_count(run->model), s->batch, s->grain,
            s->images);
    for (int i = 0; i < s->points; i++) {
        p = &s->point[i];
        log_out("%-10s %d rank%s of %d images each: %s a step, of which the update %s\n",
                i ? "" : "compute", p->ranks, p->ranks > 1 ? "s" : "", p->samples,
                seconds_text(p->seconds, a), seconds_text(p->update, b));
    }
    for (int i = 1; i < s->sums; i++)
        log_out("%-10s over %d ranks, %d pieces: %s (%s-%s)\n", i > 1 ? "" : "sum",
                s->sum[i].ranks, s->sum[i].sum.pieces,
                seconds_text(s->sum[i].sum.seconds, a),
                seconds_text(s->sum[i].sum.low, b), seconds_text(s->sum[i].sum.high, c));
    if (s->network.known)
        log_out("%-10s %s: %s one way, %.3g GB/s\n", "messages", s->network.text,
                seconds_text(s->network.latency, a), s->network.bandwidth * 1e-9);
    log_out("%-10s %.3g GB/s of all CPUs of a node\n\n", "memory",
            s->memory_bandwidth * 1e-9);
}

void plan_print_rows(const struct scaling *s, const struct scaling_row *rows, int count,
                     bool weak)
{
    struct table table;
    char head[96];
    if (weak)
        snprintf(head, sizeof head, "weak scaling, a batch of %d for each rank",
                 s->batch);
    else
        snprintf(head, sizeof head, "strong scaling, a batch of %d for all ranks",
                 s->batch);
    log_out("%s:\n", head);
    table_init(&table, ">ranks", ">nodes", ">batch", ">ms/step", ">not overlapped",
               ">compute", ">sum waited", ">images/s", ">% of ideal", ">s/epoch", NULL);
    for (int i = 0; i < count; i++) {
        const struct scaling_row *r = &rows[i];
        table_cellf(&table, "%d", r->ranks);
        table_cellf(&table, "%d", r->nodes);
        table_cellf(&table, "%lld", r->batch);
        table_cellf(&table, "%.3f", r->step * 1e3);
        table_cellf(&table, "%.3f", r->step_no_overlap * 1e3);
        table_cellf(&table, "%.3f", r->compute * 1e3);
        table_cellf(&table, "%.3f", r->exposed * 1e3);
        table_cellf(&table, "%.0f", r->images_per_second);
        table_cellf(&table, "%.1f", 100 * r->efficiency);
        table_cellf(&table, "%.3g", r->epoch);
    }
    table_print(&table);
    table_release(&table);
    log_out("\n");
}

void plan_print_findings(const struct scaling *s, const struct scaling_row *rows,
                         const struct scaling_row *weak, int count)
{
    (void)s;
    (void)weak;
    const struct scaling_row *best = &rows[0];
    for (int i = 0; i < count; i++)
        if (rows[i].step < best->step)
            best = &rows[i];
    log_out("A batch of %lld is fastest on %d ranks.\n", best->batch, best->ranks);
}
