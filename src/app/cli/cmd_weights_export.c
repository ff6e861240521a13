/* lockstep weights export: the weights of a checkpoint as safetensors. */
#include <string.h>
#include <strings.h>

#include "app/cli/cli.h"
#include "app/export/weights.h"
#include "app/run/network.h"
#include "app/run/output.h"
#include "cmd_weights.h"

static enum status export_check_name(const char *out)
{
    const char *dot = strrchr(out, '.');
    if (!dot || strcasecmp(dot, ".safetensors") != 0)
        FAIL(ST_USAGE,
             "'--out %s': expected a name that ends in .safetensors; 'lockstep export' "
             "writes .h5 and .onnx",
             out);
    return ST_OK;
}

enum status cmd_weights_export(int argc, char **argv)
{
    const char *from, *out = NULL, *names = NULL;
    bool force = false;
    const struct cli_option options[] = {
        {"out", CLI_TEXT, &out, "FILE", "the safetensors file to write"},
        {"names", CLI_TEXT, &names, EXPORT_NAMES, EXPORT_NAMES_HELP},
        {"force", CLI_FLAG, &force, NULL, "replace FILE if it exists"},
        {0},
    };
    const struct cli_command command = {"weights export", "RUN", 1, 1,
                                        "Write the weights of a checkpoint, or of a "
                                        "run's best one, as safetensors, with\n"
                                        "PyTorch's shapes. 'lockstep export' also "
                                        "writes HDF5, and whole networks as ONNX."};
    struct network network;
    struct export_notes notes;
    int count;
    TRY(cli_parse(&command, options, argc, argv, &from, &count));
    if (count < 0)
        return ST_OK;
    const char *const inputs[] = {from};
    TRY(output_check(out, force, export_weights_kind(ARRAYS_SAFETENSORS), inputs, 1));
    TRY(export_check_name(out));
    TRY(network_open(&network, from));
    export_notes_init(&notes, &network, NULL);
    enum status st = export_weights(&network, &notes, names, ARRAYS_SAFETENSORS, out);
    export_notes_release(&notes);
    network_close(&network);
    return st;
}
