/* lockstep bench: the command; its kinds of measurement have files of their own. */
#include <stdio.h>
#include <string.h>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/run/placement.h"
#include "app/run/stall.h"
#include "cmd_bench.h"
#include "comm/comm.h"

#define BENCH_THREADS 32

/* One thread, and all of the rank's share of the CPUs. Collective; notes what makes the
   processes slow (app/run/placement.h). */
static const char *bench_default_threads(struct comm *comm, char text[BENCH_THREADS])
{
    struct placement ranks;
    placement_init(&ranks, comm, 0);
    int share = placement_threads(&ranks, comm);
    placement_release(&ranks);
    snprintf(text, BENCH_THREADS, share > 1 ? "1,%d" : "1", share);
    return text;
}

static enum status bench_run(struct comm *comm, const char *what,
                             struct bench_request *request)
{
    char both[BENCH_THREADS];
    if (strcmp(what, "reduce") == 0)
        return bench_reduce(comm, request);
    const char *threads = bench_default_threads(comm, both);
    if (!request->threads)
        request->threads = threads;
    if (strcmp(what, "step") == 0)
        return bench_step(comm, request);
    if (strcmp(what, "layers") == 0)
        return comm_agree(comm, comm_rank(comm) == 0 ? bench_layers(request) : ST_OK);
    if (strcmp(what, "conv") == 0)
        return comm_agree(comm, comm_rank(comm) == 0 ? bench_conv(request) : ST_OK);
    if (strcmp(what, "rule") == 0)
        return comm_agree(comm, comm_rank(comm) == 0 ? bench_rule(request) : ST_OK);
    FAIL(ST_USAGE, "'bench %s': expected step, layers, conv, rule or reduce", what);
}

enum status cmd_bench(struct comm *comm, int argc, char **argv)
{
    struct bench_request request = {
        .batches = "16,64,256,1024",
        .bytes = "4096,16384,65536,262144,1200000,4194304,16777216,67108864",
        .repeats = 7,
        .stall_timeout = STALL_TIMEOUT,
    };
    const struct cli_option options[] = {
        {"batch", CLI_TEXT, &request.batches, "N,N,...",
         "batch sizes, default 16,64,256,1024"},
        {"threads", CLI_TEXT, &request.threads, "T,T,...",
         "threads per rank, default 1 and the rank's share of the CPUs"},
        {"repeats", CLI_INT, &request.repeats, "N",
         "runs whose median is shown, default 7"},
        {"grain", CLI_INT, &request.grain, "N",
         "samples per grain, instead of the config's; conv without CONFIG: default 32"},
        {"data", CLI_TEXT, &request.data, "FILE",
         "step, layers: data set to measure with, instead of built-in letters"},
        {"image-size", CLI_TEXT, &request.image_size, "N|HxW", CLI_IMAGE_SIZE_HELP},
        {"train", CLI_FLAG, &request.train_only, NULL, "do not time forward alone"},
        {"bytes", CLI_TEXT, &request.bytes, "N,N,...",
         "reduce: bytes of a vector, default 4096 to 67108864"},
        {"grains", CLI_INT, &request.grains, "N",
         "reduce: vectors to add, default one per rank"},
        {"json", CLI_FLAG, &request.json, NULL, "an array of objects instead of a table"},
        {"lines", CLI_FLAG, &request.lines, NULL,
         "step: a line of key=value words instead of each row"},
        {"stall-timeout", CLI_INT, &request.stall_timeout, "SECONDS", STALL_HELP},
        {0},
    };
    const struct cli_command command = {
        "bench", "step|layers|conv|rule|reduce [CONFIG]", 1, 2,
        "Measure whole training steps (step) or each layer (layers) of the reference\n"
        "network or of CONFIG's, on built-in letters; steps also under mpirun. Or the\n"
        "convolutions of CONFIG, or of a list, by each algorithm (conv); or whether the\n"
        "one that training uses is the fastest here (rule: CONFIG's, or those of nine\n"
        "networks; exit code 1 if not). Or the sum of a gradient over ranks by each\n"
        "algorithm and by MPI_Allreduce, whose bits depend on their number "
        "(reduce).\n" CLI_CONFIG_HELP};
    const char *operand[2];
    int count;
    TRY(cli_parse(&command, options, argc, argv, operand, &count));
    if (count < 0)
        return ST_OK;
    request.config = count > 1 ? operand[1] : NULL;
    if (request.repeats < 1)
        FAIL(ST_USAGE, "'--repeats 0': at least one is needed");
    if (request.json && request.lines)
        FAIL(ST_USAGE, "'--json' and '--lines': only one of them");
    TRY(stall_watch(comm, request.stall_timeout));
    return bench_run(comm, operand[0], &request);
}
