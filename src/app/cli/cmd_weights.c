#include "cmd_weights.h"

#include "app/cli/commands.h"
#include "subcommand.h"

static const struct subcommand weights_commands[] = {
    {"import", cmd_weights_import,
     "make a checkpoint of weights that another program trained"},
    {"export", cmd_weights_export, "write the weights of a checkpoint as safetensors"},
};

enum status cmd_weights(struct comm *comm, int argc, char **argv)
{
    const struct subcommands commands = {
        "weights", "Exchange weights with other programs.",
        sizeof weights_commands / sizeof weights_commands[0], weights_commands};
    (void)comm;
    return subcommand_run(&commands, argc, argv);
}
