#include "app/run/weights_match.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/dataset.h"
#include "nn/layer_names.h"

#define WEIGHTS_NAMED 4   /* tensors that a message names */
#define WEIGHTS_NAME  512 /* bytes of a name with a prefix */

/* --- the tensors of a network, counted --- */

int weights_tensors(const struct model *model)
{
    int count = 0;
    for (int l = 0; l < model->layers; l++)
        count += model->layer[l]->tensors;
    return count;
}

const struct layer_tensor *weights_tensor(const struct model *model, int i,
                                          const struct layer **layer, int *number)
{
    int l = 0;
    while (i >= model->layer[l]->tensors)
        i -= model->layer[l++]->tensors;
    *layer = model->layer[l];
    *number = i;
    return &model->layer[l]->tensor[i];
}

char *weights_tensor_name(const struct model *model, int i)
{
    const struct layer *layer;
    int number;
    const struct layer_tensor *tensor = weights_tensor(model, i, &layer, &number);
    return mem_format("%s.%s", layer->name, tensor->name);
}

/* --- shapes --- */

/* Dimensions without ones at the end. */
static int match_dims(const struct array *array)
{
    int dims = array->dims;
    while (dims > 1 && array->dim[dims - 1] == 1)
        dims--;
    return dims;
}

static bool match_fits(const struct array *array, const struct layer_tensor *tensor)
{
    if (array->type == ARRAY_OTHER || array->dims < 1 ||
        array->dim[0] != (size_t)tensor->dim[0] || array->count != tensor->count)
        return false;
    if (tensor->dims == 2) /* of (out, in): what follows is one vector in any shape */
        return true;
    int dims = match_dims(array), own = tensor->dims;
    while (own > 1 && tensor->dim[own - 1] == 1)
        own--;
    bool same = dims == own;
    for (int d = 1; same && d < dims; d++)
        same = array->dim[d] == (size_t)tensor->dim[d];
    return same;
}

static char *match_array_dims(const struct array *array)
{
    char *text = mem_strdup(array->dims ? "" : "one number");
    for (int d = 0; d < array->dims; d++)
        mem_append(&text, "%s%zu", d ? "x" : "", array->dim[d]);
    return text;
}

static char *match_tensor_dims(const struct layer_tensor *tensor)
{
    char *text = mem_strdup("");
    for (int d = 0; d < tensor->dims; d++)
        mem_append(&text, "%s%d", d ? "x" : "", tensor->dim[d]);
    return text;
}

/* --- names --- */

/* What may stand before every name. */
static const char *const match_prefixes[] = {"", "module.", "model.", "state_dict.",
                                             "weights."};
enum { WEIGHTS_PREFIXES = sizeof match_prefixes / sizeof match_prefixes[0] };

struct match_search {
    const struct arrays *file;
    const char *path, *ignore;
    const struct model *model;
    int tensors;
};

/* The array of tensor i by its name in a table (NULL: ours); -1: there is none. */
static int match_find(const struct match_search *search, const struct layer_names *names,
                      const char *prefix, int i)
{
    const struct layer *layer;
    int number;
    char name[WEIGHTS_NAME];
    const struct layer_tensor *tensor = weights_tensor(search->model, i, &layer, &number);
    const char *theirs = names ? layer_names_theirs(names, layer->name) : layer->name;
    if (!theirs)
        return -1;
    snprintf(name, sizeof name, "%s%s.%s", prefix, theirs, tensor->name);
    return arrays_find(search->file, name);
}

/* How many tensors are found; array: (tensors). */
static int match_by(const struct match_search *search, const struct layer_names *names,
                    const char *prefix, int *array)
{
    int found = 0;
    for (int i = 0; i < search->tensors; i++) {
        array[i] = match_find(search, names, prefix, i);
        found += array[i] >= 0;
    }
    return found;
}

/* Tries one table, and keeps it in match if it finds more. Returns the most found. */
static int match_try(const struct match_search *search, const struct layer_names *names,
                     struct weights_match *match, int most)
{
    int *array = mem_zeroed((size_t)search->tensors, sizeof *array);
    for (int p = 0; p < WEIGHTS_PREFIXES; p++) {
        int found = match_by(search, names, match_prefixes[p], array);
        if (found <= most)
            continue;
        most = found;
        memcpy(match->array, array, (size_t)search->tensors * sizeof *array);
        snprintf(match->names, sizeof match->names, "%s%s",
                 names ? names->source : "their", names ? "'s" : "");
    }
    free(array);
    return most;
}

static int match_by_names(const struct match_search *search, const char *network,
                          struct weights_match *match)
{
    struct layer_names names;
    int most = match_try(search, NULL, match, 0);
    for (int i = 0; layer_names_read(&names, network, i); i++) {
        most = match_try(search, &names, match, most);
        layer_names_release(&names);
    }
    return most;
}

/* --- what is left over --- */

static bool match_ignores(const struct match_search *search, const char *name)
{
    static const char count[] = "num_batches_tracked";
    size_t length = strlen(name), tail = strlen(count);
    bool ignored = length >= tail && strcmp(name + length - tail, count) == 0;
    char *copy = mem_strdup(search->ignore ? search->ignore : ""), *rest = copy;
    for (char *pattern; !ignored && (pattern = strsep(&rest, ",")) != NULL;)
        ignored = *pattern && fnmatch(pattern, name, 0) == 0;
    free(copy);
    return ignored;
}

/* Numbers of the arrays that count; returns how many. list: (arrays). */
static int match_candidates(const struct match_search *search, int *list)
{
    int count = 0;
    for (int i = 0; i < arrays_count(search->file); i++)
        if (!match_ignores(search, arrays_at(search->file, i)->name))
            list[count++] = i;
    return count;
}

static void match_append_name(char **text, int *told, const char *name)
{
    if (*told < WEIGHTS_NAMED)
        mem_append(text, "%s'%s'", *told ? ", " : "", name);
    else if (*told == WEIGHTS_NAMED)
        mem_append(text, ", ...");
    (*told)++;
}

static enum status match_fail_missing(const struct match_search *search,
                                      const struct weights_match *match, int found)
{
    char *text = mem_strdup("");
    int told = 0;
    for (int i = 0; i < search->tensors; i++) {
        if (match->array[i] >= 0)
            continue;
        char *name = weights_tensor_name(search->model, i);
        match_append_name(&text, &told, name);
        free(name);
    }
    enum status st =
        status_fail(ST_USAGE, "'%s' lacks %d of the network's %d tensors: %s",
                    search->path, search->tensors - found, search->tensors, text);
    free(text);
    return st;
}

static enum status match_fail_none(const struct match_search *search)
{
    char *text = mem_strdup("");
    int told = 0;
    for (int i = 0; i < search->tensors; i++) {
        char *name = weights_tensor_name(search->model, i);
        match_append_name(&text, &told, name);
        free(name);
    }
    enum status st = status_fail(ST_USAGE,
                                 "'%s' has none of the names of this network's tensors "
                                 "(%s), nor as many arrays of their shapes",
                                 search->path, text);
    free(text);
    return st;
}

static enum status match_check_rest(const struct match_search *search,
                                    const struct weights_match *match)
{
    int arrays = arrays_count(search->file), told = 0;
    bool *used = mem_zeroed((size_t)arrays + 1, sizeof *used);
    char *text = mem_strdup("");
    enum status st = ST_OK;
    for (int i = 0; i < search->tensors; i++)
        used[match->array[i]] = true;
    for (int i = 0; i < arrays; i++) {
        const char *name = arrays_at(search->file, i)->name;
        if (!used[i] && !match_ignores(search, name))
            match_append_name(&text, &told, name);
    }
    if (told > 0)
        st = status_fail(ST_USAGE,
                         "'%s' holds %d array%s that this network has no place for: %s; "
                         "--ignore PATTERN leaves out what is not needed",
                         search->path, told, told > 1 ? "s" : "", text);
    free(text);
    free(used);
    return st;
}

/* --- the number of classes, and shapes --- */

/* One array for each tensor, in the file's order? */
static bool match_by_order(const struct match_search *search, struct weights_match *match)
{
    int *list = mem_zeroed((size_t)arrays_count(search->file) + 1, sizeof *list);
    bool equal = match_candidates(search, list) == search->tensors;
    if (equal)
        memcpy(match->array, list, (size_t)search->tensors * sizeof *list);
    free(list);
    match->names[0] = '\0';
    return equal;
}

/* The rows of the head's first tensor in the file. */
static size_t match_rows(const struct match_search *search,
                         const struct weights_match *match)
{
    const struct layer *head = model_head(search->model), *layer = NULL;
    int number, i = 0;
    while (weights_tensor(search->model, i, &layer, &number) && layer != head)
        i++;
    const struct array *array = arrays_at(search->file, match->array[i]);
    return array->dims > 0 ? array->dim[0] : 1;
}

static enum status match_find_classes(const struct match_search *search,
                                      struct weights_match *match)
{
    size_t rows = match_rows(search, match);
    bool good = rows >= 2 && rows <= DATASET_CLASSES_MAX;
    if (!good && !*match->names)
        return match_fail_none(search);
    if (!good)
        FAIL(ST_USAGE, "'%s' is for %zu classes; lockstep has networks for 2 to %d",
             search->path, rows, DATASET_CLASSES_MAX);
    match->classes = (int)rows;
    return ST_OK;
}

enum status weights_match(struct weights_match *match, const struct arrays *file,
                          const char *path, const struct model *model,
                          const char *network, const char *ignore)
{
    const struct match_search search = {file, path, ignore, model,
                                        weights_tensors(model)};
    *match = (struct weights_match){.tensors = search.tensors};
    match->array = mem_zeroed((size_t)search.tensors, sizeof *match->array);
    for (int i = 0; i < search.tensors; i++)
        match->array[i] = -1;
    int found = match_by_names(&search, network, match);
    enum status st = ST_OK;
    if (found == 0 && !match_by_order(&search, match))
        TRY_TO(out, match_fail_none(&search));
    if (found > 0 && found < search.tensors)
        TRY_TO(out, match_fail_missing(&search, match, found));
    TRY_TO(out, match_check_rest(&search, match));
    st = match_find_classes(&search, match);
out:
    if (st != ST_OK)
        weights_match_release(match);
    return st;
}

enum status weights_match_shapes(const struct weights_match *match,
                                 const struct arrays *file, const char *path,
                                 const struct model *model)
{
    const struct match_search search = {file, path, NULL, model, match->tensors};
    ASSERT(weights_tensors(model) == match->tensors);
    for (int i = 0; i < match->tensors; i++) {
        const struct layer *layer;
        int number;
        const struct layer_tensor *tensor = weights_tensor(model, i, &layer, &number);
        const struct array *array = arrays_at(file, match->array[i]);
        if (match_fits(array, tensor))
            continue;
        if (!*match->names)
            return match_fail_none(&search);
        if (array->type == ARRAY_OTHER)
            FAIL(
                ST_USAGE,
                "'%s': '%s' is of no type that can be read: F64, F32, F16 or BF16 (HDF5: "
                "F64 or F32)",
                path, array->name);
        char *there = match_array_dims(array), *here = match_tensor_dims(tensor);
        enum status st =
            status_fail(ST_USAGE, "'%s': '%s' is %s there and '%s.%s' is %s here", path,
                        array->name, there, layer->name, tensor->name, here);
        free(there);
        free(here);
        return st;
    }
    return ST_OK;
}

void weights_match_release(struct weights_match *match)
{
    free(match->array);
    *match = (struct weights_match){.tensors = 0};
}
