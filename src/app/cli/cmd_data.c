#include "cmd_data.h"

#include <string.h>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "base/log.h"
#include "base/parse.h"

static const struct data_command {
    const char *name;
    enum status (*run)(int argc, char **argv);
    const char *summary;
} data_commands[] = {
    {"synth", cmd_data_synth, "draw the built-in set of handwritten letters"},
    {"import", cmd_data_import,
     "make a data set of a folder or list of pictures, or of a table"},
    {"import-idx", cmd_data_import_idx, "import IDX files, as MNIST and EMNIST come in"},
    {"import-csv", cmd_data_import_csv,
     "import a table: each line holds a label and pixels"},
    {"import-dir", cmd_data_import_dir, "import PNG images, one folder per class"},
    {"info", cmd_data_info, "print what a data set holds"},
    {"export", cmd_data_export, "write the images of a data set as PNG files"},
    {"sheet", cmd_data_sheet, "draw a contact sheet of a data set"},
    {"split", cmd_data_split, "give a data set a validation split"},
    {"rehash", cmd_data_rehash, "compute the hashes of a data set anew that was edited"},
};

#define DATA_COMMANDS ((int)(sizeof data_commands / sizeof *data_commands))

static void data_print_help(void)
{
    log_out("Usage: lockstep data COMMAND [OPTION]...\n\n"
            "Make, import and inspect data sets.\n\nCommands:\n");
    for (int i = 0; i < DATA_COMMANDS; i++)
        cli_print_entry(data_commands[i].name, data_commands[i].summary);
    log_out("\n'lockstep data COMMAND --help' lists the options of a command.\n");
}

enum status cmd_data(struct comm *comm, int argc, char **argv)
{
    (void)comm;
    const char *names[DATA_COMMANDS];
    if (argc < 1)
        FAIL(ST_USAGE, "which data command? see 'lockstep data --help'");
    if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) {
        data_print_help();
        return ST_OK;
    }
    for (int i = 0; i < DATA_COMMANDS; i++) {
        if (strcmp(argv[0], data_commands[i].name) == 0)
            return data_commands[i].run(argc - 1, argv + 1);
        names[i] = data_commands[i].name;
    }
    const char *near = parse_nearest(argv[0], names, DATA_COMMANDS);
    if (near)
        FAIL(ST_USAGE, "unknown data command '%s'; did you mean '%s'?", argv[0], near);
    FAIL(ST_USAGE, "unknown data command '%s'; see 'lockstep data --help'", argv[0]);
}
