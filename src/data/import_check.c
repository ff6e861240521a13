/* Checks classes and splits before anything is decoded. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "import_check.h"
#include "import_labels.h"
#include "io/text.h"

#define LONE_LABELS 20 /* fewer pictures may well all be of different classes */

/* Classes with pictures for evaluation alone are often a matter of spelling. */
static enum status check_empty_classes(const struct import_set *set)
{
    size_t *train = mem_zeroed((size_t)set->classes, sizeof *train);
    const char **trained = mem_zeroed((size_t)set->classes, sizeof *trained);
    enum status st = ST_OK;
    int n = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct import_picture *picture = &set->picture[i];
        int labels;
        const int *class = import_labels_of(set, picture, &labels);
        for (int k = 0; k < labels && picture->split <= DATASET_TRAIN; k++)
            train[class[k]]++;
    }
    for (int c = 0; c < set->classes; c++)
        if (train[c])
            trained[n++] = set->class_name[c];
    for (int c = 0; c < set->classes && st == ST_OK; c++) {
        if (train[c])
            continue;
        const char *near =
            set->memory ? NULL : parse_nearest(set->class_name[c], trained, n);
        st = status_fail(ST_FAIL,
                         "class '%s' has no training images (%d of %d classes are "
                         "empty)%s%s%s%s use --allow-empty to accept this",
                         set->class_name[c], set->classes - n, set->classes,
                         near ? "; is it '" : "", near ? near : "", near ? "'?" : "",
                         near ? "" : ";");
    }
    free(trained);
    free(train);
    return st;
}

/* Pictures (of training or without a split alone, if `train`) that all have the same
   labels: the first of them; NULL if there are others. */
static const struct import_picture *check_only_labels(const struct import_set *set,
                                                      bool train)
{
    const struct import_picture *only = NULL;
    for (size_t i = 0; i < set->count; i++) {
        const struct import_picture *picture = &set->picture[i];
        if (train && picture->split > DATASET_TRAIN)
            continue;
        if (only && !import_labels_equal(set, only, picture))
            return NULL;
        only = only ? only : picture;
    }
    return only;
}

static enum status check_several_classes(const struct import_set *set, bool train)
{
    const struct import_picture *picture = check_only_labels(set, train);
    if (!picture)
        return ST_OK;
    int only = picture->class;
    if (set->multi_label)
        FAIL(ST_FAIL,
             "all %s in %s have the same classes: there is nothing to tell apart",
             train ? "training pictures" : "pictures", set->source);
    FAIL(ST_FAIL, "all %s in %s are of class '%s': at least two classes are expected%s",
         train ? "training pictures" : "pictures", set->source, set->class_name[only],
         set->memory ? "; is the label in another column (--label-column)?" : "");
}

/* Names of folders are what the file system says; those in a file tell its encoding. */
static enum status check_encoding(const struct import_set *set)
{
    for (int c = 0; c < set->classes && set->in_file; c++)
        if (!text_is_whole_utf8(set->class_name[c]))
            FAIL(ST_FAIL,
                 "the label '%s' in %s is not UTF-8: save the file as UTF-8 (in Excel "
                 "'CSV UTF-8')",
                 set->class_name[c], set->source);
    return ST_OK;
}

/* A row number or a text that holds the pixels was taken for the label. */
static void note_lone_labels(const struct import_set *set)
{
    bool *seen = mem_zeroed((size_t)set->classes, sizeof *seen);
    bool lone = set->in_file && set->count > LONE_LABELS && !set->multi_label;
    for (size_t i = 0; i < set->count && lone; i++) {
        int class = set->picture[i].class;
        lone = !seen[class];
        seen[class] = true;
    }
    free(seen);
    if (lone)
        log_note("each of the %zu pictures in %s has another label, so that nothing "
                 "can be learned or tested; is the label in another column%s?",
                 set->count, set->source, set->memory ? " (--label-column)" : "");
}

enum status import_check_classes(const struct import_set *set,
                                 const struct import_options *options)
{
    TRY(check_encoding(set));
    note_lone_labels(set);
    if (!options->class_name)
        TRY(check_several_classes(set, false));
    if (!options->allow_empty && set->passed.hollow)
        FAIL(ST_FAIL,
             "'%s' holds files, but no pictures; use --allow-empty to accept this",
             set->passed.hollow);
    if (!options->allow_empty)
        TRY(check_empty_classes(set));
    return options->class_name ? ST_OK : check_several_classes(set, true);
}

enum status import_name_classes(struct import_set *set, char *const *name, int classes)
{
    int *number = mem_zeroed((size_t)set->classes, sizeof *number);
    char **copy = mem_zeroed((size_t)classes, sizeof *copy);
    struct import_names names = {0};
    for (int c = 0; c < classes; c++)
        import_names_add(&names, name);
    for (int i = 0; i < set->classes; i++) {
        const char *wanted = set->class_name[i];
        number[i] = import_names_find(&names, name, wanted, strlen(wanted));
        if (number[i] >= 0)
            continue;
        enum status st =
            status_fail(ST_FAIL, "'%s' has a class '%s' that the network does not have",
                        set->root, set->class_name[i]);
        import_names_release(&names);
        free(copy);
        free(number);
        return st;
    }
    for (int c = 0; c < classes; c++)
        copy[c] = mem_strdup(name[c]);
    import_labels_renumber(set, number);
    fs_free_list(set->class_name, set->classes);
    import_names_release(&set->names);
    set->class_name = copy;
    set->classes = classes;
    set->names = names;
    free(number);
    return ST_OK;
}

enum status import_read_shares(const struct import_set *set,
                               const struct import_options *options,
                               double share[DATASET_SPLITS])
{
    static const int splits[] = {DATASET_VAL, DATASET_TEST};
    for (int s = 0; s < DATASET_SPLITS; s++)
        share[s] = 0;
    for (int i = 0; i < 2; i++) {
        int s = splits[i];
        if (options->share[s] > 0 && set->splits_given[s])
            FAIL(ST_USAGE, "'%s' has %s pictures: --%s makes no sense", set->root,
                 dataset_split_name[s], dataset_split_name[s]);
        share[s] = options->share[s] > 0 ? options->share[s] : 0;
    }
    if (options->share[DATASET_TEST] < 0 && !set->splits_given[DATASET_TEST] &&
        !set->splits_given[DATASET_VAL])
        share[DATASET_TEST] = IMPORT_TEST_SHARE;
    if (share[DATASET_VAL] + share[DATASET_TEST] >= 1)
        FAIL(ST_USAGE, "--val and --test leave nothing for training");
    return ST_OK;
}
