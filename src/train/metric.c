#include "train/metric.h"

#include <math.h>
#include <stddef.h>

#include "base/mem.h"

const char *const metric_words[] = {[METRIC_ACCURACY] = "accuracy",
                                    [METRIC_BALANCED_ACCURACY] = "balanced_accuracy",
                                    [METRIC_MACRO_F1] = "macro_f1",
                                    [METRIC_LOSS] = "loss",
                                    [METRIC_AVERAGE_PRECISION] = "average_precision",
                                    [METRIC_SUBSET_ACCURACY] = "subset_accuracy",
                                    NULL};

bool metric_is_of_sets(enum metric metric)
{
    return metric == METRIC_AVERAGE_PRECISION || metric == METRIC_SUBSET_ACCURACY;
}

static double metric_share(double part, double all)
{
    return all > 0 ? part / all : NAN;
}

double metric_precision(const struct confusion *confusion, int c)
{
    return metric_share(confusion->correct[c], confusion->predicted[c]);
}

double metric_recall(const struct confusion *confusion, int c)
{
    return metric_share(confusion->correct[c], confusion->support[c]);
}

/* 2 P R / (P + R) = 2 correct / (support + predicted). */
double metric_f1(const struct confusion *confusion, int c)
{
    double all = (double)confusion->support[c] + (double)confusion->predicted[c];
    return confusion->support[c] > 0 ? 2 * (double)confusion->correct[c] / all : NAN;
}

static double metric_class_mean(const struct confusion *confusion,
                                double (*of)(const struct confusion *, int))
{
    double sum = 0;
    int present = 0;
    for (int c = 0; c < confusion->classes; c++) {
        if (confusion->support[c] == 0)
            continue;
        sum += of(confusion, c);
        present++;
    }
    return present > 0 ? sum / present : 0;
}

double metric_value(enum metric metric, const struct evaluation *evaluation)
{
    switch (metric) {
    case METRIC_BALANCED_ACCURACY:
        return metric_class_mean(&evaluation->confusion, metric_recall);
    case METRIC_MACRO_F1:
        return metric_class_mean(&evaluation->confusion, metric_f1);
    case METRIC_LOSS:
        return evaluation->loss;
    case METRIC_AVERAGE_PRECISION:
        return evaluation->mean_average_precision;
    case METRIC_ACCURACY:
    case METRIC_SUBSET_ACCURACY:
        break;
    }
    return (double)evaluation->correct / (double)evaluation->count;
}

double metric_score(enum metric metric, const struct evaluation *evaluation)
{
    double value = metric_value(metric, evaluation);
    return metric == METRIC_LOSS ? -value : value;
}

const char *metric_name(enum metric metric)
{
    static const char *const names[] = {[METRIC_ACCURACY] = "accuracy",
                                        [METRIC_BALANCED_ACCURACY] = "balanced accuracy",
                                        [METRIC_MACRO_F1] = "macro F1",
                                        [METRIC_LOSS] = "loss",
                                        [METRIC_AVERAGE_PRECISION] = "average precision",
                                        [METRIC_SUBSET_ACCURACY] = "accuracy"};
    return names[metric];
}

char *metric_text(enum metric metric, double score)
{
    if (metric == METRIC_LOSS)
        return mem_format("loss %.4f", fabs(score));
    return mem_format("%s %.2f %%", metric_name(metric), 100 * score);
}
