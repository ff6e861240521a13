/* main: picks the subcommand, starts MPI where it is needed, turns the status into the
   exit code. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/run/early.h"
#include "app/run/launcher.h"
#include "app/run/prepare.h"
#include "app/version.h"
#include "base/bytes.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/stop.h"
#include "comm/comm.h"
#include "io/h5probe.h"
#include "kernels/cpu.h"

#define MAIN_MEMORY_LEAST ((size_t)64 << 20) /* bytes; MPI and HDF5 take half of it */
#define MAIN_FILE_LEAST   ((size_t)16 << 20) /* bytes; Open MPI makes files of 4 MiB */
#define MAIN_OPEN_LEAST   24                 /* files at once; a lone rank has up to 17 */

/* Which processes run a command. */
enum main_ranks {
    MAIN_ONE,   /* without MPI */
    MAIN_ALL,   /* all ranks */
    MAIN_EITHER /* all ranks; without a launcher one, which does without MPI */
};

struct main_command {
    const char *name;
    enum main_ranks ranks;
    bool stops; /* checks stop_requested; a signal ends the other commands */
    enum status (*run)(struct comm *comm, int argc, char **argv);
    const char *summary;
};

static const struct main_command main_commands[] = {
    {"train", MAIN_ALL, true, cmd_train, "train a network, or go on with a run"},
    {"models", MAIN_ONE, false, cmd_models, "list the networks that have a name"},
    {"eval", MAIN_ALL, false, cmd_eval, "measure a checkpoint on a data set (also: val)"},
    {"report", MAIN_ALL, false, cmd_report, "write a page about a run, or several"},
    {"runs", MAIN_ONE, false, cmd_runs, "list the runs in a folder"},
    {"predict", MAIN_EITHER, false, cmd_predict, "classify pictures"},
    {"export", MAIN_ONE, false, cmd_export,
     "write a network for other programs (ONNX, safetensors, HDF5)"},
    {"show", MAIN_ONE, false, cmd_show,
     "print what a run, a checkpoint, a data set or a plan holds"},
    {"bench", MAIN_ALL, false, cmd_bench,
     "measure training steps and layers on this machine"},
    {"lab", MAIN_ALL, false, cmd_lab, "measure every way to use this machine's cores"},
    {"tune", MAIN_ALL, false, cmd_tune,
     "find the fastest plan of threads, and keep it for train"},
    {"lrfind", MAIN_ALL, false, cmd_lrfind, "find a learning rate"},
    {"plan", MAIN_ALL, false, cmd_plan, "predict the speed with more ranks and nodes"},
    {"machine", MAIN_ONE, false, cmd_machine,
     "print the CPUs and the memory that lockstep may use here"},
    {"data", MAIN_ONE, true, cmd_data, "make, import and inspect data sets"},
    {"weights", MAIN_ONE, false, cmd_weights,
     "exchange weights with other programs (safetensors, NumPy, HDF5)"},
};
enum { COMMANDS = sizeof main_commands / sizeof main_commands[0] };

static void main_print_help(void)
{
    log_out(
        "Usage: lockstep COMMAND [OPTION]...\n"
        "  or:  mpirun -n RANKS lockstep COMMAND [OPTION]...\n\n"
        "Data-parallel training of convolutional image classifiers on CPU clusters.\n\n"
        "Commands:\n");
    for (int i = 0; i < COMMANDS; i++)
        cli_print_entry(main_commands[i].name, main_commands[i].summary);
    log_out("\nOptions:\n");
    cli_print_entry("--help",
                    "print this help; 'lockstep COMMAND --help' prints a command's");
    cli_print_entry("--version", "print the version");
    log_out("\nExit status:\n");
    cli_print_entry("0", "done");
    cli_print_entry("1", "failure");
    cli_print_entry("2", "wrong usage or config");
    cli_print_entry("3", "bug");
    cli_print_entry("4", "done, but some pictures could not be read (predict --out)");
    cli_print_entry("75", "stopped early; the same command with --resume goes on");
}

static const struct main_command *main_find_command(const char *name)
{
    if (strcmp(name, "val") == 0)
        name = "eval"; /* as Ultralytics calls it */
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(main_commands[i].name, name) == 0)
            return &main_commands[i];
    return NULL;
}

static enum status main_unknown_command(const char *name)
{
    const char *names[COMMANDS];
    for (int i = 0; i < COMMANDS; i++)
        names[i] = main_commands[i].name;
    const char *near = parse_nearest(name, names, COMMANDS);
    if (near)
        FAIL(ST_USAGE, "unknown command '%s'; did you mean '%s'?", name, near);
    FAIL(ST_USAGE, "unknown command '%s'; see 'lockstep --help'", name);
}

/* Libraries crash without memory: refuse before that. */
static enum status main_check_memory(void)
{
    size_t left = mem_limit();
    if (left < MAIN_MEMORY_LEAST)
        FAIL(ST_USAGE,
             "only %s of memory are left for this process, too little to start; raise "
             "its limit (%s)",
             bytes_text((double)left).text, mem_limit_source());
    return ST_OK;
}

/* Open MPI shares memory among ranks in files, and hangs or crashes without them. */
static enum status main_check_file_size(void)
{
    struct rlimit limit;
    const char *ranks = getenv("OMPI_COMM_WORLD_SIZE");
    if (!ranks || atoi(ranks) < 2 || getrlimit(RLIMIT_FSIZE, &limit) != 0 ||
        limit.rlim_cur >= MAIN_FILE_LEAST)
        return ST_OK;
    FAIL(ST_USAGE,
         "files may have %s only, too little for what %s ranks share; raise the limit "
         "(ulimit -f)",
         bytes_text((double)limit.rlim_cur).text, ranks);
}

/* Open MPI has a page of complaints for each file that it cannot open. */
static enum status main_check_open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= MAIN_OPEN_LEAST)
        return ST_OK;
    FAIL(ST_USAGE,
         "only %d files may be open at once, too few to start; raise the limit "
         "(ulimit -n)",
         (int)limit.rlim_cur);
}

static enum status main_run_command(const struct main_command *command, int argc,
                                    char **argv)
{
    if (command->ranks == MAIN_ONE) {
        log_init(0, "");
        TRY(launcher_check_alone(command->name, argv));
    }
    /* The other ranks of a run read a file after rank 0. */
    bool reads_first = command->ranks == MAIN_ONE || launcher_rank() == 0;
    h5probe_start(reads_first ? "show" : NULL);
    if (command->stops)
        stop_install();
    else
        stop_deliver();
    TRY(cpu_check_isa());
    bool mpi = command->ranks == MAIN_ALL ||
               (command->ranks == MAIN_EITHER && launcher_is_there());
    if (mpi) {
        TRY(main_check_file_size());
        TRY(main_check_open_files());
    }
    cpu_blas_single_thread();
    TRY(main_check_memory());
    struct comm *comm = NULL;
    if (command->ranks != MAIN_ONE)
        comm = mpi ? comm_start(&argc, &argv) : comm_start_alone();
    enum status st = comm ? launcher_check_world(comm_size(comm)) : ST_OK;
    if (st == ST_OK)
        st = command->run(comm, argc - 2, argv + 2);
    if (comm)
        comm_finish(comm); /* ends the watch, which may print */
    return st;
}

static enum status main_run(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        main_print_help();
        return argc < 2 ? ST_USAGE : ST_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        log_out("lockstep %s\n", app_version());
        return ST_OK;
    }
    const struct main_command *command = main_find_command(argv[1]);
    if (!command)
        return main_unknown_command(argv[1]);
    return main_run_command(command, argc, argv);
}

int main(int argc, char **argv)
{
    early_done();
    mem_start();
    fault_install();
    stop_defer();
    prepare_environment(argv);
    log_init(launcher_rank(), "");
    log_set_replicated(true);
    enum status st = main_run(argc, argv), printed = log_finish();
    return st == ST_OK ? printed : st;
}
