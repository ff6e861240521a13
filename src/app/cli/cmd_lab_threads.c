/* lab threads: whole training steps by all splits of workers into ranks and threads, each
   in processes of its own: `lockstep bench step`, started by mpirun where there are
   several ranks. */
#include <stdio.h>

#include "app/cli/cli.h"
#include "base/log.h"
#include "base/table.h"
#include "cmd_lab.h"
#include "comm/comm.h"
#include "kernels/cpu.h"
#include "ways.h"

#define SPLITS_MOST 128
#define GAIN        1.10 /* that a doubling of the workers should bring */

struct request {
    struct ways_request ways;
    long long most;
};

/* 1, 2, 4, ... workers up to twice the CPUs, and all CPUs; each in every split. */
static int list_ways(struct way *ways, int cpus, int most)
{
    int count = 0;
    for (int workers = 1; workers <= most; workers++) {
        bool power = (workers & (workers - 1)) == 0;
        if (!power && workers != cpus && workers != most)
            continue;
        for (int ranks = 1; ranks <= workers && count < SPLITS_MOST; ranks++)
            if (workers % ranks == 0)
                ways[count++] = (struct way){.ranks = ranks, .threads = workers / ranks};
    }
    return count;
}

static int workers_of(const struct way *way)
{
    return way->ranks * way->threads;
}

static void print_ways(const struct way *ways, int count, int cpus)
{
    struct table table;
    table_init(&table, ">workers", ">ranks", ">threads", ">images/s", ">spread",
               ">speed-up", ">eff %", "<", NULL);
    for (int i = 0; i < count; i++) {
        const struct way *way = &ways[i];
        int workers = workers_of(way);
        double speedup = way->rate / ways[0].rate;
        table_cellf(&table, "%d", workers);
        table_cellf(&table, "%d", way->ranks);
        table_cellf(&table, "%d", way->threads);
        table_cellf(&table, "%.0f", way->rate);
        table_cellf(&table, "%.0f-%.0f", way->low, way->high);
        table_cellf(&table, "%.2f", speedup);
        table_cellf(&table, "%.0f", 100 * speedup / workers);
        table_cellf(&table, "%s%s", way == ways_best(ways, count, workers) ? "*" : " ",
                    workers > cpus ? " oversubscribed" : "");
    }
    table_print(&table);
    table_release(&table);
}

/* The workers from which on a doubling brings less than GAIN; 0: there is none. */
static int find_end(const struct way *ways, int count)
{
    for (int i = 0; i < count; i++) {
        const struct way *now = ways_best(ways, count, workers_of(&ways[i]));
        const struct way *twice = ways_best(ways, count, 2 * workers_of(&ways[i]));
        if (twice && twice->rate < GAIN * now->rate)
            return workers_of(now);
    }
    return 0;
}

static void examine(const struct way *ways, int count, int cpus)
{
    struct claim claim = {.claim = "diminishing returns beyond 4 to 6 workers"};
    int end = find_end(ways, count), most = workers_of(&ways[count - 1]);
    if (end)
        log_out("\nreturns end at %d worker%s: the next doubling brings less than %.0f "
                "%%\n",
                end, end > 1 ? "s" : "", 100 * (GAIN - 1));
    else
        log_out("\nreturns do not end up to %d workers: each doubling brings %.0f %% or "
                "more\n",
                most, 100 * (GAIN - 1));
    const struct way *full = ways_best(ways, count, cpus < most ? cpus : most);
    if (full)
        snprintf(claim.here, sizeof claim.here,
                 "%d workers have %.0f %% efficiency; this machine has %d CPUs",
                 workers_of(full), 100 * full->rate / ways[0].rate / workers_of(full),
                 cpus);
    snprintf(claim.holds, sizeof claim.holds, "%s",
             end >= 4 && end <= 6 ? "yes"
             : end == 0           ? "no: not up to here"
             : end == cpus        ? "no: beyond the CPUs"
             : end < 4            ? "no: earlier"
                                  : "no: later");
    lab_print_claims(&claim, 1);
}

static enum status run(const struct request *request)
{
    struct way ways[SPLITS_MOST];
    int cpus = cpu_allowed(), most = request->most ? (int)request->most : 2 * cpus;
    int count = list_ways(ways, cpus, most);
    TRY(ways_measure(&request->ways, ways, count));
    log_out("training steps of %lld images; %d CPUs; *: the best split of so many "
            "workers\n\n",
            request->ways.batch, cpus);
    print_ways(ways, count, cpus);
    examine(ways, count, cpus);
    return ST_OK;
}

enum status lab_threads(struct comm *comm, int argc, char **argv)
{
    struct request request = {.ways = {.batch = 256, .repeats = 5}};
    const struct cli_option options[] = {
        {"batch", CLI_INT, &request.ways.batch, "N", "images in a batch (256)"},
        {"workers", CLI_INT, &request.most, "N",
         "most workers, ranks times threads (twice the CPUs)"},
        {"repeats", CLI_INT, &request.ways.repeats, "N",
         "runs of which the median is told (5)"},
        {0},
    };
    const struct cli_command command = {
        "lab threads", "[CONFIG]", 0, 1,
        "Measure training steps by 1, 2, 4, ... workers, in every split into ranks and\n"
        "threads; ranks are started by mpirun."};
    int count;
    TRY(cli_parse(&command, options, argc, argv, &request.ways.config, &count));
    if (count < 0)
        return ST_OK;
    if (count == 0)
        request.ways.config = NULL;
    if (comm_size(comm) > 1)
        FAIL(ST_USAGE, "lab threads starts mpirun itself; start it without");
    if (request.ways.batch < 1 || request.ways.repeats < 1)
        FAIL(ST_USAGE, "'--batch' and '--repeats': at least 1");
    if (request.most > 1024)
        FAIL(ST_USAGE, "'--workers %lld': at most 1024", request.most);
    return run(&request);
}
