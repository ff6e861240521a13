/* Checks classes and splits before anything is decoded. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "import_check.h"

/* Classes with pictures for evaluation alone are often a matter of spelling. */
static enum status check_empty_classes(const struct import_set *set)
{
    size_t *train = mem_zeroed((size_t)set->classes, sizeof *train);
    const char **trained = mem_zeroed((size_t)set->classes, sizeof *trained);
    enum status st = ST_OK;
    int n = 0;
    for (size_t i = 0; i < set->count; i++)
        train[set->picture[i].class] += set->picture[i].split == IMPORT_SPLIT_OPEN ||
                                        set->picture[i].split == DATASET_TRAIN;
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

/* The only class that pictures (of training or without a split alone, if `train`) have;
   -1 if there are several. */
static int check_only_class(const struct import_set *set, bool train)
{
    int only = -1;
    for (size_t i = 0; i < set->count; i++) {
        const struct import_picture *picture = &set->picture[i];
        if (train && picture->split > DATASET_TRAIN)
            continue;
        if (only >= 0 && only != picture->class)
            return -1;
        only = picture->class;
    }
    return only;
}

static enum status check_several_classes(const struct import_set *set, bool train)
{
    int only = check_only_class(set, train);
    if (only < 0)
        return ST_OK;
    FAIL(ST_FAIL, "all %s in %s are of class '%s': at least two classes are expected%s",
         train ? "training pictures" : "pictures", set->source, set->class_name[only],
         set->memory ? "; is the label in another column (--label-column)?" : "");
}

enum status import_check_classes(const struct import_set *set,
                                 const struct import_options *options)
{
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
    for (size_t i = 0; i < set->count; i++)
        set->picture[i].class = number[set->picture[i].class];
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
