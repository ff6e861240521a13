#include "app/cli/cli.h"
#include "app/run/output.h"
#include "base/status.h"
#include "cmd_data.h"
#include "data/dataset_writer.h"
#include "data/letters.h"
#include "data/synth.h"
#include "kernels/cpu.h"
#include "kernels/team.h"

#define SYNTH_IMAGES_MAX  100000000
#define SYNTH_THREADS_MAX 1024

struct synth_task {
    struct dataset_builder *builder;
    uint64_t seed;
    int threads;
    enum dataset_split split;
};

static void synth_draw_share(void *context, int thread)
{
    const struct synth_task *task = context;
    size_t count = task->builder->count[task->split], threads = (size_t)task->threads;
    letters_draw(task->builder, task->seed, task->split, count * (size_t)thread / threads,
                 count * ((size_t)thread + 1) / threads);
}

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
    if (train < SYNTH_CLASSES || train > SYNTH_IMAGES_MAX || test > SYNTH_IMAGES_MAX)
        FAIL(ST_USAGE,
             "--train %lld --test %lld: expected %d to %d training images and at most "
             "%d test images",
             train, test, SYNTH_CLASSES, SYNTH_IMAGES_MAX, SYNTH_IMAGES_MAX);
    if (threads > SYNTH_THREADS_MAX)
        FAIL(ST_USAGE, "--threads %lld: at most %d are possible", threads,
             SYNTH_THREADS_MAX);
    TRY(output_check(out, force, &dataset_target, NULL, 0));
    struct dataset_builder builder = {
        .count = {[DATASET_TRAIN] = (size_t)train, [DATASET_TEST] = (size_t)test}};
    letters_init(&builder, seed);
    for (int s = 0; s < DATASET_SPLITS; s++) {
        int most = cpu_usable() < team_limit() ? cpu_usable() : team_limit();
        struct synth_task task = {&builder, seed, threads ? (int)threads : most, s};
        team_run(task.threads, synth_draw_share, &task);
    }
    return output_dataset(&builder, out, false);
}
