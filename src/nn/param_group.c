#include "nn/param_group.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "nn/model.h"

#define PATTERN      128
#define PARAM_TENSOR (LAYER_NAME + 32) /* bytes of a tensor's name */

struct param_group *param_groups_add(struct param_groups *groups, const char *name,
                                     const char *where)
{
    groups->group =
        mem_resize(groups->group, (size_t)groups->count + 1, sizeof *groups->group);
    struct param_group *group = &groups->group[groups->count++];
    *group = (struct param_group){.name = mem_strdup(name),
                                  .match = mem_strdup(""),
                                  .where = mem_strdup(where),
                                  .lr = 1,
                                  .weight_decay = 1};
    return group;
}

void param_groups_release(struct param_groups *groups)
{
    for (int g = 0; g < groups->count; g++) {
        free(groups->group[g].name);
        free(groups->group[g].match);
        free(groups->group[g].where);
    }
    free(groups->group);
    *groups = (struct param_groups){0};
}

/* The next pattern of *list, which moves behind it; false: there is none. *fits: it is as
   short as a pattern may be. */
static bool param_pattern_next(const char **list, char pattern[PATTERN], bool *fits)
{
    const char *begin = *list + strspn(*list, ", \t");
    size_t length = strcspn(begin, ",");
    *list = begin + length;
    while (length > 0 && isspace((unsigned char)begin[length - 1]))
        length--;
    *fits = length < PATTERN;
    snprintf(pattern, PATTERN, "%.*s", (int)length, begin);
    return length > 0;
}

static void param_tensor_name(char name[PARAM_TENSOR], const struct layer *layer,
                              const struct layer_tensor *tensor)
{
    snprintf(name, PARAM_TENSOR, "%s.%s", layer->name, tensor->name);
}

static bool param_pattern_matches(const char *pattern, const struct layer *layer,
                                  const struct layer_tensor *tensor)
{
    char name[PARAM_TENSOR];
    param_tensor_name(name, layer, tensor);
    return fnmatch(pattern, layer->name, 0) == 0 || fnmatch(pattern, name, 0) == 0 ||
           (layer->called_head && strcmp(pattern, "head") == 0);
}

const struct param_group *param_groups_find(const struct param_groups *groups,
                                            const struct layer *layer,
                                            const struct layer_tensor *tensor)
{
    char pattern[PATTERN];
    bool fits;
    for (int g = 0; g < groups->count; g++) {
        const char *list = groups->group[g].match;
        while (param_pattern_next(&list, pattern, &fits))
            if (fits && param_pattern_matches(pattern, layer, tensor))
                return &groups->group[g];
    }
    return NULL;
}

/* --- each trained tensor of a model --- */

struct param_walk {
    const struct model *model;
    int layer, next; /* the layer, and the tensor to come */
    const struct layer *of;
    const struct layer_tensor *tensor;
};

static bool param_walk_next(struct param_walk *walk)
{
    for (; walk->layer < walk->model->layers; walk->layer++, walk->next = 0) {
        walk->of = walk->model->layer[walk->layer];
        while (walk->next < walk->of->tensors) {
            walk->tensor = &walk->of->tensor[walk->next++];
            if (RANGES_TRAINED & RANGE_BIT(walk->tensor->rule))
                return true;
        }
    }
    return false;
}

/* --- checks --- */

/* The name of a layer or of a tensor that is nearest to the pattern; NULL: none is near.
   The caller frees. */
static char *param_nearest(const char *pattern, const struct model *model)
{
    char **names = NULL;
    int count = 0;
    for (struct param_walk walk = {.model = model}; param_walk_next(&walk);) {
        char name[PARAM_TENSOR];
        param_tensor_name(name, walk.of, walk.tensor);
        names = mem_resize(names, (size_t)count + 2, sizeof *names);
        names[count++] = mem_strdup(walk.of->name);
        names[count++] = mem_strdup(name);
    }
    const char *near = parse_nearest(pattern, (const char *const *)names, count);
    char *copy = near ? mem_strdup(near) : NULL;
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return copy;
}

static enum status param_check_pattern(const struct param_group *group,
                                       const char *pattern, const struct model *model)
{
    for (struct param_walk walk = {.model = model}; param_walk_next(&walk);)
        if (param_pattern_matches(pattern, walk.of, walk.tensor))
            return ST_OK;
    char *near = param_nearest(pattern, model);
    enum status st =
        status_fail(ST_USAGE, "%s: group '%s': '%s' matches no trained tensor%s%s%s",
                    group->where, group->name, pattern,
                    near ? "; did you mean '"
                         : "; write the name of a layer "
                           "(conv1) or of a tensor "
                           "(conv1.bias), or a pattern",
                    near ? near : "", near ? "'?" : "");
    free(near);
    return st;
}

/* How many tensors and parameters the group has. */
static int param_group_size(const struct param_groups *groups,
                            const struct param_group *group, const struct model *model,
                            size_t *floats)
{
    int tensors = 0;
    *floats = 0;
    for (struct param_walk walk = {.model = model}; param_walk_next(&walk);) {
        if (param_groups_find(groups, walk.of, walk.tensor) != group)
            continue;
        tensors++;
        *floats += walk.tensor->count;
    }
    return tensors;
}

static enum status param_check_group(const struct param_groups *groups,
                                     const struct param_group *group,
                                     const struct model *model)
{
    const char *list = group->match;
    char pattern[PATTERN];
    bool fits;
    size_t floats;
    int patterns = 0;
    for (; param_pattern_next(&list, pattern, &fits); patterns++) {
        if (!fits)
            FAIL(ST_USAGE,
                 "%s: group '%s': the pattern '%.20s...' is longer than %d "
                 "characters",
                 group->where, group->name, pattern, PATTERN - 1);
        TRY(param_check_pattern(group, pattern, model));
    }
    if (patterns == 0)
        FAIL(ST_USAGE, "%s: group '%s' has no 'match = PATTERN'", group->where,
             group->name);
    if (group->epochs > 0 && group->from >= group->epochs)
        FAIL(ST_USAGE,
             "%s: group '%s' never learns: it begins after %g epochs and ends after %g",
             group->where, group->name, group->from, group->epochs);
    if (param_group_size(groups, group, model, &floats) == 0)
        FAIL(ST_USAGE,
             "%s: group '%s' gets no tensor: a group before it has all that match; the "
             "first match wins",
             group->where, group->name);
    return ST_OK;
}

enum status param_groups_check(const struct param_groups *groups,
                               const struct model *model)
{
    for (int g = 0; g < groups->count; g++)
        TRY(param_check_group(groups, &groups->group[g], model));
    return ST_OK;
}

/* When its tensors learn; "": in the whole run. The caller frees. */
static char *param_group_when(const struct param_group *group)
{
    char *text = mem_strdup("");
    if (group->from > 0)
        mem_append(&text, ", from epoch %g on", group->from);
    if (group->from > 0 && group->epochs > 0)
        mem_append(&text, " to epoch %g", group->epochs);
    else if (group->epochs > 0)
        mem_append(&text, ", for %g epochs", group->epochs);
    return text;
}

void param_groups_print(const struct param_groups *groups, const struct model *model)
{
    for (int g = 0; g < groups->count; g++) {
        const struct param_group *group = &groups->group[g];
        size_t floats;
        int tensors = param_group_size(groups, group, model, &floats);
        char *when = param_group_when(group);
        log_out("%-10s %s: %s: %d tensor%s, %zu parameters, lr x %g, weight decay x "
                "%g%s%s\n",
                g == 0 ? "groups" : "", group->name, group->match, tensors,
                tensors == 1 ? "" : "s", floats, group->lr, group->weight_decay,
                group->decay == PARAM_DECAY_ALL ? " of all" : "", when);
        free(when);
    }
}
