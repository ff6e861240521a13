#include "cmd_data.h"

#include "app/cli/commands.h"
#include "subcommand.h"

static const struct subcommand data_commands[] = {
    {"synth", cmd_data_synth, "draw the built-in set of handwritten letters"},
    {"import", cmd_data_import,
     "make a data set of a folder or list of pictures, or of a table"},
    {"import-idx", cmd_data_import_idx, "import IDX files, as MNIST and EMNIST come in"},
    {"import-csv", cmd_data_import_csv,
     "import a table: each line holds a label and pixels"},
    {"import-dir", cmd_data_import_dir,
     "import pictures as small grey images, a folder for each class"},
    {"info", cmd_data_info, "print what a data set holds"},
    {"export", cmd_data_export, "write the images of a data set as PNG files"},
    {"sheet", cmd_data_sheet, "draw a contact sheet of a data set"},
    {"split", cmd_data_split, "give a data set a validation split"},
    {"rehash", cmd_data_rehash, "compute the hashes of a data set anew that was edited"},
};

enum status cmd_data(struct comm *comm, int argc, char **argv)
{
    const struct subcommands commands = {"data", "Make, import and inspect data sets.",
                                         sizeof data_commands / sizeof data_commands[0],
                                         data_commands};
    (void)comm;
    return subcommand_run(&commands, argc, argv);
}
