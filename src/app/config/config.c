#include "app/config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/config/config_words.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "config_block.h"
#include "config_group.h"
#include "config_keys.h"
#include "config_recipe.h"
#include "config_value.h"

void config_init(struct config *config)
{
    memset(config, 0, sizeof *config);
    for (int i = 0; i < config_key_count; i++)
        if (config_keys[i].kind != KEY_LAYERS)
            ASSERT(
                config_value_assign(config, &config_keys[i], config_keys[i].initial, ""));
}

void config_release(struct config *config)
{
    free(config->data.file);
    free(config->data.mean);
    free(config->data.std);
    free(config->finetune.pretrained);
    free(config->run.features.folder);
    free(config->run.log.mlperf);
    free(config->run.parallel.stages);
    free(config->run.train.class_weights);
    model_spec_release(&config->model);
    param_groups_release(&config->run.optim.groups);
    memset(config, 0, sizeof *config);
}

/* key: "section.name" of another program's word. */
static enum status config_translate_key(const char *where, const char *section,
                                        const char *name, const char *key)
{
    size_t length = strcspn(key, ".");
    bool here = strlen(section) == length && strncmp(key, section, length) == 0;
    if (here)
        FAIL(ST_USAGE, "%s: unknown key '%s' in [%s]; did you mean '%s'?", where, name,
             section, key + length + 1);
    FAIL(ST_USAGE, "%s: unknown key '%s' in [%s]; did you mean '%s' in [%.*s]?", where,
         name, section, key + length + 1, (int)length, key);
}

static enum status config_unknown_key(const char *where, const char *section,
                                      const char *name)
{
    const char *names[CONFIG_KEYS_MAX];
    int count = 0, known = 0;
    for (int i = 0; i < config_key_count; i++) {
        if (strcmp(config_keys[i].section, section) == 0)
            names[count++] = config_keys[i].name;
        if (strcmp(config_keys[i].name, name) == 0)
            known = i + 1;
    }
    if (!*section)
        FAIL(ST_USAGE, "%s: '%s' stands before the first [section]", where, name);
    if (count == 0)
        return config_check_section(section, where);
    const char *near = parse_nearest(name, names, count);
    const char *key = known ? NULL : config_word_key(name);
    if (key)
        return config_translate_key(where, section, name, key);
    if (near)
        FAIL(ST_USAGE, "%s: unknown key '%s' in [%s]; did you mean '%s'?", where, name,
             section, near);
    if (known)
        FAIL(ST_USAGE, "%s: unknown key '%s' in [%s]; it belongs to [%s]", where, name,
             section, config_keys[known - 1].section);
    FAIL(ST_USAGE, "%s: unknown key '%s' in [%s]; see 'lockstep train --help'", where,
         name, section);
}

enum status config_set_key(struct config *config, const char *section, const char *name,
                           const char *value, const char *where)
{
    if (config_block_name(section))
        return config_set_block_key(config, name, value, where);
    if (config_group_name(section))
        return config_set_group_key(config, config_group_name(section), name, value,
                                    where);
    int recipe = config->recipe.name;
    for (int i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        if (strcmp(key->section, section) != 0 || strcmp(key->name, name) != 0)
            continue;
        if (key->kind == KEY_LAYERS && config->model.lines.count == MODEL_LAYERS)
            FAIL(ST_USAGE, "%s: more than %d layers", where, MODEL_LAYERS);
        if (key->kind == KEY_LAYERS && strlen(value) >= CONFIG_VALUE)
            FAIL(ST_USAGE, "%s: a layer's line is longer than %d characters", where,
                 CONFIG_VALUE - 1);
        if (config_value_assign(config, key, value, where)) {
            config_recipe_follow(config, key, recipe);
            return ST_OK;
        }
        char text[CONFIG_RANGE];
        config_value_range(key, text);
        FAIL(ST_USAGE, "%s: '%s = %s': expected %s", where, name, value, text);
    }
    return config_unknown_key(where, section, name);
}

/* Without a section: it may be another program's word. */
static enum status config_refuse_assignment(char *copy, const char *assignment)
{
    char *equals = strchr(copy, '=');
    if (equals)
        *equals = '\0';
    const char *key = equals ? config_word_key(parse_trim(copy)) : NULL;
    if (key)
        FAIL(ST_USAGE, "'--set %s': expected section.key=value; did you mean '%s=%s'?",
             assignment, key, parse_trim(equals + 1));
    FAIL(ST_USAGE, "'--set %s': expected section.key=value", assignment);
}

enum status config_set(struct config *config, const char *assignment)
{
    char *copy = mem_strdup(assignment);
    char *dot = strchr(copy, '.'), *equals = strchr(copy, '=');
    enum status st = ST_OK;
    if (!dot || !equals || dot > equals) {
        st = config_refuse_assignment(copy, assignment);
    } else {
        *dot = *equals = '\0';
        const char *section = parse_trim(copy), *name = parse_trim(dot + 1);
        if (strcmp(section, "model") == 0 || config_block_name(section)) {
            log_error("'--set %s': the network is set in the config file", assignment);
            st = ST_USAGE;
        } else {
            st = config_set_key(config, section, name, parse_trim(equals + 1), "--set");
        }
    }
    free(copy);
    return st;
}

enum status config_set_image_size(struct config *config, const char *text)
{
    static const char *const keys[] = {"size", "input"};
    int h, w;
    if (text && !*text)
        FAIL(ST_USAGE, "'--image-size' needs pixels, like 28 or 32x24");
    if (text && !parse_size(text, 1, CONFIG_SIDE, &h, &w))
        FAIL(ST_USAGE, "'--image-size %s': expected pixels, like 28 or 32x24, up to %d",
             text, CONFIG_SIDE);
    for (int i = 0; text && i < 2; i++)
        TRY(config_set_key(config, "data", keys[i], text, "--image-size"));
    return ST_OK;
}

static char *config_text_of(const struct config *config,
                            bool (*wanted)(const struct config_key *key))
{
    char *text = mem_strdup("");
    const char *section = "";
    for (int i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        for (int j = 0; wanted(key) && j < config_value_count(config, key); j++) {
            char value[CONFIG_VALUE];
            config_value_text(config, key, j, value);
            bool begins = strcmp(section, key->section) != 0;
            if (begins && key->kind == KEY_LAYERS)
                config_append_blocks(&text, &config->model);
            if (begins)
                config_append_heading(&text, key->section, "");
            mem_append(&text, "%s = %s\n", key->name, value);
            section = key->section;
        }
    }
    return text;
}

static bool config_is_any(const struct config_key *key)
{
    (void)key;
    return true;
}

char *config_text(const struct config *config)
{
    char *text = config_text_of(config, config_is_any);
    config_append_groups(&text, &config->run.optim.groups);
    return text;
}

static bool config_is_of_features(const struct config_key *key)
{
    static const char *const names[][2] = {
        {"data", "input"},
        {"data", "shift_x"},
        {"data", "shift_y"},
        {"train", "winograd"},
    };
    bool listed =
        strcmp(key->section, "model") == 0 ||
        (strcmp(key->section, "augment") == 0 && strcmp(key->name, "recipe") != 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        listed = listed || (strcmp(key->section, names[i][0]) == 0 &&
                            strcmp(key->name, names[i][1]) == 0);
    return listed;
}

char *config_features_text(const struct config *config)
{
    return config_text_of(config, config_is_of_features);
}

/* The keys that must not change, or the others. */
static enum status config_compare_keys(const struct config *then,
                                       const struct config *now, bool fixed,
                                       void (*show)(const char *line))
{
    for (int i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        if (key->fixed != fixed)
            continue;
        int before = config_value_count(then, key), after = config_value_count(now, key);
        for (int j = 0; j < before || j < after; j++) {
            char old[CONFIG_VALUE] = "(none)", new[CONFIG_VALUE] = "(none)",
                 line[3 * CONFIG_VALUE];
            if (j < before)
                config_value_text(then, key, j, old);
            if (j < after)
                config_value_text(now, key, j, new);
            if (strcmp(old, new) == 0)
                continue;
            if (key->fixed)
                FAIL(ST_USAGE,
                     "cannot resume: %s.%s was '%s' and is now '%s'; "
                     "start a new run with another --run",
                     key->section, key->name, old, new);
            snprintf(line, sizeof line, "%s.%s %s -> %s", key->section, key->name, old,
                     new);
            show(line);
        }
    }
    return ST_OK;
}

enum status config_compare(const struct config *then, const struct config *now,
                           void (*show)(const char *line))
{
    TRY(config_compare_blocks(&then->model, &now->model));
    TRY(config_compare_keys(then, now, true, show));
    TRY(config_compare_keys(then, now, false, show));
    config_compare_groups(&then->run.optim.groups, &now->run.optim.groups, show);
    return ST_OK;
}

void config_show_changed(const struct config *config, void (*show)(const char *line))
{
    struct config initial;
    config_init(&initial);
    for (int i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        if (key->kind == KEY_LAYERS)
            continue;
        char value[CONFIG_VALUE], was[CONFIG_VALUE], line[2 * CONFIG_VALUE];
        config_value_text(config, key, 0, value);
        config_value_text(&initial, key, 0, was);
        if (strcmp(value, was) == 0)
            continue;
        snprintf(line, sizeof line, "%s.%s=%s", key->section, key->name, value);
        show(line);
    }
    config_release(&initial);
    config_show_groups(&config->run.optim.groups, show);
}

bool config_describe_key(int i, struct config_key_help *help)
{
    if (i >= config_key_count + CONFIG_GROUP_KEYS)
        return false;
    if (i >= config_key_count) {
        config_describe_group_key(i - config_key_count, help);
        return true;
    }
    const struct config_key *key = &config_keys[i];
    *help =
        (struct config_key_help){key->section, key->name, key->initial, key->help, ""};
    config_value_range(key, help->range);
    return true;
}

char *config_key_text(const struct config *config, int i)
{
    char text[CONFIG_VALUE];
    if (i >= config_key_count || config_keys[i].kind == KEY_LAYERS)
        return NULL;
    config_value_text(config, &config_keys[i], 0, text);
    return mem_strdup(text);
}

char *config_groups_text(const struct config *config)
{
    char *text = mem_strdup("");
    config_append_groups(&text, &config->run.optim.groups);
    return text;
}
