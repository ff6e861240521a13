#include "app/cli/cli.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "app/config/config_words.h"
#include "base/log.h"
#include "base/parse.h"
#include "data/view.h"

#define CLI_OPTIONS_MAX 64
#define HELP_COLUMN     28 /* where descriptions begin; help2man wants 20 at least */
#define HELP_WIDTH      79

void cli_print_entry(const char *tag, const char *text)
{
    int column = 2 + (int)strlen(tag);
    log_out("  %s", tag);
    if (column + 2 > HELP_COLUMN) {
        log_out("\n");
        column = 0;
    }
    log_out("%*s", HELP_COLUMN - column, "");
    column = HELP_COLUMN;
    while (*text) {
        int word = (int)strcspn(text, " ");
        bool fits = column + word < HELP_WIDTH;
        if (column > HELP_COLUMN && !fits) {
            log_out("\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        } else if (column > HELP_COLUMN) {
            log_out(" ");
            column++;
        }
        log_out("%.*s", word, text);
        column += word;
        text += word + (int)strspn(text + word, " ");
    }
    log_out("\n");
}

static void cli_print_help(const struct cli_command *command,
                           const struct cli_option *options)
{
    log_out("Usage: lockstep %s [OPTION]...%s%s\n\n%s\n\nOptions:\n", command->name,
            *command->operands ? " " : "", command->operands, command->summary);
    for (int i = 0; options[i].name; i++) {
        const struct cli_option *option = &options[i];
        char tag[80];
        snprintf(tag, sizeof tag, "--%s%s%s", option->name, option->value ? " " : "",
                 option->value ? option->value : "");
        cli_print_entry(tag, option->help);
    }
    cli_print_entry("--help", "print this help");
}

static const struct cli_option *cli_find_option(const struct cli_option *options,
                                                const char *name, size_t length)
{
    for (int i = 0; options[i].name; i++)
        if (strlen(options[i].name) == length &&
            strncmp(options[i].name, name, length) == 0)
            return &options[i];
    return NULL;
}

/* The key of another program's option, for commands that set keys. */
static const char *cli_translate(const struct cli_option *options, const char *word)
{
    char name[64];
    if (!cli_find_option(options, "set", strlen("set")))
        return NULL;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    return config_word_key(name);
}

static enum status cli_unknown_option(const struct cli_command *command,
                                      const struct cli_option *options, const char *word)
{
    const char *names[CLI_OPTIONS_MAX];
    int count = 0;
    for (int i = 0; options[i].name && count < CLI_OPTIONS_MAX; i++)
        names[count++] = options[i].name;
    const char *near = parse_nearest(word + 2, names, count);
    const char *key = cli_translate(options, word + 2);
    if (key)
        FAIL(ST_USAGE, "unknown option '%s'; did you mean '--set %s=VALUE'?", word, key);
    if (near)
        FAIL(ST_USAGE, "unknown option '%s'; did you mean '--%s'?", word, near);
    FAIL(ST_USAGE, "unknown option '%s'; see 'lockstep %s --help'", word, command->name);
}

static enum status cli_set_option(const struct cli_option *option, const char *value)
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
            FAIL(ST_USAGE, "'--%s' may be given at most %d times", option->name,
                 CLI_TEXTS_MAX);
        texts->text[texts->count++] = value;
        break;
    }
    if (!good)
        FAIL(ST_USAGE, "'--%s %s': expected %s", option->name, value,
             option->kind == CLI_REAL ? "a number from 0" : "a whole number from 0");
    return ST_OK;
}

/* Is the word an option of the command, so that it is no value of another one? */
static bool cli_is_option(const struct cli_option *options, const char *word)
{
    return strncmp(word, "--", 2) == 0 &&
           cli_find_option(options, word + 2, strcspn(word + 2, "="));
}

/* Reads the option at argv[*i] and moves *i to its last word. */
static enum status cli_take_option(const struct cli_command *command,
                                   const struct cli_option *options, int argc,
                                   char **argv, int *i)
{
    const char *word = argv[*i], *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) - 2 : strlen(word + 2);
    const struct cli_option *option = cli_find_option(options, word + 2, length);
    if (!option)
        return cli_unknown_option(command, options, word);
    if (option->kind == CLI_FLAG) {
        if (equals)
            FAIL(ST_USAGE, "'--%s' takes no value", option->name);
        return cli_set_option(option, "");
    }
    if (!equals && (*i + 1 >= argc || cli_is_option(options, argv[*i + 1])))
        FAIL(ST_USAGE, "'--%s' needs a value: --%s %s", option->name, option->name,
             option->value);
    return cli_set_option(option, equals ? equals + 1 : argv[++*i]);
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
            cli_print_help(command, options);
            *count = -1;
            return ST_OK;
        } else if (!only_operands && strncmp(word, "--", 2) == 0) {
            TRY(cli_take_option(command, options, argc, argv, &i));
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

enum status cli_read_word(const char *name, const char *text, const char *const *words,
                          int *index)
{
    int count = 0;
    if (!text)
        return ST_OK;
    for (; words[count]; count++)
        if (strcmp(words[count], text) == 0) {
            *index = count;
            return ST_OK;
        }
    const char *near = parse_nearest(text, words, count);
    if (near)
        FAIL(ST_USAGE, "'--%s %s': did you mean '%s'?", name, text, near);
    char all[PARSE_CHOICES];
    FAIL(ST_USAGE, "'--%s %s': expected %s", name, text,
         parse_choices(words, count, all));
}

enum status cli_read_views(const char *views, const char *tta, int *set)
{
    static const char *const words[] = {
        [VIEW_SET_NONE] = "none",
        [VIEW_SET_MIRROR] = "flip",
        [VIEW_SET_MIRROR_SHIFT] = "multi",
        [VIEW_SET_MIRROR_SHIFT + 1] = NULL,
    };
    if (views && tta)
        FAIL(ST_USAGE, "'--views' and '--tta' say the same: give one of them");
    if (tta)
        return cli_read_word("tta", tta, words, set);
    return cli_read_word("views", views, view_set_words, set);
}

enum status cli_check_threshold(double threshold)
{
    if (threshold > 1)
        FAIL(ST_USAGE, "'--threshold %g': expected a probability, from 0 to 1",
             threshold);
    return ST_OK;
}

enum status cli_read_share(const char *name, const char *text, double *share)
{
    double part;
    char copy[32] = "";
    if (!text)
        return ST_OK;
    size_t length = strlen(text);
    bool percent = length > 0 && length < sizeof copy && text[length - 1] == '%';
    memcpy(copy, text, length < sizeof copy ? length : 0);
    if (percent)
        copy[length - 1] = '\0';
    if (!parse_real(copy, 0, percent ? 100 : 1, &part) || (!percent && part == 1) ||
        (percent && part == 100))
        FAIL(ST_USAGE, "'--%s %s': expected a part of all, like 10%% or 0.1", name, text);
    *share = percent ? part / 100 : part;
    return ST_OK;
}
