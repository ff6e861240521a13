/* main: picks the subcommand, starts MPI where it is needed, turns the status into the
   exit code. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli/commands.h"
#include "app/run/early.h"
#include "app/run/prepare.h"
#include "app/version.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/stop.h"
#include "comm/comm.h"
#include "io/h5probe.h"
#include "kernels/cpu.h"

#define ROOM ((size_t)64 << 20) /* bytes: MPI and HDF5 take half of it */

struct command {
    const char *name;
    bool parallel; /* runs on all ranks */
    bool stops;    /* asks stop_requested; the others are ended by a signal as usual */
    enum status (*run)(struct comm *comm, int argc, char **argv);
    const char *summary;
};

static const struct command commands[] = {
    {"train", true, true, cmd_train, "train a network, or go on with a run"},
    {"eval", true, false, cmd_eval, "measure a checkpoint on a data set"},
    {"predict", false, false, cmd_predict, "classify images"},
    {"show", false, false, cmd_show, "say what a run, checkpoint or data file is"},
    {"bench", true, false, cmd_bench,
     "measure training steps and layers on this machine"},
    {"lab", true, false, cmd_lab, "measure every way to use this machine's cores"},
    {"tune", true, false, cmd_tune,
     "measure how threads best share the work, for train to use"},
    {"plan", true, false, cmd_plan, "predict what more ranks and nodes would bring"},
    {"data", false, true, cmd_data, "make, import and look at data sets"},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(void)
{
    log_out("lockstep %s: data-parallel training of convolutional image classifiers\n\n"
            "usage: [mpirun -n RANKS] lockstep COMMAND ...\n\ncommands:\n",
            app_version());
    for (int i = 0; i < COMMANDS; i++)
        log_out("  %-10s %s\n", commands[i].name, commands[i].summary);
    log_out("\n'lockstep COMMAND --help' tells the rest. Exit codes: 0 done, 1 failure, "
            "2 usage or config,\n3 bug, 75 stopped early: the same command with --resume "
            "goes on.\n");
}

static const struct command *find(const char *name)
{
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static enum status unknown(const char *name)
{
    const char *names[COMMANDS];
    for (int i = 0; i < COMMANDS; i++)
        names[i] = commands[i].name;
    const char *near = parse_nearest(name, names, COMMANDS);
    if (near)
        FAIL(ST_USAGE, "unknown command '%s'; did you mean '%s'?", name, near);
    FAIL(ST_USAGE, "unknown command '%s'; see 'lockstep --help'", name);
}

/* Before MPI has started, or where it is not wanted. */
static int launcher_rank(void)
{
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    if (!rank)
        rank = getenv("PMIX_RANK");
    if (!rank && getenv("SLURM_STEP_ID"))
        rank = getenv("SLURM_PROCID");
    return rank ? atoi(rank) : 0;
}

/* Libraries do not survive having none: better said than met. */
static enum status check_room(void)
{
    size_t left = mem_limit();
    if (left < ROOM)
        FAIL(ST_USAGE,
             "this process may have %.2f GB more of memory, too little to begin with; "
             "raise its limit (ulimit -d, -v)",
             (double)left / 1e9);
    return ST_OK;
}

/* Without PMI the tasks of srun cannot find each other: each would train alone. */
static enum status check_launcher(void)
{
    const char *tasks = getenv("SLURM_STEP_NUM_TASKS");
    if (!getenv("SLURM_STEP_ID") || !tasks || atoi(tasks) < 2 || getenv("PMIX_RANK") ||
        getenv("PMI_RANK"))
        return ST_OK;
    FAIL(ST_USAGE,
         "the %s tasks of srun do not see each other; start with 'srun --mpi=pmix', or "
         "with "
         "'mpirun' instead of srun",
         tasks);
}

int main(int argc, char **argv)
{
    early_done();
    mem_start();
    stop_defer();
    prepare_environment(argv);
    log_init(launcher_rank(), "");
    log_set_replicated(true);
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help();
        return argc < 2 ? ST_USAGE : ST_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        log_out("lockstep %s\n", app_version());
        return ST_OK;
    }
    const struct command *command = find(argv[1]);
    if (!command)
        return unknown(argv[1]);
    if (!command->parallel && launcher_rank() != 0)
        return ST_OK;                                    /* one process does it all */
    h5probe_start(launcher_rank() == 0 ? "show" : NULL); /* the others read after it */
    if (command->stops)
        stop_install();
    else
        stop_deliver();
    enum status st = cpu_check_isa();
    if (st == ST_OK && command->parallel)
        st = check_launcher();
    if (st != ST_OK)
        return st;
    cpu_blas_single_thread();
    TRY(check_room());
    struct comm *comm = command->parallel ? comm_start(&argc, &argv) : NULL;
    st = command->run(comm, argc - 2, argv + 2);
    if (comm)
        comm_finish(comm); /* the end of its watch, which may speak */
    log_close_file();
    if ((fflush(stdout) != 0 || ferror(stdout)) && st == ST_OK)
        FAIL(ST_FAIL, "cannot write to the standard output: %s", strerror(errno));
    return st;
}
