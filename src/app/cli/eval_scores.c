#include "eval_scores.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "io/csv.h"
#include "train/metric.h"

#define SCORES_CLASSES  40 /* of more, only the worst are printed */
#define SCORES_WORST    20
#define SCORES_MEASURES 16
#define SCORES_TOP      5

/* --- one figure for each measure --- */

struct score_measure {
    const char *name;  /* in tables */
    const char *words; /* for people; "": it is in the line of the accuracy */
    double value;
    bool share; /* printed in % */
};

static int scores_of_classes(const struct eval_answers *answers,
                             struct score_measure *list)
{
    const struct evaluation *result = answers->result;
    const struct answers_interval interval =
        answers_interval(result->correct, result->count);
    int classes = answers->network->info.classes, n = 0;
    list[n++] =
        (struct score_measure){"accuracy_low", "95 % interval from", interval.low, true};
    list[n++] = (struct score_measure){"accuracy_high", "to", interval.high, true};
    list[n++] =
        (struct score_measure){"balanced_accuracy", "balanced accuracy",
                               metric_value(METRIC_BALANCED_ACCURACY, result), true};
    list[n++] = (struct score_measure){"macro_f1", "macro F1",
                                       metric_value(METRIC_MACRO_F1, result), true};
    if (classes > SCORES_TOP)
        list[n++] = (struct score_measure){
            "top5_accuracy", "top-5 accuracy",
            answers_top(answers->answer, result->count, SCORES_TOP), true};
    list[n++] = (struct score_measure){
        "calibration_error", "expected calibration error",
        answers_calibration_error(answers->answer, result->count), true};
    if (classes == 2)
        list[n++] =
            (struct score_measure){"roc_auc", "area under the ROC curve",
                                   answers_auc(answers->answer, result->count), false};
    return n;
}

static double scores_micro_f1(const struct confusion *counts)
{
    double right = 0, all = 0;
    for (int c = 0; c < counts->classes; c++) {
        right += counts->correct[c];
        all += (double)counts->support[c] + counts->predicted[c];
    }
    return all > 0 ? 2 * right / all : 0;
}

static int scores_of_sets(const struct eval_answers *answers, struct score_measure *list)
{
    const struct evaluation *result = answers->result;
    int n = 0;
    list[n++] = (struct score_measure){"average_precision", "average precision",
                                       result->mean_average_precision, true};
    list[n++] = (struct score_measure){"micro_f1", "micro F1",
                                       scores_micro_f1(&result->confusion), true};
    list[n++] = (struct score_measure){"macro_f1", "macro F1",
                                       metric_value(METRIC_MACRO_F1, result), true};
    return n;
}

/* Returns how many. */
static int scores_measures(const struct eval_answers *answers, struct score_measure *list)
{
    const struct evaluation *result = answers->result;
    double accuracy = (double)result->correct / (double)result->count;
    int n = 0;
    list[n++] = (struct score_measure){"accuracy", "", accuracy, true};
    list[n++] = (struct score_measure){"loss", "", result->loss, false};
    return n + (answers->answer ? scores_of_classes : scores_of_sets)(answers, list + n);
}

static void scores_print_measures(const struct eval_answers *answers)
{
    struct score_measure list[SCORES_MEASURES];
    int count = scores_measures(answers, list);
    char *text = mem_strdup("");
    bool first = true;
    for (int i = 0; i < count; i++) {
        const struct score_measure *one = &list[i];
        if (!*one->words)
            continue;
        bool goes_on = first || strcmp(one->name, "accuracy_high") == 0;
        mem_append(&text, "%s%s %.*f%s", goes_on ? (first ? "" : " ") : ", ", one->words,
                   one->share ? 2 : 4, one->share ? 100 * one->value : one->value,
                   one->share ? " %" : "");
        first = false;
    }
    if (!answers->answer)
        mem_append(&text, ", answers with p >= %g", answers->threshold);
    log_out("%s\n", text);
    free(text);
}

enum status eval_write_measures(const struct eval_answers *answers, const char *path)
{
    struct score_measure list[SCORES_MEASURES];
    struct fs_writer writer;
    int count = scores_measures(answers, list);
    TRY(fs_write_begin(&writer, path));
    fprintf(writer.file, EVAL_MEASURES_HEAD "\n");
    for (int i = 0; i < count; i++)
        fprintf(writer.file, "%s,%.9g\n", list[i].name, list[i].value);
    return fs_write_end(&writer);
}

/* --- a row for each class --- */

struct class_score {
    int class;
    double f1; /* NAN: without images */
};

static int class_score_ascends(const void *a, const void *b)
{
    const struct class_score *x = a, *y = b;
    if (isnan(x->f1) != isnan(y->f1))
        return isnan(x->f1) - isnan(y->f1);
    if (x->f1 < y->f1 || x->f1 > y->f1)
        return x->f1 < y->f1 ? -1 : 1;
    return x->class - y->class;
}

/* The classes to be printed, *count of them; the caller frees. */
static struct class_score *scores_choose(const struct confusion *counts, int *count)
{
    int classes = counts->classes;
    struct class_score *chosen = mem_zeroed((size_t)classes, sizeof *chosen);
    for (int c = 0; c < classes; c++)
        chosen[c] = (struct class_score){c, metric_f1(counts, c)};
    *count = classes;
    if (classes > SCORES_CLASSES) {
        qsort(chosen, (size_t)classes, sizeof *chosen, class_score_ascends);
        *count = SCORES_WORST;
    }
    return chosen;
}

/* "-" if there is nothing to divide by. */
static void scores_cell(struct table *table, double share)
{
    if (isnan(share))
        table_cellf(table, "-");
    else
        table_cellf(table, "%.2f", 100 * share);
}

static void scores_print_classes(const struct eval_answers *answers)
{
    const struct confusion *counts = &answers->result->confusion;
    const double *average = answers->result->average_precision;
    struct table table;
    int count;
    struct class_score *chosen = scores_choose(counts, &count);
    table_init(&table, "<class", ">images", ">answers", NULL);
    if (average)
        table_head(&table, ">average precision %");
    table_head(&table, ">precision %");
    table_head(&table, ">recall %");
    table_head(&table, ">F1 %");
    for (int i = 0; i < count; i++) {
        int c = chosen[i].class;
        table_cellf(&table, "%s", answers->network->info.class_name[c]);
        table_cellf(&table, "%d", counts->support[c]);
        table_cellf(&table, "%d", counts->predicted[c]);
        if (average)
            scores_cell(&table, average[c]);
        scores_cell(&table, metric_precision(counts, c));
        scores_cell(&table, metric_recall(counts, c));
        scores_cell(&table, metric_f1(counts, c));
    }
    if (count < counts->classes)
        log_out("\nthe %d of %d classes with the lowest F1 (--out FOLDER/ has all):\n",
                count, counts->classes);
    else
        log_out("\n");
    table_print(&table);
    table_release(&table);
    free(chosen);
}

/* Nothing between the commas if there is nothing to divide by. */
static void scores_field(FILE *file, double share)
{
    if (isnan(share))
        fputc(',', file);
    else
        fprintf(file, ",%.9g", share);
}

enum status eval_write_classes(const struct eval_answers *answers, const char *path)
{
    const struct confusion *counts = &answers->result->confusion;
    const double *average = answers->result->average_precision;
    struct fs_writer writer;
    TRY(fs_write_begin(&writer, path));
    FILE *file = writer.file;
    fprintf(file, EVAL_CLASSES_HEAD "%s\n", average ? ",average_precision" : "");
    for (int c = 0; c < counts->classes; c++) {
        csv_write_text(file, answers->network->info.class_name[c]);
        fprintf(file, ",%d,%d,%d", counts->support[c], counts->predicted[c],
                counts->correct[c]);
        scores_field(file, metric_precision(counts, c));
        scores_field(file, metric_recall(counts, c));
        scores_field(file, metric_f1(counts, c));
        if (average)
            scores_field(file, average[c]);
        fputc('\n', file);
    }
    return fs_write_end(&writer);
}

void eval_scores_print(const struct eval_answers *answers)
{
    scores_print_measures(answers);
    scores_print_classes(answers);
}
