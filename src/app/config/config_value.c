#include "config_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"

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

static void config_size_text(const int size[2], char text[CONFIG_VALUE])
{
    if (size[0] == size[1])
        snprintf(text, CONFIG_VALUE, size[0] ? "%d" : "", size[0]);
    else
        snprintf(text, CONFIG_VALUE, "%dx%d", size[0], size[1]);
}

/* "2" pixels, "7%" of a side. */
static void config_length_text(const double length[2], char text[CONFIG_VALUE])
{
    if (length[1] > 0)
        snprintf(text, CONFIG_VALUE, "%.15g%%", 100 * length[1]);
    else
        snprintf(text, CONFIG_VALUE, "%.15g", length[0]);
}

static bool config_assign_length(double length[2], double most, const char *value)
{
    size_t digits = strlen(value);
    bool share = digits > 0 && value[digits - 1] == '%';
    char *number = mem_strdup(value);
    double x = 0;
    number[digits - share] = '\0';
    bool good = parse_real(number, 0, share ? 100 : most, &x);
    free(number);
    if (!good)
        return false;
    length[0] = share ? 0 : x;
    length[1] = share ? x / 100 : 0;
    return true;
}

static bool config_assign_size(int size[2], int most, const char *value)
{
    if (*value)
        return parse_size(value, 1, most, &size[0], &size[1]);
    size[0] = size[1] = 0;
    return true;
}

void config_value_text(const struct config *config, const struct config_key *key, int i,
                       char text[CONFIG_VALUE])
{
    const void *at = config_field(config, key);
    switch (key->kind) {
    case KEY_INT:
        snprintf(text, CONFIG_VALUE, "%d", *(const int *)at);
        break;
    case KEY_LONG:
        snprintf(text, CONFIG_VALUE, "%lld", *(const long long *)at);
        break;
    case KEY_U64:
        snprintf(text, CONFIG_VALUE, "%llu", (unsigned long long)*(const uint64_t *)at);
        break;
    case KEY_REAL:
        snprintf(text, CONFIG_VALUE, "%.15g", *(const double *)at);
        break;
    case KEY_BOOL:
        snprintf(text, CONFIG_VALUE, "%s", *(const bool *)at ? "on" : "off");
        break;
    case KEY_TEXT:
        snprintf(text, CONFIG_VALUE, "%s", *(char *const *)at);
        break;
    case KEY_SIZE:
        config_size_text(at, text);
        break;
    case KEY_LENGTH:
        config_length_text(at, text);
        break;
    case KEY_WORD:
        snprintf(text, CONFIG_VALUE, "%s", key->words[*(const int *)at]);
        break;
    case KEY_LAYERS:
        snprintf(text, CONFIG_VALUE, "%s",
                 ((const struct model_spec *)at)->lines.text[i]);
        break;
    }
}

int config_value_count(const struct config *config, const struct config_key *key)
{
    return key->kind == KEY_LAYERS ? config->model.lines.count : 1;
}

void config_value_range(const struct config_key *key, char text[CONFIG_RANGE])
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
    case KEY_LENGTH:
        snprintf(text, CONFIG_RANGE,
                 "pixels up to %.0f, or a part of the side, like 2 or 7%%", key->hi);
        break;
    case KEY_TEXT:
    case KEY_LAYERS:
        snprintf(text, CONFIG_RANGE, "text");
        break;
    }
}

bool config_value_assign(struct config *config, const struct config_key *key,
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
    case KEY_LENGTH:
        return config_assign_length(at, key->hi, value);
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
