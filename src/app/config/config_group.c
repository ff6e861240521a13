#include "config_group.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "config_keys.h"

/* A key of the sections: a number, one of the words, or else text. */
struct group_key {
    const char *name;
    size_t offset; /* of its field in struct param_group */
    double most;   /* numbers: 0..most; 0: it is none */
    const char *const *words;
    const char *initial, *help, *range;
};

#define PARAM_GROUP(field) offsetof(struct param_group, field)

static const char *const decay_words[] = {
    [PARAM_DECAY_WEIGHTS] = "weights", [PARAM_DECAY_ALL] = "all", NULL};

static const struct group_key group_keys[CONFIG_GROUP_KEYS] = {
    {"match", PARAM_GROUP(match), 0, NULL, "",
     "names or patterns (* ? [...]) of layers or tensors: conv1, head*, *.bias; the "
     "first group that matches has the tensor",
     "PATTERN[, PATTERN ...]"},
    {"lr", PARAM_GROUP(lr), 1e6, NULL, "1", "factor of the learning rate",
     "a number from 0 to 1000000"},
    {"weight_decay", PARAM_GROUP(weight_decay), 1e6, NULL, "1",
     "factor of the weight decay", "a number from 0 to 1000000"},
    {"decay", PARAM_GROUP(decay), 0, decay_words, "weights",
     "what has weight decay: weights alone, or all, biases and norms too",
     "weights | all"},
    {"from", PARAM_GROUP(from), 1e6, NULL, "0",
     "epochs before its tensors begin to learn; until then they stay as they are",
     "a number from 0 to 1000000"},
    {"epochs", PARAM_GROUP(epochs), 1e6, NULL, "0",
     "epochs after which its tensors stay as they are; 0: trained to the end",
     "a number from 0 to 1000000"},
};

const char *config_group_name(const char *section)
{
    return config_section_name(section, "group");
}

int config_group_key(const char *name)
{
    for (int i = 0; i < CONFIG_GROUP_KEYS; i++)
        if (strcmp(group_keys[i].name, name) == 0)
            return i;
    return -1;
}

void config_describe_group_key(int i, struct config_key_help *help)
{
    const struct group_key *key = &group_keys[i];
    *help =
        (struct config_key_help){"group NAME", key->name, key->initial, key->help, ""};
    snprintf(help->range, sizeof help->range, "%s", key->range);
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
    const char *names[CONFIG_GROUP_KEYS];
    for (int k = 0; k < CONFIG_GROUP_KEYS; k++)
        names[k] = group_keys[k].name;
    const char *near = parse_nearest(name, names, CONFIG_GROUP_KEYS);
    if (near)
        FAIL(ST_USAGE, "%s: unknown key '%s' in a group; did you mean '%s'?", where, name,
             near);
    char all[PARSE_CHOICES];
    FAIL(ST_USAGE, "%s: unknown key '%s' in a group: expected %s", where, name,
         parse_choices(names, CONFIG_GROUP_KEYS, all));
}

static int config_word_of(const char *const *words, const char *value)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], value) == 0)
            return i;
    return -1;
}

static enum status config_assign_group_key(struct param_group *group,
                                           const struct group_key *key, const char *value,
                                           const char *where)
{
    char *field = (char *)group + key->offset;
    if (key->words) {
        int word = config_word_of(key->words, value);
        if (word < 0)
            FAIL(ST_USAGE, "%s: '%s = %s': expected %s", where, key->name, value,
                 key->range);
        *(int *)(void *)field = word;
    } else if (key->most > 0) {
        if (!parse_real(value, 0, key->most, (double *)(void *)field))
            FAIL(ST_USAGE, "%s: '%s = %s': expected %s", where, key->name, value,
                 key->range);
    } else {
        free(*(char **)(void *)field);
        *(char **)(void *)field = mem_strdup(value);
    }
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
    return config_assign_group_key(config_find_group(groups, group), &group_keys[key],
                                   value, where);
}

/* --- as text --- */

/* The value of a key; the caller frees. group NULL: "(none)". */
static char *config_group_value(const struct param_group *group, int key)
{
    if (!group)
        return mem_strdup("(none)");
    const char *field = (const char *)group + group_keys[key].offset;
    if (group_keys[key].words)
        return mem_strdup(group_keys[key].words[*(const int *)(const void *)field]);
    if (group_keys[key].most > 0)
        return mem_format("%.15g", *(const double *)(const void *)field);
    return mem_strdup(*(char *const *)(const void *)field);
}

void config_append_groups(char **text, const struct param_groups *groups)
{
    for (int g = 0; g < groups->count; g++) {
        config_append_heading(text, "group", groups->group[g].name);
        for (int k = 0; k < CONFIG_GROUP_KEYS; k++) {
            char *value = config_group_value(&groups->group[g], k);
            mem_append(text, "%s = %s\n", group_keys[k].name, value);
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
        const char *only = !then ? new : !now ? old : NULL; /* in one of the two */
        bool tells = !only || strcmp(only, group_keys[k].initial) != 0;
        if (tells && strcmp(old, new) != 0) {
            char *line =
                mem_format("group %s.%s %s -> %s", name, group_keys[k].name, old, new);
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
            char *value = config_group_value(group, k);
            if (strcmp(value, group_keys[k].initial) == 0) {
                free(value);
                continue;
            }
            char *line =
                mem_format("group %s.%s=%s", group->name, group_keys[k].name, value);
            show(line);
            free(line);
            free(value);
        }
}
