#include "app/config/config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "config_keys.h"

#define VALUE (FS_PATH + 64) /* bytes of a printed value */

static void *field(const struct config *config, const struct config_key *key)
{
    return (char *)(uintptr_t)config + key->offset;
}

static int word_index(const struct config_key *key, const char *value)
{
    for (int i = 0; key->words[i]; i++)
        if (strcmp(key->words[i], value) == 0)
            return i;
    return -1;
}

/* The value as text; for layers the line `i`. */
static void value_text(const struct config *config, const struct config_key *key, int i,
                       char text[VALUE])
{
    const void *at = field(config, key);
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
    case KEY_WORD:
        snprintf(text, VALUE, "%s", key->words[*(const int *)at]);
        break;
    case KEY_LAYERS:
        snprintf(text, VALUE, "%s", ((const struct model_spec *)at)->text[i]);
        break;
    }
}

static int value_count(const struct config *config, const struct config_key *key)
{
    return key->kind == KEY_LAYERS ? config->model.count : 1;
}

static void expected(const struct config_key *key, char text[VALUE])
{
    int used = 0;
    switch (key->kind) {
    case KEY_INT:
    case KEY_LONG:
        snprintf(text, VALUE, "a whole number from %.0f to %.0f", key->lo, key->hi);
        break;
    case KEY_U64:
        snprintf(text, VALUE, "a whole number from 0");
        break;
    case KEY_REAL:
        snprintf(text, VALUE, "a number from %g to %g", key->lo, key->hi);
        break;
    case KEY_BOOL:
        snprintf(text, VALUE, "on or off");
        break;
    case KEY_WORD:
        for (int i = 0; key->words[i]; i++)
            used += snprintf(text + used, (size_t)(VALUE - used), "%s%s", i ? " | " : "",
                             key->words[i]);
        break;
    case KEY_TEXT:
    case KEY_LAYERS:
        snprintf(text, VALUE, "text");
        break;
    }
}

/* false: not a value of this key. */
static bool assign(struct config *config, const struct config_key *key, const char *value,
                   const char *where)
{
    void *at = field(config, key);
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
    case KEY_WORD:
        if (word_index(key, value) < 0)
            return false;
        *(int *)at = word_index(key, value);
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
            ASSERT(assign(config, &config_keys[i], config_keys[i].initial, ""));
}

void config_release(struct config *config)
{
    free(config->data.file);
    free(config->run.parallel.stages);
    model_spec_release(&config->model);
    memset(config, 0, sizeof *config);
}

static enum status unknown_key(const char *where, const char *section, const char *name)
{
    const char *names[128], *sections[128];
    int count = 0, known = 0;
    for (int i = 0; i < config_key_count; i++) {
        sections[i] = config_keys[i].section;
        if (strcmp(config_keys[i].section, section) == 0)
            names[count++] = config_keys[i].name;
        if (strcmp(config_keys[i].name, name) == 0)
            known = i + 1;
    }
    if (!*section)
        FAIL(ST_USAGE, "%s: '%s' stands before the first [section]", where, name);
    if (count == 0) {
        const char *near = parse_nearest(section, sections, config_key_count);
        FAIL(ST_USAGE, "%s: unknown section '%s'%s%s%s", where, section,
             near ? "; did you mean '" : "; see 'lockstep train --help'",
             near ? near : "", near ? "'?" : "");
    }
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
    for (int i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        if (strcmp(key->section, section) != 0 || strcmp(key->name, name) != 0)
            continue;
        if (key->kind == KEY_LAYERS && config->model.count == MODEL_LAYERS)
            FAIL(ST_USAGE, "%s: more than %d layers", where, MODEL_LAYERS);
        if (assign(config, key, value, where))
            return ST_OK;
        char text[VALUE];
        expected(key, text);
        FAIL(ST_USAGE, "%s: '%s = %s': expected %s", where, name, value, text);
    }
    return unknown_key(where, section, name);
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
        if (strcmp(section, "model") == 0) {
            log_error("'--set %s': the network is set in the config file", assignment);
            st = ST_USAGE;
        } else {
            st = config_set_key(config, section, name, parse_trim(equals + 1), "--set");
        }
    }
    free(copy);
    return st;
}

/* A checkpoint keeps the config as text: what would be read back otherwise. */
static bool is_storable(const char *text)
{
    size_t n = strlen(text);
    if (n > 0 && (isspace((unsigned char)text[0]) || isspace((unsigned char)text[n - 1])))
        return false;
    for (size_t i = 0; i < n; i++) {
        bool comment = text[i] == '#' || text[i] == ';';
        bool alone = i == 0 || text[i - 1] == ' ' || text[i - 1] == '\t';
        if (text[i] == '\n' || (comment && alone))
            return false;
    }
    return true;
}

enum status config_check(const struct config *config, const char *name)
{
    if (config->model.count == 0)
        FAIL(ST_USAGE, "%s: no network: [model] needs 'layer = ...' lines", name);
    if (!*config->data.file)
        FAIL(ST_USAGE, "%s: no data set; give --data FILE or file = in [data]", name);
    if (!is_storable(config->data.file))
        FAIL(
            ST_USAGE,
            "'%s' cannot be the name of the data set: a config cannot hold a line end, a "
            "blank at an end, or '#' or ';' behind a blank; rename the file",
            config->data.file);
    if (!is_storable(config->run.parallel.stages))
        FAIL(ST_USAGE, "parallel.stages = '%s': expected LAYER+LAYER | LAYER ...",
             config->run.parallel.stages);
    return ST_OK;
}

char *config_text(const struct config *config)
{
    char *text = mem_strdup("");
    const char *section = "";
    for (int i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        for (int j = 0; j < value_count(config, key); j++) {
            char value[VALUE];
            value_text(config, key, j, value);
            bool heading = strcmp(section, key->section) != 0;
            mem_append(&text, "%s%s%s%s = %s\n", heading ? "[" : "",
                       heading ? key->section : "", heading ? "]\n" : "", key->name,
                       value);
            section = key->section;
        }
    }
    return text;
}

enum status config_compare(const struct config *then, const struct config *now,
                           void (*show)(const char *line))
{
    for (int i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        int before = value_count(then, key), after = value_count(now, key);
        for (int j = 0; j < before || j < after; j++) {
            char old[VALUE] = "(none)", new[VALUE] = "(none)", line[3 * VALUE];
            if (j < before)
                value_text(then, key, j, old);
            if (j < after)
                value_text(now, key, j, new);
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

void config_show_changed(const struct config *config, void (*show)(const char *line))
{
    struct config initial;
    config_init(&initial);
    for (int i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        if (key->kind == KEY_LAYERS)
            continue;
        char value[VALUE], was[VALUE], line[2 * VALUE];
        value_text(config, key, 0, value);
        value_text(&initial, key, 0, was);
        if (strcmp(value, was) == 0)
            continue;
        snprintf(line, sizeof line, "%s.%s=%s", key->section, key->name, value);
        show(line);
    }
    config_release(&initial);
}

void config_print_help(void)
{
    const char *section = "";
    for (int i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        char range[VALUE];
        expected(key, range);
        if (strcmp(section, key->section) != 0)
            log_out("\n  [%s]\n", key->section);
        section = key->section;
        log_out("  %-16s %-8s %s (%s)\n", key->name, key->initial, key->help, range);
    }
}
