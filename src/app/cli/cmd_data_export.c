#include "app/cli/cli.h"
#include "base/log.h"
#include "cmd_data.h"
#include "data/export.h"

enum status cmd_data_export(int argc, char **argv)
{
    const char *operand[2];
    int count;
    const struct cli_command command = {
        "data export", "FILE DIR", 2, 2,
        "Write the images of a data set to DIR/SPLIT/CLASS/NNNNNN.png, as PNG; if the\n"
        "training images have weights, also the list DIR/" EXPORT_LIST
        " with them. Those\n"
        "of a multi-label set go to DIR/SPLIT/NNNNNN.png, and their classes to the "
        "list."};
    bool no_verify = false;
    const struct cli_option options[] = {
        {"no-verify", CLI_FLAG, &no_verify, NULL, CLI_NO_VERIFY_HELP},
        {0},
    };
    struct dataset_info info;
    size_t written;
    TRY(cli_parse(&command, options, argc, argv, operand, &count));
    if (count < 0)
        return ST_OK;
    TRY(dataset_info_read(&info, operand[0]));
    info.trusted = no_verify;
    enum status st = export_images(&info, operand[1], &written);
    if (st == ST_OK)
        log_out("%s: %zu images of %d classes%s\n", operand[1], written, info.classes,
                info.has_weights ? "; import its " EXPORT_LIST " to keep the weights"
                                 : "");
    dataset_info_release(&info);
    return st;
}
