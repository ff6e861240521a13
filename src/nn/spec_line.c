#include "spec_line.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "nn/layer.h"

static const char spec_blanks[] = " \t";

bool spec_next_word(const char **text, char word[SPEC_WORD])
{
    const char *begin = *text + strspn(*text, spec_blanks);
    size_t length = strcspn(begin, spec_blanks);
    *text = begin + length;
    snprintf(word, SPEC_WORD, "%.*s", (int)(length < SPEC_WORD ? length : SPEC_WORD - 1),
             begin);
    return length > 0;
}

bool spec_take_option(char *line, const char *key, char value[SPEC_WORD])
{
    size_t length = strlen(key);
    const char *rest = line, *begin;
    char word[SPEC_WORD];
    do {
        begin = rest + strspn(rest, spec_blanks);
        if (!spec_next_word(&rest, word))
            return false;
    } while (strncmp(word, key, length) != 0 || word[length] != '=');
    snprintf(value, SPEC_WORD, "%s", word + length + 1);
    memmove(line + (begin - line), rest, strlen(rest) + 1);
    return true;
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
