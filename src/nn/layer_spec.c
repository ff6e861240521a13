#include "layer_spec.h"

#include <stdio.h>
#include <string.h>

#include "base/parse.h"

const char *const layer_off_on[] = {"off", "on", NULL};

/* The word after the kind that is no option; false if there is none. */
static bool spec_find_value(const struct layer_spec *spec, char word[SPEC_WORD])
{
    const char *text = spec->text;
    spec_next_word(&text, word);
    while (spec_next_word(&text, word))
        if (!strchr(word, '='))
            return true;
    return false;
}

/* The text behind "key="; false if the key is absent. */
static bool spec_find_option(const struct layer_spec *spec, const char *key,
                             char value[SPEC_WORD])
{
    char word[SPEC_WORD];
    const char *text = spec->text;
    size_t length = strlen(key);
    while (spec_next_word(&text, word)) {
        if (strncmp(word, key, length) == 0 && word[length] == '=') {
            snprintf(value, SPEC_WORD, "%s", word + length + 1);
            return true;
        }
    }
    return false;
}

static enum status spec_read_int(const struct layer_spec *spec, const char *what,
                                 const char *word, long long lo, long long hi, int *out)
{
    long long value;
    if (!parse_int(word, lo, hi, &value))
        FAIL(ST_USAGE, "%s: %s: %s '%s' is not a whole number from %lld to %lld",
             spec->where, spec->name, what, word, lo, hi);
    *out = (int)value;
    return ST_OK;
}

bool layer_spec_text(const struct layer_spec *spec, const char *key, char text[SPEC_WORD])
{
    return key ? spec_find_option(spec, key, text) : spec_find_value(spec, text);
}

enum status layer_spec_value(const struct layer_spec *spec, bool required, long long lo,
                             long long hi, int *out)
{
    char word[SPEC_WORD];
    if (!spec_find_value(spec, word)) {
        if (required)
            FAIL(ST_USAGE, "%s: %s: a number is missing after the layer's kind",
                 spec->where, spec->name);
        return ST_OK;
    }
    if (strcmp(word, "classes") == 0) {
        *out = spec->classes;
        return ST_OK;
    }
    return spec_read_int(spec, "size", word, lo, hi, out);
}

enum status layer_spec_int(const struct layer_spec *spec, const char *key, long long lo,
                           long long hi, int *out)
{
    char word[SPEC_WORD];
    if (!spec_find_option(spec, key, word))
        return ST_OK;
    return spec_read_int(spec, key, word, lo, hi, out);
}

enum status layer_spec_real(const struct layer_spec *spec, const char *key, double lo,
                            double hi, double *out)
{
    char word[SPEC_WORD];
    if (!spec_find_option(spec, key, word))
        return ST_OK;
    if (!parse_real(word, lo, hi, out))
        FAIL(ST_USAGE, "%s: %s: %s '%s' is not a number from %g to %g", spec->where,
             spec->name, key, word, lo, hi);
    return ST_OK;
}

enum status layer_spec_word(const struct layer_spec *spec, const char *key,
                            const char *const *words, int *out)
{
    char word[SPEC_WORD];
    if (!spec_find_option(spec, key, word))
        return ST_OK;
    int count = 0;
    for (; words[count]; count++) {
        if (strcmp(words[count], word) == 0) {
            *out = count;
            return ST_OK;
        }
    }
    const char *near = parse_nearest(word, words, count);
    if (near)
        FAIL(ST_USAGE, "%s: %s: unknown %s '%s', did you mean '%s'?", spec->where,
             spec->name, key, word, near);
    char all[PARSE_CHOICES];
    FAIL(ST_USAGE, "%s: %s: unknown %s '%s': expected %s", spec->where, spec->name, key,
         word, parse_choices(words, count, all));
}

static enum status spec_unknown_option(const struct layer_spec *spec, const char *word,
                                       const char *const *keys, int count)
{
    const char *near = spec_nearest(word, keys, count);
    if (near)
        FAIL(ST_USAGE, "%s: %s: unknown option '%s', did you mean '%s'?", spec->where,
             spec->name, word, near);
    FAIL(ST_USAGE, "%s: %s: unknown option '%s'", spec->where, spec->name, word);
}

static int spec_index_of(const char *word, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return -1;
}

/* Other programs write a layer's main number without a name: "dropout 0.5". */
static enum status spec_extra_value(const struct layer_spec *spec, const char *word,
                                    const char *const *keys)
{
    static const char *const main_keys[] = {"kernel", "stride", "p", "by"};
    char given[SPEC_WORD];
    double number;
    bool meant = false;
    if (spec_index_of(word, keys) >= 0)
        FAIL(ST_USAGE, "%s: %s: '%s' needs a value: %s=...", spec->where, spec->name,
             word, word);
    for (int i = 0; keys[0] && i < 4; i++)
        meant = meant || strcmp(keys[0], main_keys[i]) == 0;
    if (meant && !spec_find_option(spec, keys[0], given) &&
        parse_real(word, -1e9, 1e9, &number))
        FAIL(ST_USAGE, "%s: %s: '%s' is one value too many, did you mean '%s=%s'?",
             spec->where, spec->name, word, keys[0], word);
    FAIL(ST_USAGE, "%s: %s: '%s' is one value too many", spec->where, spec->name, word);
}

enum status layer_spec_only(const struct layer_spec *spec, bool value,
                            const char *const *keys)
{
    char word[SPEC_WORD];
    const char *text = spec->text;
    int values = 0, count = 0;
    unsigned seen = 0;
    while (keys[count])
        count++;
    spec_next_word(&text, word);
    while (spec_next_word(&text, word)) {
        char *equals = strchr(word, '=');
        if (!equals) {
            if (++values > (value ? 1 : 0))
                return spec_extra_value(spec, word, keys);
            continue;
        }
        *equals = '\0';
        int i = spec_index_of(word, keys);
        if (i < 0)
            return spec_unknown_option(spec, word, keys, count);
        if (seen & 1u << i)
            FAIL(ST_USAGE, "%s: %s: option '%s' is given twice", spec->where, spec->name,
                 word);
        seen |= 1u << i;
    }
    return ST_OK;
}
