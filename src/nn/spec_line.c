#include "spec_line.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "nn/layer.h"

static const char spec_blanks[] = " \t";

#define SPEC_SHOWN 40 /* characters of a word that is too long, in its message */

enum status spec_check_word(const char *word, size_t length, const char *where)
{
    if (length >= SPEC_WORD)
        FAIL(ST_USAGE, "%s: '%.*s...' is longer than %d characters", where, SPEC_SHOWN,
             word, SPEC_WORD - 1);
    return ST_OK;
}

enum status spec_check_words(const char *text, const char *where)
{
    for (text += strspn(text, spec_blanks); *text; text += strspn(text, spec_blanks)) {
        size_t length = strcspn(text, spec_blanks);
        TRY(spec_check_word(text, length, where));
        text += length;
    }
    return ST_OK;
}

bool spec_next_word(const char **text, char word[SPEC_WORD])
{
    const char *begin = *text + strspn(*text, spec_blanks);
    size_t length = strcspn(begin, spec_blanks);
    *text = begin + length;
    snprintf(word, SPEC_WORD, "%.*s", (int)(length < SPEC_WORD ? length : SPEC_WORD - 1),
             begin);
    return length > 0;
}

char *spec_cut_word(char **line)
{
    char *word = *line + strspn(*line, spec_blanks);
    size_t length = strcspn(word, spec_blanks);
    *line = word + length;
    if (**line)
        *(*line)++ = '\0';
    return length > 0 ? word : NULL;
}

enum status spec_take_option(char *line, const char *where, const char *key,
                             char value[SPEC_WORD], bool *given)
{
    size_t length = strlen(key), whole;
    char *word = line + strspn(line, spec_blanks);
    while (*word && (strncmp(word, key, length) != 0 || word[length] != '=')) {
        word += strcspn(word, spec_blanks);
        word += strspn(word, spec_blanks);
    }
    *given = *word != '\0';
    if (!*given)
        return ST_OK;
    whole = strcspn(word, spec_blanks);
    TRY(spec_check_word(word, whole, where));
    snprintf(value, SPEC_WORD, "%.*s", (int)(whole - length - 1), word + length + 1);
    memmove(word, word + whole, strlen(word + whole) + 1);
    return ST_OK;
}

bool spec_name_good(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i]))
            return false;
    return length > 0 && length < LAYER_NAME &&
           (isalpha((unsigned char)name[0]) || name[0] == '_') && name[length - 1] != '.';
}

/* Kinds of layers and options as others call them, and as they are called here; NULL:
   there is none. */
static const char *const spec_others[][2] = {
    {"dense", "linear"},
    {"fc", "linear"},
    {"fullyconnected", "linear"},
    {"innerproduct", "linear"},
    {"bn", "batchnorm"},
    {"gn", "groupnorm"},
    {"batchnormalization", "batchnorm"},
    {"groupnormalization", "groupnorm"},
    {"depthwiseconv2d", "depthwise"},
    {"dwconv", "depthwise"},
    {"convolution", "conv"},
    {"maxpooling2d", "maxpool"},
    {"averagepooling2d", "avgpool"},
    {"averagepool", "avgpool"},
    {"adaptiveavgpool2d", "globalavgpool"},
    {"globalaveragepooling2d", "globalavgpool"},
    {"gap", "globalavgpool"},
    {"concat", NULL},
    {"concatenate", NULL},
    {"layernorm", NULL},
    {"swish", "silu"},
    {"hswish", "hardswish"},
    {"hsigmoid", "hardsigmoid"},
    {"stochasticdepth", "droppath"},
    {"residual", "add"},
    {"shortcut", "add"},
    {"multiply", "mul"},
    {"padding", "pad"},
    {"kernelsize", "kernel"},
    {"usebias", "bias"},
    {"dilationrate", "dilation"},
    {"epsilon", "eps"},
    {"rate", "p"},
    {"prob", "p"},
    {"factor", "by"},
    {"countincludepad", "count_pad"},
    {"kernelinitializer", "init"},
};

const char *spec_nearest(const char *word, const char *const names[], int count)
{
    for (size_t i = 0; i < sizeof spec_others / sizeof *spec_others; i++) {
        const char *const *other = spec_others[i];
        if (!parse_same(word, other[0]))
            continue;
        if (!other[1])
            return NULL;
        for (int n = 0; n < count; n++)
            if (strcmp(names[n], other[1]) == 0)
                return names[n];
    }
    return parse_nearest(word, names, count);
}

static size_t spec_parameter_length(const char *text)
{
    size_t length = 0;
    while (isalnum((unsigned char)text[length]) || text[length] == '_')
        length++;
    return length;
}

char *spec_substitute(const char *line,
                      const char *(*value)(void *context, const char *name),
                      void *context)
{
    char *text = mem_strdup("");
    for (const char *dollar; (dollar = strchr(line, '$')) != NULL;) {
        size_t length = spec_parameter_length(dollar + 1);
        char *name = mem_format("%.*s", (int)length, dollar + 1);
        const char *with = value(context, name);
        free(name);
        if (!with) {
            free(text);
            return NULL;
        }
        mem_append(&text, "%.*s%s", (int)(dollar - line), line, with);
        line = dollar + 1 + length;
    }
    mem_append(&text, "%s", line);
    return text;
}
