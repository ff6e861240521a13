/* report: the page of several runs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "html.h"
#include "report_pages.h"
#include "report_plots.h"
#include "train/metric.h"

#define COMPARE_CURVES 6 /* runs with a colour of their own */

static const enum svg_series compare_series[COMPARE_CURVES] = {
    SVG_FIRST, SVG_SECOND, SVG_THIRD, SVG_FOURTH, SVG_FIFTH, SVG_SIXTH};

static void compare_results(FILE *out, const struct report_run *run, int runs)
{
    html_heading(out, "Results");
    html_table_begin(out, "run", "best score", "at step", "of", "last loss",
                     "last accuracy %", "images/s", "ended", "state=", NULL);
    for (int r = 0; r < runs; r++) {
        const struct checkpoint_info *info = &run[r].network.info;
        const struct metrics *metrics = &run[r].metrics;
        enum metric metric = (enum metric)run[r].network.config.run.train.metric;
        char state[17], *best = metric_text(metric, info->progress.best_score);
        hash_text(info->state, state);
        html_row(out);
        html_cell(out, run[r].path);
        html_cell(out, info->progress.best_step > 0 ? best : "-");
        html_cellf(out, "%llu", (unsigned long long)info->progress.best_step);
        html_cellf(out, "%llu",
                   metrics->trains > 0
                       ? (unsigned long long)metrics->train[metrics->trains - 1].step
                       : 0ULL);
        if (metrics->evals > 0) {
            const struct metrics_eval *last = &metrics->eval[metrics->evals - 1];
            html_cellf(out, "%.4f", last->loss);
            html_cellf(out, "%.2f", 100 * last->accuracy);
        } else {
            html_cell(out, "-");
            html_cell(out, "-");
        }
        html_cellf(out, "%.0f",
                   metrics->trains > 0
                       ? metrics->train[metrics->trains - 1].images_per_second
                       : 0);
        html_cell(out, report_run_state(&run[r], NULL));
        html_cell(out, state);
        fputc('\n', out);
        free(best);
    }
    html_table_end(out);
}

static void compare_put_key(FILE *out, const struct report_run *run, int runs,
                            const char *name, int key)
{
    html_row(out);
    html_cell(out, name);
    for (int r = 0; r < runs; r++) {
        char *value = report_run_key(&run[r], key);
        html_cell(out, value);
        free(value);
    }
    fputc('\n', out);
}

/* All keys of the config's table whose values differ, in its order. */
static void compare_configs(FILE *out, const struct report_run *run, int runs)
{
    struct config_key_help key;
    bool any = false;
    html_heading(out, "Differences of the configs");
    fputs("<div class=\"scroll\"><table><thead><tr><th>key", out);
    for (int r = 0; r < runs; r++) {
        fputs("<th>", out);
        html_text(out, run[r].path);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
    for (int i = 0; config_describe_key(i, &key); i++)
        if (report_runs_differ(run, runs, i)) {
            char *name = mem_format("%s.%s", key.section, key.name);
            compare_put_key(out, run, runs, name, i);
            free(name);
            any = true;
        }
    if (report_runs_differ(run, runs, REPORT_GROUPS)) {
        compare_put_key(out, run, runs, "groups", REPORT_GROUPS);
        any = true;
    }
    html_table_end(out);
    if (!any)
        fputs("<p class=\"faint\">There are none, but perhaps in the network.</p>\n",
              out);
}

enum compare_kind {
    COMPARE_LOSS,
    COMPARE_EVAL_LOSS,
    COMPARE_EVAL_ACCURACY,
    COMPARE_RATE
};

static void compare_plot(FILE *out, const char *title,
                         const struct report_history *history, int runs,
                         enum compare_kind kind)
{
    struct report_curve curve[COMPARE_CURVES];
    for (int r = 0; r < runs; r++) {
        const struct report_history *h = &history[r];
        bool eval = kind == COMPARE_EVAL_LOSS || kind == COMPARE_EVAL_ACCURACY;
        const double *const y[] = {h->loss, h->eval_loss, h->eval_accuracy, h->lr};
        curve[r] =
            (struct report_curve){"", compare_series[r], eval ? h->eval_step : h->step,
                                  y[kind], eval ? h->evals : h->trains};
    }
    report_plot(out, title, curve, runs);
}

static void compare_curves(FILE *out, const struct report_run *run, int runs)
{
    struct report_history history[COMPARE_CURVES];
    int shown = runs < COMPARE_CURVES ? runs : COMPARE_CURVES;
    for (int r = 0; r < shown; r++)
        report_history_init(&history[r], &run[r].metrics);
    html_heading(out, "Curves");
    if (shown < runs)
        fprintf(out, "<p class=\"faint\">Of the first %d runs.</p>\n", shown);
    fputs("<p class=\"keys\">", out);
    for (int r = 0; r < shown; r++) {
        fprintf(out,
                "<span><svg width=\"20\" height=\"10\"><path class=\"line a%d\" "
                "d=\"M1 6L19 6\"/></svg> ",
                (int)compare_series[r]);
        html_text(out, run[r].path);
        fputs("</span> ", out);
    }
    fputs("</p>\n<div class=\"plots\">\n", out);
    compare_plot(out, "accuracy of evaluations, %", history, shown,
                 COMPARE_EVAL_ACCURACY);
    compare_plot(out, "loss of evaluations", history, shown, COMPARE_EVAL_LOSS);
    compare_plot(out, "training loss", history, shown, COMPARE_LOSS);
    compare_plot(out, "learning rate", history, shown, COMPARE_RATE);
    fputs("</div>\n", out);
    for (int r = 0; r < shown; r++)
        report_history_release(&history[r]);
}

void report_page_compared(FILE *out, const struct report_run *run, int runs)
{
    html_begin(out, "lockstep: runs compared");
    fprintf(out, "<h1>%d runs</h1>\n", runs);
    compare_results(out, run, runs);
    compare_curves(out, run, runs);
    compare_configs(out, run, runs);
    html_end(out);
}
