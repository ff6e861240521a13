#include "config_group.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "config_keys.h"

#define GROUP_FACTOR_MAX 1e6

static const char *const group_keys[CONFIG_GROUP_KEYS] = {"match", "lr", "weight_decay"};

const char *config_group_name(const char *section)
{
    return config_section_name(section, "group");
}

int config_group_key(const char *name)
{
    for (int i = 0; i < CONFIG_GROUP_KEYS; i++)
        if (strcmp(group_keys[i], name) == 0)
            return i;
    return -1;
}

void config_describe_group_key(int i, struct config_key_help *help)
{
    static const struct config_key_help keys[CONFIG_GROUP_KEYS] = {
        {"group NAME", "match", "",
         "names or patterns (* ? [...]) of layers or tensors: conv1, head*, *.bias; the "
         "first group that matches has the tensor",
         "PATTERN[, PATTERN ...]"},
        {"group NAME", "lr", "1", "factor of the learning rate",
         "a number from 0 to 1000000"},
        {"group NAME", "weight_decay", "1",
         "factor of the weight decay; biases and norms have none in any group",
         "a number from 0 to 1000000"},
    };
    *help = keys[i];
}

static struct param_group *config_find_group(const struct param_groups *groups,
                                             const char *name)
{
    for (int g = 0; g < groups->count; g++)
        if (strcmp(groups->group[g].name, name) == 0)
            return &groups->group[g];
    return NULL;
}

/* --set cuts at the first dot. */
static enum status config_check_group_name(const char *name, const char *where)
{
    size_t length = strlen(name);
    bool good = length > 0 && length < 48;
    for (size_t i = 0; i < length; i++)
        good = good && (isalnum((unsigned char)name[i]) || strchr("_-", name[i]));
    if (!good)
        FAIL(ST_USAGE,
             "%s: '%s' cannot be the name of a group: letters, digits, '_' and '-', at "
             "most 47",
             where, name);
    return ST_OK;
}

enum status config_begin_group(struct config *config, const char *name, const char *where)
{
    struct param_groups *groups = &config->run.optim.groups;
    const struct param_group *there = config_find_group(groups, name);
    TRY(config_check_group_name(name, where));
    if (there)
        FAIL(ST_USAGE, "%s: there is a group '%s' already, at %s", where, name,
             there->where);
    if (groups->count == MODEL_LAYERS)
        FAIL(ST_USAGE, "%s: more than %d groups", where, MODEL_LAYERS);
    param_groups_add(groups, name, where);
    return ST_OK;
}

static enum status config_unknown_group_key(const char *name, const char *where)
{
    const char *near = parse_nearest(name, group_keys, CONFIG_GROUP_KEYS);
    if (near)
        FAIL(ST_USAGE, "%s: unknown key '%s' in a group; did you mean '%s'?", where, name,
             near);
    FAIL(ST_USAGE,
         "%s: unknown key '%s' in a group: it has 'match', 'lr' and 'weight_decay'",
         where, name);
}

static enum status config_set_factor(double *factor, const char *name, const char *value,
                                     const char *where)
{
    if (!parse_real(value, 0, GROUP_FACTOR_MAX, factor))
        FAIL(ST_USAGE, "%s: '%s = %s': expected a number from 0 to %.0f", where, name,
             value, GROUP_FACTOR_MAX);
    return ST_OK;
}

enum status config_set_group_key(struct config *config, const char *group,
                                 const char *name, const char *value, const char *where)
{
    struct param_groups *groups = &config->run.optim.groups;
    int key = config_group_key(name);
    if (key < 0)
        return config_unknown_group_key(name, where);
    if (!config_find_group(groups, group))
        TRY(config_begin_group(config, group, where));
    struct param_group *to = config_find_group(groups, group);
    if (key > 0)
        return config_set_factor(key == 1 ? &to->lr : &to->weight_decay, name, value,
                                 where);
    free(to->match);
    to->match = mem_strdup(value);
    return ST_OK;
}

/* --- as text --- */

/* The value of a key; the caller frees. group NULL: "(none)". */
static char *config_group_value(const struct param_group *group, int key)
{
    if (!group)
        return mem_strdup("(none)");
    if (key == 0)
        return mem_strdup(group->match);
    return mem_format("%.15g", key == 1 ? group->lr : group->weight_decay);
}

static bool config_group_is_initial(const struct param_group *group, int key)
{
    return key == 1 ? group->lr == 1.0 : key == 2 && group->weight_decay == 1.0;
}

void config_append_groups(char **text, const struct param_groups *groups)
{
    for (int g = 0; g < groups->count; g++) {
        mem_append(text, "[group %s]\n", groups->group[g].name);
        for (int k = 0; k < CONFIG_GROUP_KEYS; k++) {
            char *value = config_group_value(&groups->group[g], k);
            mem_append(text, "%s = %s\n", group_keys[k], value);
            free(value);
        }
    }
}

static void config_compare_group(const char *name, const struct param_group *then,
                                 const struct param_group *now,
                                 void (*show)(const char *line))
{
    for (int k = 0; k < CONFIG_GROUP_KEYS; k++) {
        char *old = config_group_value(then, k), *new = config_group_value(now, k);
        if (strcmp(old, new) != 0) {
            char *line =
                mem_format("group %s.%s %s -> %s", name, group_keys[k], old, new);
            show(line);
            free(line);
        }
        free(old);
        free(new);
    }
}

void config_compare_groups(const struct param_groups *then,
                           const struct param_groups *now, void (*show)(const char *line))
{
    for (int g = 0; g < then->count; g++)
        config_compare_group(then->group[g].name, &then->group[g],
                             config_find_group(now, then->group[g].name), show);
    for (int g = 0; g < now->count; g++)
        if (!config_find_group(then, now->group[g].name))
            config_compare_group(now->group[g].name, NULL, &now->group[g], show);
}

void config_show_groups(const struct param_groups *groups, void (*show)(const char *line))
{
    for (int g = 0; g < groups->count; g++)
        for (int k = 0; k < CONFIG_GROUP_KEYS; k++) {
            const struct param_group *group = &groups->group[g];
            if (config_group_is_initial(group, k))
                continue;
            char *value = config_group_value(group, k);
            char *line = mem_format("group %s.%s=%s", group->name, group_keys[k], value);
            show(line);
            free(line);
            free(value);
        }
}
