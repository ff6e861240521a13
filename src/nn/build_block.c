/* build: the parameters of blocks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "build.h"

static struct build_parameter *build_parameter(struct build_scope *scope,
                                               const char *name)
{
    for (int p = 0; p < scope->parameters; p++)
        if (strcmp(scope->parameter[p].name, name) == 0)
            return &scope->parameter[p];
    return NULL;
}

static enum status build_unknown_parameter(const struct build_scope *scope,
                                           const char *where, const char *name)
{
    const char *names[BUILD_PARAMETERS];
    for (int p = 0; p < scope->parameters; p++)
        names[p] = scope->parameter[p].name;
    const char *near = parse_nearest(name, names, scope->parameters);
    if (near)
        FAIL(ST_USAGE, "%s: block '%s' has no parameter '%s', did you mean '%s'?", where,
             scope->block->name, name, near);
    FAIL(ST_USAGE,
         "%s: block '%s' has no parameter '%s': name it in its line "
         "'parameters = ...'",
         where, scope->block->name, name);
}

enum status build_declare(struct build_scope *scope)
{
    const struct spec_block *block = scope->block;
    const char *text = block->parameters;
    char word[SPEC_WORD];
    TRY(spec_check_words(text, block->where));
    while (spec_next_word(&text, word)) {
        char *equals = strchr(word, '=');
        if (equals)
            *equals = '\0';
        if (!spec_name_good(word) || strpbrk(word, ".-") || strcmp(word, "repeat") == 0 ||
            strcmp(word, "from") == 0 || strcmp(word, "as") == 0 ||
            strcmp(word, "if") == 0)
            FAIL(ST_USAGE, "%s: block '%s': '%s' cannot be the name of a parameter",
                 block->where, block->name, word);
        if (build_parameter(scope, word))
            FAIL(ST_USAGE, "%s: block '%s': parameter '%s' is named twice", block->where,
                 block->name, word);
        if (scope->parameters == BUILD_PARAMETERS)
            FAIL(ST_USAGE, "%s: block '%s' has more than %d parameters", block->where,
                 block->name, BUILD_PARAMETERS);
        struct build_parameter *parameter = &scope->parameter[scope->parameters++];
        *parameter = (struct build_parameter){.given = equals != NULL};
        strcpy(parameter->name, word);
        strcpy(parameter->value, equals ? equals + 1 : "");
    }
    return ST_OK;
}

/* Entry i of "A,B,C"; the last one stands for all that follow. */
static enum status build_pick(const struct build_parameter *parameter, const char *where,
                              const char *list, int i, int repeat, char value[SPEC_WORD])
{
    int count = 1;
    for (const char *c = list; *c; c++)
        count += *c == ',';
    if (count > repeat)
        FAIL(ST_USAGE, "%s: %s=%s has %d values for %d block%s (repeat=)", where,
             parameter->name, list, count, repeat, repeat > 1 ? "s" : "");
    for (; i > 0 && strchr(list, ','); i--)
        list = strchr(list, ',') + 1;
    size_t length = strcspn(list, ",");
    TRY(spec_check_word(list, length, where));
    snprintf(value, SPEC_WORD, "%.*s", (int)length, list);
    if (!*value)
        FAIL(ST_USAGE, "%s: %s= lacks a value", where, parameter->name);
    return ST_OK;
}

/* One option of a line; *seen: the parameters that it has given so far. */
static enum status build_give_word(struct build_scope *scope, const char *where,
                                   const char *name, char *word, unsigned *seen, int i,
                                   int repeat)
{
    char *equals = strchr(word, '=');
    if (!equals)
        FAIL(ST_USAGE, "%s: %s: '%s' is no option: write PARAMETER=VALUE", where, name,
             word);
    *equals = '\0';
    struct build_parameter *parameter = build_parameter(scope, word);
    if (!parameter)
        return build_unknown_parameter(scope, where, word);
    unsigned bit = 1u << (parameter - scope->parameter);
    if (*seen & bit)
        FAIL(ST_USAGE, "%s: %s: option '%s' is given twice", where, name, word);
    *seen |= bit;
    parameter->given = true;
    return build_pick(parameter, where, equals + 1, i, repeat, parameter->value);
}

enum status build_give(struct build_scope *scope, const char *where, const char *name,
                       const char *options, int i, int repeat)
{
    char *copy = mem_strdup(options), *rest = copy, *word;
    unsigned seen = 0;
    enum status st = ST_OK;
    while (st == ST_OK && (word = spec_cut_word(&rest)))
        st = build_give_word(scope, where, name, word, &seen, i, repeat);
    free(copy);
    TRY(st);
    for (int p = 0; p < scope->parameters; p++)
        if (!scope->parameter[p].given)
            FAIL(ST_USAGE, "%s: %s: %s= is missing", where, name,
                 scope->parameter[p].name);
    return ST_OK;
}

/* --- $NAME --- */

struct build_substitution {
    const struct build_scope *scope;
    const char *where;
};

static enum status build_no_parameter(const struct build_substitution *at,
                                      const char *name)
{
    if (!at->scope->block)
        FAIL(ST_USAGE, "%s: '$%s' stands outside a block", at->where, name);
    return build_unknown_parameter(at->scope, at->where, name);
}

static const char *build_parameter_value(void *context, const char *name)
{
    const struct build_substitution *at = context;
    for (int p = 0; p < at->scope->parameters; p++)
        if (strcmp(at->scope->parameter[p].name, name) == 0)
            return at->scope->parameter[p].value;
    (void)(build_no_parameter(at, name) == ST_OK);
    return NULL;
}

char *build_substitute(const struct build_scope *scope, const char *where,
                       const char *line)
{
    struct build_substitution at = {scope, where};
    return spec_substitute(line, build_parameter_value, &at);
}
