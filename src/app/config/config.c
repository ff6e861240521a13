#include "app/config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "config_block.h"
#include "config_group.h"
#include "config_keys.h"

#define VALUE (FS_PATH + 64) /* bytes of a value as text */

static void *config_field(const struct config *config, const struct config_key *key)
{
    return (char *)(uintptr_t)config + key->offset;
}

static int config_word_index(const struct config_key *key, const char *value)
{
    for (int i = 0; key->words[i]; i++)
        if (strcmp(key->words[i], value) == 0)
            return i;
    return -1;
}

static void config_size_text(const int size[2], char text[VALUE])
{
    if (size[0] == size[1])
        snprintf(text, VALUE, size[0] ? "%d" : "", size[0]);
    else
        snprintf(text, VALUE, "%dx%d", size[0], size[1]);
}

static bool config_assign_size(int size[2], int most, const char *value)
{
    if (*value)
        return parse_size(value, 1, most, &size[0], &size[1]);
    size[0] = size[1] = 0;
    return true;
}

/* The value as text; of layers that of line `i`. */
static void config_value_text(const struct config *config, const struct config_key *key,
                              int i, char text[VALUE])
{
    const void *at = config_field(config, key);
    switch (key->kind) {
    case KEY_INT:
        snprintf(text, VALUE, "%d", *(const int *)at);
        break;
    case KEY_LONG:
        snprintf(text, VALUE, "%lld", *(const long long *)at);
        break;
    case KEY_U64:
        snprintf(text, VALUE, "%llu", (unsigned long long)*(const uint64_t *)at);
        break;
    case KEY_REAL:
        snprintf(text, VALUE, "%.15g", *(const double *)at);
        break;
    case KEY_BOOL:
        snprintf(text, VALUE, "%s", *(const bool *)at ? "on" : "off");
        break;
    case KEY_TEXT:
        snprintf(text, VALUE, "%s", *(char *const *)at);
        break;
    case KEY_SIZE:
        config_size_text(at, text);
        break;
    case KEY_WORD:
        snprintf(text, VALUE, "%s", key->words[*(const int *)at]);
        break;
    case KEY_LAYERS:
        snprintf(text, VALUE, "%s", ((const struct model_spec *)at)->lines.text[i]);
        break;
    }
}

static int config_value_count(const struct config *config, const struct config_key *key)
{
    return key->kind == KEY_LAYERS ? config->model.lines.count : 1;
}

static void config_range(const struct config_key *key, char text[CONFIG_RANGE])
{
    int used = 0;
    switch (key->kind) {
    case KEY_INT:
    case KEY_LONG:
        snprintf(text, CONFIG_RANGE, "a whole number from %.0f to %.0f", key->lo,
                 key->hi);
        break;
    case KEY_U64:
        snprintf(text, CONFIG_RANGE, "a whole number from 0");
        break;
    case KEY_REAL:
        snprintf(text, CONFIG_RANGE, "a number from %.10g to %.10g", key->lo, key->hi);
        break;
    case KEY_BOOL:
        snprintf(text, CONFIG_RANGE, "on or off");
        break;
    case KEY_WORD:
        for (int i = 0; key->words[i]; i++)
            used += snprintf(text + used, (size_t)(CONFIG_RANGE - used), "%s%s",
                             i ? " | " : "", key->words[i]);
        break;
    case KEY_SIZE:
        snprintf(text, CONFIG_RANGE, "pixels, like 28 or 32x24, up to %.0f", key->hi);
        break;
    case KEY_TEXT:
    case KEY_LAYERS:
        snprintf(text, CONFIG_RANGE, "text");
        break;
    }
}

/* Returns false if the text is not a value of this key. */
static bool config_assign(struct config *config, const struct config_key *key,
                          const char *value, const char *where)
{
    void *at = config_field(config, key);
    long long whole;
    switch (key->kind) {
    case KEY_INT:
        if (!parse_int(value, (long long)key->lo, (long long)key->hi, &whole))
            return false;
        *(int *)at = (int)whole;
        return true;
    case KEY_LONG:
        return parse_int(value, (long long)key->lo, (long long)key->hi, at);
    case KEY_U64:
        return parse_u64(value, at);
    case KEY_REAL:
        return parse_real(value, key->lo, key->hi, at);
    case KEY_BOOL:
        return parse_bool(value, at);
    case KEY_TEXT:
        free(*(char **)at);
        *(char **)at = mem_strdup(value);
        return true;
    case KEY_SIZE:
        return config_assign_size(at, (int)key->hi, value);
    case KEY_WORD:
        if (config_word_index(key, value) < 0)
            return false;
        *(int *)at = config_word_index(key, value);
        return true;
    case KEY_LAYERS:
        model_spec_add(&config->model, value, where);
        return true;
    }
    return false;
}

void config_init(struct config *config)
{
    memset(config, 0, sizeof *config);
    for (int i = 0; i < config_key_count; i++)
        if (config_keys[i].kind != KEY_LAYERS)
            ASSERT(config_assign(config, &config_keys[i], config_keys[i].initial, ""));
}

void config_release(struct config *config)
{
    free(config->data.file);
    free(config->data.mean);
    free(config->data.std);
    free(config->finetune.pretrained);
    free(config->run.parallel.stages);
    free(config->run.train.class_weights);
    model_spec_release(&config->model);
    param_groups_release(&config->run.optim.groups);
    memset(config, 0, sizeof *config);
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
    for (int i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        if (strcmp(key->section, section) != 0 || strcmp(key->name, name) != 0)
            continue;
        if (key->kind == KEY_LAYERS && config->model.lines.count == MODEL_LAYERS)
            FAIL(ST_USAGE, "%s: more than %d layers", where, MODEL_LAYERS);
        if (key->kind == KEY_LAYERS && strlen(value) >= VALUE)
            FAIL(ST_USAGE, "%s: a layer's line is longer than %d characters", where,
                 VALUE - 1);
        if (config_assign(config, key, value, where))
            return ST_OK;
        char text[CONFIG_RANGE];
        config_range(key, text);
        FAIL(ST_USAGE, "%s: '%s = %s': expected %s", where, name, value, text);
    }
    return config_unknown_key(where, section, name);
}

enum status config_set(struct config *config, const char *assignment)
{
    char *copy = mem_strdup(assignment);
    char *dot = strchr(copy, '.'), *equals = strchr(copy, '=');
    enum status st = ST_OK;
    if (!dot || !equals || dot > equals) {
        log_error("'--set %s': expected section.key=value", assignment);
        st = ST_USAGE;
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
            char value[VALUE];
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
        strcmp(key->section, "model") == 0 || strcmp(key->section, "augment") == 0;
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
            char old[VALUE] = "(none)", new[VALUE] = "(none)", line[3 * VALUE];
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
        char value[VALUE], was[VALUE], line[2 * VALUE];
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
    config_range(key, help->range);
    return true;
}
