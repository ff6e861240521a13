/* lab threads: whole training steps by ranks and threads (lab/grid.h). */
#include "app/cli/cli.h"
#include "app/run/prepare.h"
#include "base/log.h"
#include "base/table.h"
#include "cmd_lab.h"
#include "comm/comm.h"
#include "kernels/cpu.h"
#include "lab/grid.h"

#define LAB_THREADS_POINTS 128

struct lab_threads_request {
    struct grid_setup grid;
    long long most;
};

/* 1, 2, 4, ... workers, and as many as CPUs; each number in all ranks x threads. */
static int lab_threads_list(struct grid_point *points, int cpus, int most)
{
    int count = 0;
    for (int workers = 1; workers <= most; workers++) {
        bool power = (workers & (workers - 1)) == 0;
        if (!power && workers != cpus && workers != most)
            continue;
        for (int ranks = 1; ranks <= workers && count < LAB_THREADS_POINTS; ranks++)
            if (workers % ranks == 0)
                points[count++] =
                    (struct grid_point){.ranks = ranks, .threads = workers / ranks};
    }
    return count;
}

static void lab_threads_print(const struct grid_point *points, int count, int cpus)
{
    struct table table;
    table_init(&table, ">workers", ">ranks", ">threads", ">images/s", ">spread",
               ">speed-up", ">eff %", "<", NULL);
    for (int i = 0; i < count; i++) {
        const struct grid_point *point = &points[i];
        int workers = grid_workers(point);
        double speedup = point->rate / points[0].rate;
        table_cellf(&table, "%d", workers);
        table_cellf(&table, "%d", point->ranks);
        table_cellf(&table, "%d", point->threads);
        table_cellf(&table, "%.0f", point->rate);
        table_cellf(&table, "%.0f-%.0f", point->low, point->high);
        table_cellf(&table, "%.2f", speedup);
        table_cellf(&table, "%.0f", 100 * speedup / workers);
        table_cellf(&table, "%s%s",
                    point == grid_best(points, count, workers) ? "*" : " ",
                    workers > cpus ? " oversubscribed" : "");
    }
    table_print(&table);
    table_release(&table);
}

static void lab_threads_print_end(const struct grid_point *points, int count, int end)
{
    int most = grid_workers(&points[count - 1]);
    double gain = 100 * (GRID_GAIN - 1);
    if (end)
        log_out("\nreturns end at %d worker%s: doubling them brings less than %.0f %%\n",
                end, end > 1 ? "s" : "", gain);
    else
        log_out("\nreturns do not end up to %d workers: each doubling brings %.0f %% or "
                "more\n",
                most, gain);
}

static enum status lab_threads_run(const struct lab_threads_request *request)
{
    struct grid_point points[LAB_THREADS_POINTS];
    struct claim claim;
    int cpus = cpu_usable(), most = request->most ? (int)request->most : 2 * cpus;
    int count = lab_threads_list(points, cpus, most);
    TRY(grid_measure(&request->grid, points, count));
    int end = grid_end(points, count);
    log_out(
        "training steps of %lld images; %d CPUs; *: the fastest ranks x threads of so "
        "many workers\n\n",
        request->grid.batch, cpus);
    lab_threads_print(points, count, cpus);
    lab_threads_print_end(points, count, end);
    claim_workers(points, count, end, cpus, &claim);
    lab_print_claims(&claim, 1);
    return ST_OK;
}

enum status lab_threads(struct comm *comm, int argc, char **argv)
{
    struct lab_threads_request request = {
        .grid = {.batch = 256, .repeats = 5, .hidden = PREPARE_VARIABLE}};
    const struct cli_option options[] = {
        {"batch", CLI_INT, &request.grid.batch, "N", "images in a batch, default 256"},
        {"image-size", CLI_TEXT, &request.grid.image_size, "N|HxW", CLI_IMAGE_SIZE_HELP},
        {"workers", CLI_INT, &request.most, "N",
         "most workers, ranks times threads, default twice the CPUs"},
        {"repeats", CLI_INT, &request.grid.repeats, "N",
         "runs whose median is shown, default 5"},
        {0},
    };
    const struct cli_command command = {
        "lab threads", "[CONFIG]", 0, 1,
        "Measure training steps by 1, 2, 4, ... workers, as every product of ranks and\n"
        "threads; mpirun starts the ranks.\n" CLI_CONFIG_HELP};
    int count;
    TRY(cli_parse(&command, options, argc, argv, &request.grid.config, &count));
    if (count < 0)
        return ST_OK;
    if (count == 0)
        request.grid.config = NULL;
    if (comm_size(comm) > 1)
        FAIL(ST_USAGE, "'lab threads' starts mpirun itself; start it without mpirun");
    if (request.grid.batch < 1 || request.grid.repeats < 1)
        FAIL(ST_USAGE, "'--batch' and '--repeats': at least 1");
    if (request.most > 1024)
        FAIL(ST_USAGE, "'--workers %lld': at most 1024", request.most);
    return lab_threads_run(&request);
}
