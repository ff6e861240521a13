#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/report/runs.h"

enum status cmd_runs(struct comm *comm, int argc, char **argv)
{
    const struct cli_option options[] = {{0}};
    const struct cli_command command = {
        "runs", "[FOLDER]", 0, 1,
        "List the runs in a folder, by default in runs: their best scores, how they "
        "ended, and\nthe keys of their configs that differ. 'lockstep report RUN...' "
        "draws their curves."};
    const char *folder = "runs";
    int count;
    (void)comm;
    TRY(cli_parse(&command, options, argc, argv, &folder, &count));
    return count < 0 ? ST_OK : runs_print(folder);
}
