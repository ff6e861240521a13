#include "app/cli/cli.h"
#include "base/status.h"
#include "cmd_data.h"
#include "data/synth.h"
#include "kernels/cpu.h"
#include "letters.h"
#include "output.h"

#define IMAGES_MAX  100000000
#define THREADS_MAX 1024

enum status cmd_data_synth(int argc, char **argv)
{
    const char *out = NULL;
    long long train = 20000, test = 4000, threads = 0;
    uint64_t seed = 1;
    bool force = false;
    int count;
    const struct cli_command command = {"data synth", "", 0, 0,
                                        "Draw the built-in set of handwritten letters."};
    const struct cli_option options[] = {
        {"out", CLI_TEXT, &out, "FILE", "data set to write"},
        {"train", CLI_INT, &train, "N", "training images, default 20000"},
        {"test", CLI_INT, &test, "N", "test images, default 4000"},
        {"seed", CLI_U64, &seed, "N", "seed: another one draws other images, default 1"},
        {"threads", CLI_INT, &threads, "N",
         "threads, default all allowed CPUs; the images do not depend on it"},
        {"force", CLI_FLAG, &force, NULL, "replace FILE if it exists"},
        {0},
    };
    TRY(cli_parse(&command, options, argc, argv, NULL, &count));
    if (count < 0)
        return ST_OK;
    if (train < SYNTH_CLASSES || train > IMAGES_MAX || test > IMAGES_MAX)
        FAIL(ST_USAGE,
             "--train %lld --test %lld: expected %d to %d training images and at most "
             "%d test images",
             train, test, SYNTH_CLASSES, IMAGES_MAX, IMAGES_MAX);
    if (threads > THREADS_MAX)
        FAIL(ST_USAGE, "--threads %lld: at most %d are possible", threads, THREADS_MAX);
    TRY(output_check(out, force));
    struct dataset_builder builder = {.count = {(size_t)train, (size_t)test}};
    letters_draw(&builder, seed, threads ? (int)threads : cpu_allowed());
    return output_dataset(&builder, out, false);
}
