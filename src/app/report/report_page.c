/* report: the page of one run. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "html.h"
#include "report_pages.h"
#include "report_plots.h"
#include "train/metric.h"

static void page_card(FILE *out, const char *name, const char *value)
{
    fputs("<div class=\"card\"><b>", out);
    html_text(out, value);
    fputs("</b><span class=\"faint\">", out);
    html_text(out, name);
    fputs("</span></div>\n", out);
}

static void page_cardf(FILE *out, const char *name, const char *fmt, double value)
{
    char text[64];
    snprintf(text, sizeof text, fmt, value);
    page_card(out, name, text);
}

static void page_cards(FILE *out, const struct report_run *run)
{
    const struct metrics *metrics = &run->metrics;
    const struct checkpoint_info *info = &run->network.info;
    enum metric metric = (enum metric)run->network.config.run.train.metric;
    char state[17];
    hash_text(info->state, state);
    fputs("<div class=\"cards\">\n", out);
    page_card(out, "the run has", report_run_state(run, NULL));
    if (info->progress.best_step > 0) {
        char *name = mem_format("best %s", metric_name(metric));
        double best = info->progress.best_score;
        page_cardf(out, name, metric == METRIC_LOSS ? "%.4f" : "%.2f %%",
                   metric == METRIC_LOSS ? fabs(best) : 100 * best);
        page_cardf(out, "at step", "%.0f", (double)info->progress.best_step);
        free(name);
    }
    if (metrics->trains > 0) {
        const struct metrics_train *last = &metrics->train[metrics->trains - 1];
        page_cardf(out, "last step in the log", "%.0f", (double)last->step);
        page_cardf(out, "images a second", "%.0f", last->images_per_second);
    }
    page_cardf(out, "parameters", "%.0f", (double)model_param_count(&run->network.model));
    page_card(out, "state of the checkpoint", state);
    fputs("</div>\n", out);
}

/* The lines "word   text" of the log's head. */
static void page_facts(FILE *out, const struct report_run *run)
{
    const char *line = report_run_facts(run);
    if (!line)
        return;
    html_heading(out, "What was trained");
    fputs("<table class=\"facts\"><tbody>\n", out);
    while (*line && *line != '\n') {
        int length = (int)strcspn(line, "\n"), word = (int)strcspn(line, " \n");
        int blanks = (int)strspn(line + word, " ");
        html_row(out);
        html_cellf(out, "%.*s", word, line);
        html_cellf(out, "%.*s", length - word - blanks > 0 ? length - word - blanks : 0,
                   line + word + blanks);
        fputc('\n', out);
        line += length + (line[length] == '\n');
    }
    fputs("</tbody></table>\n", out);
}

static void page_curves(FILE *out, const struct report_run *run)
{
    struct report_history h;
    report_history_init(&h, &run->metrics);
    const struct report_curve loss[] = {
        {"training", SVG_FIRST, h.step, h.loss, h.trains},
        {"evaluation", SVG_SECOND, h.eval_step, h.eval_loss, h.evals}};
    const struct report_curve accuracy[] = {
        {"training", SVG_FIRST, h.step, h.accuracy, h.trains},
        {"evaluation", SVG_SECOND, h.eval_step, h.eval_accuracy, h.evals}};
    const struct report_curve rate = {"", SVG_FIRST, h.step, h.lr, h.trains};
    const struct report_curve norm = {"", SVG_FIRST, h.step, h.grad_norm, h.trains};
    const struct report_curve speed = {"", SVG_FIRST, h.step, h.speed, h.trains};
    html_heading(out, "Curves");
    fputs("<div class=\"plots\">\n", out);
    report_plot(out, "loss", loss, 2);
    report_plot(out, "accuracy, %", accuracy, 2);
    report_plot(out, "learning rate", &rate, 1);
    report_plot(out, "norm of the gradient", &norm, 1);
    report_plot(out, "images a second", &speed, 1);
    fputs("</div>\n", out);
    if (h.trains < 2 && h.evals < 2)
        fputs("<p class=\"faint\">The log has too few lines for curves so far.</p>\n",
              out);
    report_history_release(&h);
}

static void page_share(FILE *out, double share)
{
    if (isnan(share))
        html_cell(out, "-");
    else
        html_cellf(out, "%.2f", 100 * share);
}

static void page_classes(FILE *out, const struct report_run *run,
                         const struct evaluation *result)
{
    const struct confusion *counts = &result->confusion;
    html_heading(out, "Classes");
    html_table_begin(out, "class", "images", "answers", "precision %", "recall %", "F1 %",
                     result->average_precision ? "average precision %" : NULL, NULL);
    for (int c = 0; c < counts->classes; c++) {
        html_row(out);
        html_cell(out, run->network.info.class_name[c]);
        html_cellf(out, "%d", counts->support[c]);
        html_cellf(out, "%d", counts->predicted[c]);
        page_share(out, metric_precision(counts, c));
        page_share(out, metric_recall(counts, c));
        page_share(out, metric_f1(counts, c));
        if (result->average_precision)
            page_share(out, result->average_precision[c]);
        fputc('\n', out);
    }
    html_table_end(out);
}

static void page_confusions(FILE *out, const struct report_run *run,
                            const struct confusion *confusion)
{
    if (!confusion->matrix || confusion->pairs == 0)
        return;
    html_heading(out, "Confusions");
    fputs(
        "<p class=\"faint\">Rows are labels, columns answers; the fuller, the larger the "
        "share of the row's images.</p>\n<div class=\"scroll\">\n",
        out);
    report_heat_map(out, run->network.info.class_name, confusion);
    fputs("</div>\n", out);
}

static void page_measures(FILE *out, const struct eval_session *session)
{
    const struct evaluation *result = &session->result;
    double accuracy = (double)result->correct / (double)result->count;
    fputs("<p>", out);
    html_textf(out, "The best weights on the %llu %s images of %s: accuracy %.2f %%",
               (unsigned long long)result->count, dataset_split_name[session->split],
               session->data, 100 * accuracy);
    if (session->answer) {
        const struct answers_interval interval =
            answers_interval(result->correct, result->count);
        html_textf(
            out,
            " (95 %% interval %.2f to %.2f %%), balanced accuracy %.2f %%, macro F1 "
            "%.2f %%, expected calibration error %.2f %%",
            100 * interval.low, 100 * interval.high,
            100 * metric_value(METRIC_BALANCED_ACCURACY, result),
            100 * metric_value(METRIC_MACRO_F1, result),
            100 * answers_calibration_error(session->answer, result->count));
    } else {
        html_textf(out, ", average precision %.2f %%, macro F1 %.2f %%",
                   100 * result->mean_average_precision,
                   100 * metric_value(METRIC_MACRO_F1, result));
    }
    fputs(".</p>\n", out);
}

static void page_answers(FILE *out, const struct report_run *run,
                         const struct report_answers *answers, int mistakes)
{
    const struct eval_session *session = &answers->session;
    html_heading(out, "Answers");
    if (mistakes == 0 || answers->status != ST_OK) {
        fputs("<p class=\"faint\">", out);
        html_text(out, mistakes == 0 ? "They were not asked for." : answers->why);
        fputs("</p>\n", out);
        return;
    }
    page_measures(out, session);
    page_classes(out, run, &session->result);
    page_confusions(out, run, &session->result.confusion);
    if (session->result.correct < session->result.count) {
        html_heading(out, "The most confident mistakes");
        report_mistakes(out, answers, mistakes);
    }
}

/* Lines "  phase   seconds   %   ..." up to a blank one. */
static void page_times(FILE *out, const struct report_run *run)
{
    const char *line = report_run_line(run, "where the time went");
    if (!line)
        return;
    html_heading(out, "Where the time went");
    html_table_begin(out, "phase", "seconds", "%", "", NULL);
    for (int skip = 0; *line && *line != '\n'; skip++) {
        char name[64], rest[64] = "";
        double seconds, share;
        int length = (int)strcspn(line, "\n");
        int fields =
            sscanf(line, "  %63[a-z ] %lf %lf %63[^\n]", name, &seconds, &share, rest);
        if (skip > 1 && fields >= 3 && strncmp(line, "  total", 7) != 0) {
            html_row(out);
            html_cell(out, name);
            html_cellf(out, "%.2f", seconds);
            html_cellf(out, "%.1f", share);
            fprintf(out,
                    "<td style=\"text-align:left\"><span class=\"bar\" "
                    "style=\"width:%.0fpx\"></span>\n",
                    3 * share);
        }
        line += length + (line[length] == '\n');
    }
    html_table_end(out);
}

static void page_config(FILE *out, const struct report_run *run)
{
    html_heading(out, "Config");
    fputs("<details><summary>all keys</summary><pre>", out);
    html_text(out, run->network.info.config);
    fputs("</pre></details>\n", out);
}

void report_page(FILE *out, const struct report_run *run,
                 const struct report_answers *answers, int mistakes)
{
    html_begin(out, run->path);
    fputs("<h1>", out);
    html_text(out, run->path);
    fputs("</h1>\n", out);
    page_cards(out, run);
    page_facts(out, run);
    page_curves(out, run);
    page_answers(out, run, answers, mistakes);
    page_times(out, run);
    page_config(out, run);
    html_end(out);
}
