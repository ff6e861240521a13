#include "app/cli/cli.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/log.h"
#include "base/parse.h"

#define OPTIONS_MAX 64

static void print_help(const struct cli_command *command,
                       const struct cli_option *options)
{
    log_out("usage: lockstep %s%s%s%s\n\n%s\n", command->name,
            *command->operands ? " " : "", command->operands,
            options[0].name ? " [options]" : "", command->summary);
    if (options[0].name)
        log_out("\noptions:\n");
    for (int i = 0; options[i].name; i++) {
        const struct cli_option *o = &options[i];
        int width = 24 - (int)strlen(o->name);
        log_out("  --%s %-*s %s\n", o->name, width > 0 ? width : 0,
                o->value ? o->value : "", o->help);
    }
}

static const struct cli_option *find(const struct cli_option *options, const char *name,
                                     size_t length)
{
    for (int i = 0; options[i].name; i++)
        if (strlen(options[i].name) == length &&
            strncmp(options[i].name, name, length) == 0)
            return &options[i];
    return NULL;
}

static enum status unknown(const struct cli_command *command,
                           const struct cli_option *options, const char *word)
{
    const char *names[OPTIONS_MAX];
    int count = 0;
    for (int i = 0; options[i].name && count < OPTIONS_MAX; i++)
        names[count++] = options[i].name;
    const char *near = parse_nearest(word + 2, names, count);
    if (near)
        FAIL(ST_USAGE, "unknown option '%s'; did you mean '--%s'?", word, near);
    FAIL(ST_USAGE, "unknown option '%s'; see 'lockstep %s --help'", word, command->name);
}

static enum status set(const struct cli_option *option, const char *value)
{
    long long whole;
    struct cli_texts *texts;
    bool good = true;
    switch (option->kind) {
    case CLI_FLAG:
        *(bool *)option->out = true;
        break;
    case CLI_INT:
        good = parse_int(value, 0, INT32_MAX, &whole);
        if (good)
            *(long long *)option->out = whole;
        break;
    case CLI_U64:
        good = parse_u64(value, option->out);
        break;
    case CLI_REAL:
        good = parse_real(value, 0, 1e300, option->out);
        break;
    case CLI_TEXT:
        *(const char **)option->out = value;
        break;
    case CLI_TEXTS:
        texts = option->out;
        if (texts->count == CLI_TEXTS_MAX)
            FAIL(ST_USAGE, "'--%s' is given more than %d times", option->name,
                 CLI_TEXTS_MAX);
        texts->text[texts->count++] = value;
        break;
    }
    if (!good)
        FAIL(ST_USAGE, "'--%s %s': %s is expected", option->name, value,
             option->kind == CLI_REAL ? "a number from 0" : "a whole number from 0");
    return ST_OK;
}

/* One option at argv[*i]; *i moves on over its value. */
static enum status take_option(const struct cli_command *command,
                               const struct cli_option *options, int argc, char **argv,
                               int *i)
{
    const char *word = argv[*i], *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) - 2 : strlen(word + 2);
    const struct cli_option *option = find(options, word + 2, length);
    if (!option)
        return unknown(command, options, word);
    if (option->kind == CLI_FLAG) {
        if (equals)
            FAIL(ST_USAGE, "'--%s' takes no value", option->name);
        return set(option, "");
    }
    if (!equals && *i + 1 >= argc)
        FAIL(ST_USAGE, "'--%s' needs a value: --%s %s", option->name, option->name,
             option->value);
    return set(option, equals ? equals + 1 : argv[++*i]);
}

enum status cli_parse(const struct cli_command *command, const struct cli_option *options,
                      int argc, char **argv, const char **operand, int *count)
{
    bool only_operands = false;
    *count = 0;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (!only_operands && strcmp(word, "--") == 0) {
            only_operands = true;
        } else if (!only_operands &&
                   (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
            print_help(command, options);
            *count = -1;
            return ST_OK;
        } else if (!only_operands && strncmp(word, "--", 2) == 0) {
            TRY(take_option(command, options, argc, argv, &i));
        } else if (!only_operands && word[0] == '-' && word[1]) {
            FAIL(ST_USAGE, "unknown option '%s'; see 'lockstep %s --help'", word,
                 command->name);
        } else if (*count == command->most) {
            FAIL(ST_USAGE, "'%s' is one operand too many; see 'lockstep %s --help'", word,
                 command->name);
        } else {
            operand[(*count)++] = word;
        }
    }
    if (*count < command->least)
        FAIL(ST_USAGE, "usage: lockstep %s %s; see 'lockstep %s --help'", command->name,
             command->operands, command->name);
    return ST_OK;
}
