#include "subcommand.h"

#include <string.h>

#include "app/cli/cli.h"
#include "base/log.h"
#include "base/parse.h"

#define SUBCOMMANDS_MAX 32

static void subcommand_print_help(const struct subcommands *commands)
{
    log_out("Usage: lockstep %s COMMAND [OPTION]...\n\n%s\n\nCommands:\n",
            commands->command, commands->summary);
    for (int i = 0; i < commands->count; i++)
        cli_print_entry(commands->list[i].name, commands->list[i].summary);
    log_out("\n'lockstep %s COMMAND --help' lists the options of a command.\n",
            commands->command);
}

enum status subcommand_run(const struct subcommands *commands, int argc, char **argv)
{
    const char *names[SUBCOMMANDS_MAX], *command = commands->command;
    ASSERT(commands->count <= SUBCOMMANDS_MAX);
    if (argc < 1)
        FAIL(ST_USAGE, "which %s command? see 'lockstep %s --help'", command, command);
    if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) {
        subcommand_print_help(commands);
        return ST_OK;
    }
    for (int i = 0; i < commands->count; i++) {
        if (strcmp(argv[0], commands->list[i].name) == 0)
            return commands->list[i].run(argc - 1, argv + 1);
        names[i] = commands->list[i].name;
    }
    const char *near = parse_nearest(argv[0], names, commands->count);
    if (near)
        FAIL(ST_USAGE, "unknown %s command '%s'; did you mean '%s'?", command, argv[0],
             near);
    FAIL(ST_USAGE, "unknown %s command '%s'; see 'lockstep %s --help'", command, argv[0],
         command);
}
