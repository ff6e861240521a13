/* Labels of a table. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "import_csv.h"

#define LABEL_ROWS  20  /* fewer do not tell labels from pixels */
#define LABEL_MOST  128 /* different values of labels, where pixels have up to 256 */
#define LABEL_SHARE 0.9 /* of one value: more is the background of images */

/* --- words --- */

static enum status csv_read_word(struct csv_labels *labels, struct csv_field word,
                                 const struct csv_lines *lines, uint16_t *label)
{
    struct dataset_builder *builder = labels->builder;
    struct import_names *names = &labels->names;
    while (names->count < builder->classes) /* those of --classes */
        import_names_add(names, builder->class_name);
    int class = import_names_find(names, builder->class_name, word.text, word.length);
    if (class < 0 && labels->labels->classes > 0)
        FAIL(ST_FAIL, "line %zu of '%s': label '%.*s' is none of --classes",
             lines->number, lines->path, (int)word.length, word.text);
    if (class < 0) {
        if (builder->classes == DATASET_CLASSES_MAX)
            FAIL(ST_FAIL, "'%s' has more than %d different labels", lines->path,
                 DATASET_CLASSES_MAX);
        builder->class_name =
            mem_resize(builder->class_name, (size_t)builder->classes + 1,
                       sizeof *builder->class_name);
        class = builder->classes++;
        builder->class_name[class] = mem_format("%.*s", (int)word.length, word.text);
        import_names_add(names, builder->class_name);
    }
    *label = (uint16_t) class;
    return ST_OK;
}

enum status csv_read_label(struct csv_labels *labels, struct csv_field field,
                           const struct csv_layout *layout, const struct csv_lines *lines,
                           uint16_t *label)
{
    double value;
    bool number = csv_read_number(field, layout->separator, &value);
    if (field.length > 0 && (labels->words || (!number && labels->labels->classes > 0)))
        return csv_read_word(labels, field, lines, label);
    if (!number || value != floor(value) || fabs(value) > INT32_MAX)
        FAIL(ST_FAIL,
             "line %zu of '%s': the label '%.*s' in column %d is not a whole "
             "number",
             lines->number, lines->path, field.length < 40 ? (int)field.length : 40,
             field.text, layout->label + 1);
    return import_label(labels->labels, (long long)value, lines->path, "line",
                        lines->number, label);
}

struct csv_word {
    char *name;
    int before;
};

static int csv_by_word(const void *a, const void *b)
{
    const struct csv_word *x = a, *y = b;
    return strcmp(x->name, y->name);
}

void csv_sort_words(struct dataset_builder *builder)
{
    size_t classes = (size_t)builder->classes;
    struct csv_word *word = mem_zeroed(classes, sizeof *word);
    uint16_t *now = mem_zeroed(classes, sizeof *now);
    for (size_t c = 0; c < classes; c++)
        word[c] = (struct csv_word){builder->class_name[c], (int)c};
    qsort(word, classes, sizeof *word, csv_by_word);
    for (size_t c = 0; c < classes; c++) {
        builder->class_name[c] = word[c].name;
        now[word[c].before] = (uint16_t)c;
    }
    for (int s = 0; s < DATASET_SPLITS; s++)
        for (size_t i = 0; i < builder->count[s]; i++)
            builder->labels[s][i] = now[builder->labels[s][i]];
    free(now);
    free(word);
}

/* --- the column of the labels --- */

/* How the values of a column are spread. */
struct csv_spread {
    bool whole;      /* all are whole numbers, as labels are */
    bool wide;       /* some are labels, but more than a pixel can be */
    size_t distinct; /* values */
    double density;  /* of the whole numbers between the least and the greatest */
    double common;   /* part of the most common value */
};

static struct csv_spread csv_spread_of(const double *value, size_t n)
{
    struct csv_spread spread = {.whole = true};
    size_t *count = mem_zeroed(DATASET_CLASSES_MAX, sizeof *count), most = 0;
    int low = DATASET_CLASSES_MAX, high = -1;
    for (size_t i = 0; i < n; i++) {
        bool whole = value[i] == floor(value[i]);
        spread.whole = spread.whole && whole;
        spread.wide = spread.wide || (value[i] > 255 && value[i] < DATASET_CLASSES_MAX);
        if (whole && value[i] >= 0 && value[i] < DATASET_CLASSES_MAX)
            count[(int)value[i]]++;
    }
    for (int v = 0; v < DATASET_CLASSES_MAX; v++) {
        if (count[v] == 0)
            continue;
        spread.distinct++;
        low = v < low ? v : low;
        high = v;
        most = count[v] > most ? count[v] : most;
    }
    spread.density = high < 0 ? 0 : (double)spread.distinct / (high - low + 1);
    spread.common = n ? (double)most / (double)n : 0;
    free(count);
    return spread;
}

/* Labels are few, dense, and of no kind alone. */
static bool csv_is_plausible(const struct csv_spread *spread)
{
    return spread->distinct > 1 && spread->distinct <= LABEL_MOST &&
           spread->density >= 0.5;
}

bool csv_label_is_last(const double *first, const double *last, size_t n)
{
    struct csv_spread a = csv_spread_of(first, n), b = csv_spread_of(last, n);
    if (a.whole != b.whole)
        return b.whole;
    if (a.wide != b.wide)
        return b.wide;
    if (n < LABEL_ROWS)
        return false;
    if (a.distinct == 1)
        return csv_is_plausible(&b) && b.common <= LABEL_SHARE;
    if (csv_is_plausible(&a) != csv_is_plausible(&b))
        return csv_is_plausible(&b);
    return a.common > LABEL_SHARE && b.common <= LABEL_SHARE;
}
