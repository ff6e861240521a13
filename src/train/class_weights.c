#include "train/class_weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/label_set.h"
#include "base/mem.h"
#include "base/parse.h"

#define CLASS_WEIGHT_MOST  1e6
#define CLASS_WEIGHT_AUTO  100.0 /* of a multi-label set: more makes training unstable */
#define CLASS_WEIGHTS_TOLD 12    /* in a line */

/* Training images of each class; the caller frees. */
static size_t *class_counts(const struct dataset *dataset)
{
    size_t *count = mem_zeroed((size_t)dataset->info.classes, sizeof *count);
    const struct dataset_info *info = &dataset->info;
    for (size_t i = 0; i < info->count[DATASET_TRAIN]; i++) {
        const uint8_t *set = dataset_label_set(dataset, DATASET_TRAIN, i);
        if (!set)
            count[dataset_label(dataset, DATASET_TRAIN, i)]++;
        for (int c = 0; set && (c = label_set_next(set, info->classes, c)) >= 0; c++)
            count[c]++;
    }
    return count;
}

static float class_weight_of_set(double has, double lacks)
{
    if (has == 0 || lacks == 0)
        return 1;
    return (float)fmin(fmax(lacks / has, 1 / CLASS_WEIGHT_AUTO), CLASS_WEIGHT_AUTO);
}

static void class_weights_balance(const struct dataset *dataset, float *weights)
{
    size_t *count = class_counts(dataset);
    int classes = dataset->info.classes, present = 0;
    double all = (double)dataset->info.count[DATASET_TRAIN];
    for (int c = 0; c < classes; c++)
        present += count[c] > 0;
    for (int c = 0; c < classes; c++) {
        double n = (double)count[c];
        if (dataset->info.multi_label)
            weights[c] = class_weight_of_set(n, all - n);
        else
            weights[c] = count[c] > 0 ? (float)(all / (present * n)) : 1.0f;
    }
    free(count);
}

static int class_find(const struct dataset_info *info, const char *name)
{
    int c = 0;
    while (c < info->classes && strcmp(info->class_name[c], name) != 0)
        c++;
    return c;
}

static enum status class_unknown(const struct dataset_info *info, const char *name)
{
    const char *near =
        parse_nearest(name, (const char *const *)info->class_name, info->classes);
    if (near)
        FAIL(ST_USAGE, "train.class_weights: '%s' has no class '%s'; did you mean '%s'?",
             info->path, name, near);
    FAIL(ST_USAGE, "train.class_weights: '%s' has no class '%s'", info->path, name);
}

/* "NAME:WEIGHT"; a name may contain colons. Weights not given yet are negative. */
static enum status class_weight_read(const struct dataset_info *info, char *word,
                                     float *weights)
{
    char *colon = strrchr(word, ':');
    double weight;
    if (!colon || !parse_real(parse_trim(colon + 1), 0, CLASS_WEIGHT_MOST, &weight))
        FAIL(ST_USAGE,
             "train.class_weights: '%s': expected none, auto or NAME:WEIGHT, ..., with "
             "weights from 0 to %g",
             word, CLASS_WEIGHT_MOST);
    *colon = '\0';
    const char *name = parse_trim(word);
    int c = class_find(info, name);
    if (c == info->classes)
        return class_unknown(info, name);
    if (weights[c] >= 0)
        FAIL(ST_USAGE, "train.class_weights: '%s' has two weights", name);
    weights[c] = (float)weight;
    return ST_OK;
}

static enum status class_weights_list(const char *text, const struct dataset_info *info,
                                      float *weights)
{
    char *copy = mem_strdup(text), *rest = copy;
    enum status st = ST_OK;
    for (int c = 0; c < info->classes; c++)
        weights[c] = -1;
    for (char *word; st == ST_OK && (word = strsep(&rest, ",")) != NULL;)
        st = class_weight_read(info, parse_trim(word), weights);
    for (int c = 0; c < info->classes; c++)
        if (weights[c] < 0)
            weights[c] = 1;
    free(copy);
    return st;
}

enum status class_weights_read(const char *text, const struct dataset *dataset,
                               float **weights)
{
    int classes = dataset->info.classes;
    enum status st = ST_OK;
    *weights = NULL;
    if (strcmp(text, "none") == 0)
        return ST_OK;
    *weights = mem_zeroed((size_t)classes, sizeof **weights);
    if (strcmp(text, "auto") == 0)
        class_weights_balance(dataset, *weights);
    else
        st = class_weights_list(text, &dataset->info, *weights);
    if (st != ST_OK) {
        free(*weights);
        *weights = NULL;
    }
    return st;
}

/* At least one weight is not 1. */
static char *class_weights_range(const float *weights, const struct dataset_info *info)
{
    int least = 0, most = 0;
    for (int c = 1; c < info->classes; c++) {
        if (weights[c] < weights[least])
            least = c;
        if (weights[c] > weights[most])
            most = c;
    }
    return mem_format("%s x %.3g to %s x %.3g, %d classes", info->class_name[least],
                      (double)weights[least], info->class_name[most],
                      (double)weights[most], info->classes);
}

char *class_weights_text(const float *weights, const struct dataset_info *info)
{
    int told = 0;
    for (int c = 0; c < info->classes; c++)
        told += weights[c] != 1.0f;
    if (told == 0)
        return mem_strdup("all classes x 1");
    if (told > CLASS_WEIGHTS_TOLD)
        return class_weights_range(weights, info);
    char *text = mem_strdup("");
    for (int c = 0; c < info->classes; c++)
        if (weights[c] != 1.0f)
            mem_append(&text, "%s%s x %.3g", *text ? ", " : "", info->class_name[c],
                       (double)weights[c]);
    if (told < info->classes)
        mem_append(&text, ", others x 1");
    return text;
}

double class_imbalance(const struct dataset *dataset, int *largest, int *smallest)
{
    size_t *count = class_counts(dataset);
    *largest = *smallest = -1;
    for (int c = 0; c < dataset->info.classes; c++) {
        if (count[c] == 0)
            continue;
        if (*largest < 0 || count[c] > count[*largest])
            *largest = c;
        if (*smallest < 0 || count[c] < count[*smallest])
            *smallest = c;
    }
    double ratio = *largest < 0 ? 1 : (double)count[*largest] / (double)count[*smallest];
    free(count);
    return ratio;
}
