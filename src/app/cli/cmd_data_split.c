#include "app/cli/cli.h"
#include "base/log.h"
#include "cmd_data.h"
#include "data/dataset_writer.h"

enum status cmd_data_split(int argc, char **argv)
{
    const char *file, *part = NULL;
    double val = 0;
    uint64_t seed = 1;
    size_t moved;
    int count;
    const struct cli_command command = {
        "data split", "FILE", 1, 1,
        "Move a part of the training images of a data set to a validation split, by "
        "which\n"
        "training then chooses its best checkpoint. The file is replaced."};
    const struct cli_option options[] = {
        {"val", CLI_TEXT, &part, "X%",
         "part of the training images of each class, like 10%"},
        {"seed", CLI_U64, &seed, "N", "seed that selects the images, default 1"},
        {0},
    };
    struct dataset_info info;
    TRY(cli_parse(&command, options, argc, argv, &file, &count));
    if (count < 0)
        return ST_OK;
    if (!part)
        FAIL(ST_USAGE, "how much is missing: --val 10%%");
    TRY(cli_read_share("val", part, &val));
    if (val <= 0)
        FAIL(ST_USAGE, "'--val %s': expected more than nothing", part);
    TRY(dataset_info_read(&info, file));
    enum status st = dataset_split_val(&info, val, seed, &moved);
    if (st == ST_OK)
        log_out("%s: %zu training, %zu validation and %zu test images\n", file,
                info.count[DATASET_TRAIN] - moved, moved, info.count[DATASET_TEST]);
    dataset_info_release(&info);
    return st;
}
