/* network: a data set that differs from the one of the training. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/run/network.h"
#include "base/label_set.h"
#include "base/log.h"
#include "base/mem.h"

#define MATCH_NAMED 5 /* classes that a message names */

/* A name and its number, to be sorted and searched. */
struct match_name {
    const char *name;
    int number;
};

static int match_by_name(const void *a, const void *b)
{
    const struct match_name *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* The classes of the network in order of their names; the caller frees. */
static struct match_name *match_sorted(const struct checkpoint_info *info)
{
    struct match_name *sorted = mem_zeroed((size_t)info->classes, sizeof *sorted);
    for (int c = 0; c < info->classes; c++)
        sorted[c] = (struct match_name){info->class_name[c], c};
    qsort(sorted, (size_t)info->classes, sizeof *sorted, match_by_name);
    return sorted;
}

/* Are its classes 0, 1, 2, ..., as of weights that were imported without names? */
static bool match_has_numbers(const struct checkpoint_info *info)
{
    char number[16];
    for (int c = 0; c < info->classes; c++) {
        snprintf(number, sizeof number, "%d", c);
        if (strcmp(info->class_name[c], number) != 0)
            return false;
    }
    return true;
}

/* The unknown classes have no number of the network's in class_of. */
static enum status match_fail_unknown(const struct checkpoint_info *info,
                                      const char *name, const struct dataset_info *data,
                                      const bool *known, int unknown)
{
    char *text = mem_strdup("");
    int told = 0;
    const char *advice = "leave their images out, or train with them";
    if (unknown == data->classes && match_has_numbers(info))
        advice =
            "its own are numbers: import its weights with their names (--classes), or "
            "train with these";
    for (int c = 0; c < data->classes && told < MATCH_NAMED; c++)
        if (!known[c])
            mem_append(&text, "%s'%s'", told++ ? ", " : "", data->class_name[c]);
    enum status st = status_fail(
        ST_FAIL, "'%s' does not know %d of the %d classes of '%s': %s%s; %s", name,
        unknown, data->classes, data->path, text, unknown > told ? ", ..." : "", advice);
    free(text);
    return st;
}

/* found: in sorted (count). Is there another class of its name? */
static bool match_has_twin(const struct match_name *sorted, int count,
                           const struct match_name *found)
{
    const struct match_name *last = sorted + count - 1;
    return (found > sorted && strcmp(found[-1].name, found->name) == 0) ||
           (found < last && strcmp(found[1].name, found->name) == 0);
}

/* Imports of data and of weights refuse equal names; files may be older. */
static enum status match_classes(const struct checkpoint_info *info, const char *name,
                                 const struct dataset_info *data, uint16_t *class_of)
{
    struct match_name *sorted = match_sorted(info);
    bool *known = mem_zeroed((size_t)data->classes, sizeof *known);
    const char *twin = NULL;
    int unknown = 0;
    for (int c = 0; c < data->classes; c++) {
        const struct match_name wanted = {.name = data->class_name[c]};
        const struct match_name *found = bsearch(&wanted, sorted, (size_t)info->classes,
                                                 sizeof *sorted, match_by_name);
        known[c] = found != NULL;
        unknown += !found;
        if (!found)
            continue;
        class_of[c] = (uint16_t)found->number;
        if (match_has_twin(sorted, info->classes, found))
            twin = found->name;
    }
    enum status st = ST_OK;
    if (unknown > 0)
        st = match_fail_unknown(info, name, data, known, unknown);
    else if (twin)
        st = status_fail(ST_USAGE,
                         "'%s' has several classes named '%s', which cannot be told "
                         "apart: import its weights with other names (--classes)",
                         name, twin);
    free(known);
    free(sorted);
    return st;
}

/* The network's answers must be of the kind of the labels. */
static enum status match_kinds(const struct network *network, const char *name,
                               const struct dataset_info *data)
{
    if (network->model.multi_label && !data->multi_label)
        FAIL(ST_USAGE,
             "'%s' tells which of several classes an image has, or none, but each image "
             "of '%s' has one; import a list of them with --multi-label",
             name, data->path);
    if (!network->model.multi_label && data->multi_label)
        FAIL(ST_USAGE,
             "'%s' gives an image one class, but those of '%s' have several, or none; "
             "train a network on such images",
             name, data->path);
    return ST_OK;
}

/* The label sets of the split in the classes of the network, if those are others. */
static void match_sets(const struct network *network, const struct dataset *dataset,
                       enum dataset_split split, struct loader_match *match)
{
    const struct dataset_info *data = &dataset->info;
    bool same = data->classes == network->info.classes;
    for (int c = 0; c < data->classes && same; c++)
        same = match->class_of[c] == c;
    if (!data->multi_label || same)
        return;
    match->set_bytes = label_set_bytes(network->info.classes);
    uint8_t *sets = mem_zeroed(data->count[split], match->set_bytes);
    for (size_t i = 0; i < data->count[split]; i++) {
        const uint8_t *has = dataset_label_set(dataset, split, i);
        uint8_t *set = sets + i * match->set_bytes;
        for (int c = 0; (c = label_set_next(has, data->classes, c)) >= 0; c++)
            label_set_add(set, match->class_of[c]);
    }
    match->sets = sets;
}

enum status network_match(const struct network *network, const char *name,
                          const struct dataset *dataset, enum dataset_split split,
                          struct loader_match *match)
{
    const struct checkpoint_info *info = &network->info;
    const struct dataset_info *data = &dataset->info;
    *match = (struct loader_match){.shape = info->shape};
    if (!treatment_parse(&match->treatment, info->treatment))
        FAIL(ST_FAIL, "'%s' has a 'treatment' of pictures that cannot be understood",
             network->checkpoint);
    if (data->count[split] == 0)
        FAIL(ST_FAIL, "'%s' has no %s images%s", data->path, dataset_split_name[split],
             split == DATASET_VAL
                 ? ": 'lockstep data split' makes some, for the next training"
                 : "");
    TRY(match_kinds(network, name, data));
    uint16_t *class_of = mem_zeroed((size_t)data->classes, sizeof *class_of);
    match->class_of = class_of;
    TRY(match_classes(info, name, data, class_of));
    match_sets(network, dataset, split, match);
    return ST_OK;
}

enum status network_check_threshold(const struct network *network, const char *name,
                                    double threshold)
{
    if (threshold >= 0 && !network->model.multi_label)
        FAIL(ST_USAGE, "'%s' gives an image one class: --threshold makes no sense", name);
    return ST_OK;
}

void network_match_release(struct loader_match *match)
{
    free((void *)(uintptr_t)match->class_of);
    free((void *)(uintptr_t)match->sets);
    *match = (struct loader_match){0};
}

static void match_note_classes(const struct checkpoint_info *info, const char *name,
                               const struct dataset_info *data)
{
    bool ordered = true;
    for (int c = 0; c < data->classes && ordered; c++)
        ordered =
            c < info->classes && strcmp(info->class_name[c], data->class_name[c]) == 0;
    if (data->classes < info->classes)
        log_note("'%s' has %d of the %d classes of '%s': they are matched by name",
                 data->path, data->classes, info->classes, name);
    else if (!ordered)
        log_note("the classes of '%s' are in another order than those of '%s': they are "
                 "matched by name",
                 data->path, name);
}

static void match_note_images(const struct checkpoint_info *info, const char *name,
                              const struct dataset_info *data)
{
    static const char *const verb[] = {[TREATMENT_PAD] = "padded",
                                       [TREATMENT_CROP] = "cropped",
                                       [TREATMENT_STRETCH] = "stretched"};
    const struct shape in = info->shape, has = data->shape;
    struct dataset_treatment treatment;
    if (!treatment_parse(&treatment, info->treatment))
        return;
    if (has.h != in.h || has.w != in.w)
        log_note("the images of '%s' are %dx%d: they are scaled and %s to %dx%d, as "
                 "pictures of the training were",
                 data->path, has.h, has.w, verb[treatment.fit], in.h, in.w);
    if (has.c != in.c)
        log_note("the images of '%s' are %s, and '%s' takes %s ones: they are converted",
                 data->path, network_colour(has), name, network_colour(in));
    if (treatment.recorded && data->treatment.recorded &&
        treatment.invert != data->treatment.invert)
        log_note("the pictures of the training were imported with invert=%s, those of "
                 "'%s' with invert=%s",
                 treatment_invert_word(&treatment), data->path,
                 treatment_invert_word(&data->treatment));
}

/* How far the images are those that the network was trained on. */
static void match_note_training(const char *name, const struct dataset *data,
                                enum dataset_split split)
{
    size_t count = data->info.count[split], twins = 0;
    if (split == DATASET_TRAIN) {
        log_note("'%s' was trained on these images: the accuracy on them says little "
                 "about other images",
                 name);
        return;
    }
    char why[STATUS_TEXT];
    status_capture(why); /* the training images need not be readable */
    enum status st = dataset_count_twins(data, split, DATASET_TRAIN, &twins);
    status_capture(NULL);
    if (st == ST_OK && twins > 0 && (double)twins >= DATASET_MANY_TWINS * (double)count)
        log_note("'%s' was trained on %zu of these %zu images, too: the accuracy says "
                 "little about other images",
                 name, twins, count);
}

void network_note_match(const struct network *network, const char *name,
                        const struct dataset *data, enum dataset_split split)
{
    const struct checkpoint_info *info = &network->info;
    match_note_classes(info, name, &data->info);
    match_note_images(info, name, &data->info);
    if (data->info.hash == info->data_hash)
        match_note_training(name, data, split);
}
