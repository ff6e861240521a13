#include "app/run/launcher.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/status.h"
#include "comm/comm.h"

#define LAUNCHER_SECONDS 3 /* enough to print one line, on a busy machine too */

/* How a launcher numbers its processes. */
struct launcher {
    const char *name;
    const char *rank, *count; /* variables; count NULL: it does not tell */
    const char *only_with; /* a variable without which the others mean something else */
    const char *parent;    /* what starts the processes, by its name in /proc */
};

/* The innermost first: mpirun and MPICH's mpiexec use srun in a SLURM job, and their
   processes inherit its variables. SLURM_NTASKS and SLURM_PROCID are no sign: salloc and
   sbatch set them, too. Only SLURM_STEP_NUM_TASKS belongs to srun. */
static const struct launcher launchers[] = {
    {"mpirun", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", NULL, NULL},
    {"mpiexec", "PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS", "hydra_pmi_proxy"},
    {"srun", "PMI_RANK", "PMI_SIZE", "SLURM_STEP_NUM_TASKS", "slurmstepd"},
    {"mpiexec", "PMI_RANK", "PMI_SIZE", NULL, "palsd"},
    {"mpiexec", "PMI_ID", "MPI_LOCALNRANKS", NULL, "hydra_pmi_proxy"},
    {"mpirun_rsh", "MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", NULL, "mpispawn"},
    {"jsrun", "JSM_NAMESPACE_RANK", "JSM_NAMESPACE_SIZE", NULL, "jsmd"},
    {"flux run", "FLUX_TASK_RANK", "FLUX_JOB_SIZE", NULL, "flux-shell"},
    {"srun", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", NULL, "slurmstepd"},
    {"PALS", "PALS_RANKID", NULL, NULL, "palsd"},
    {"aprun", "ALPS_APP_PE", NULL, NULL, "apinit"},
    {"horovodrun", "HOROVOD_RANK", "HOROVOD_SIZE", NULL, NULL},
    {"torchrun", "RANK", "WORLD_SIZE", "TORCHELASTIC_RUN_ID", NULL},
    {"a launcher of PyTorch", "RANK", "WORLD_SIZE", "MASTER_ADDR", NULL},
    {"pbsdsh", "PBS_VNODENUM", NULL, "PBS_JOBID", "pbs_mom"}, /* a job's script is 0 */
    {"poe", "MP_CHILD", "MP_PROCS", NULL, NULL},
    {"a PMIx launcher", "PMIX_RANK", NULL, NULL, "prted"},
};
enum { LAUNCHERS = sizeof launchers / sizeof launchers[0] };

/* What the environment says. */
struct launcher_claim {
    const struct launcher *by; /* NULL: no launcher */
    int rank, count;
};

/* A whole number from 0; -1: there is none. */
static int launcher_number(const char *name)
{
    const char *text = getenv(name);
    long long number;
    return text && parse_int(text, 0, INT_MAX, &number) ? (int)number : -1;
}

static struct launcher_claim launcher_claimed(void)
{
    for (int i = 0; i < LAUNCHERS; i++) {
        const struct launcher *launcher = &launchers[i];
        int rank = launcher_number(launcher->rank);
        int count = launcher->count ? launcher_number(launcher->count) : rank + 1;
        if (rank >= 0 && count > 0 &&
            (!launcher->only_with || getenv(launcher->only_with)))
            return (struct launcher_claim){launcher, rank, count};
    }
    return (struct launcher_claim){0};
}

/* Open MPI is the one whose world this program can join. */
static bool launcher_is_open_mpi(const struct launcher *launcher)
{
    return launcher == &launchers[0];
}

/* The file /proc/PARENT/NAME, of which the caller frees the text; false without one. */
static bool launcher_parent_file(const char *name, char **text, size_t *bytes)
{
    char path[64], said[STATUS_TEXT];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)getppid(), name);
    status_capture(said);
    bool read = fs_read_text(path, text, bytes) == ST_OK;
    status_capture(NULL);
    return read;
}

static bool launcher_parent_is(const char *name)
{
    char *text;
    size_t bytes;
    if (!name || !launcher_parent_file("comm", &text, &bytes))
        return false;
    text[strcspn(text, "\n")] = '\0';
    bool is = strcmp(text, name) == 0;
    free(text);
    return is;
}

int launcher_rank(void)
{
    struct launcher_claim claim = launcher_claimed();
    if (!claim.by ||
        (!launcher_is_open_mpi(claim.by) && !launcher_parent_is(claim.by->parent)))
        return 0;
    return claim.rank;
}

static const char *launcher_basename(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Does a command line, words that end with NUL, hold this program and its arguments? */
static bool launcher_names(const char *line, size_t bytes, char **argv)
{
    const char *end = line + bytes;
    for (const char *word = line; word < end; word += strlen(word) + 1) {
        if (strcmp(launcher_basename(word), launcher_basename(argv[0])) != 0)
            continue;
        const char *next = word + strlen(word) + 1;
        int i = 1;
        while (argv[i] && next < end && strcmp(argv[i], next) == 0) {
            next += strlen(next) + 1;
            i++;
        }
        if (!argv[i])
            return true;
    }
    return false;
}

/* Several commands that one mpirun starts ("mpirun -n 1 A : -n 2 B") number their
   processes one after the other: the command of `claim` has `count` of them, from rank
   `first`. */
static void launcher_find_command(const struct launcher_claim *claim, int *first,
                                  int *count)
{
    const char *counts = getenv("OMPI_APP_CTX_NUM_PROCS"); /* "1 2" */
    *first = 0;
    *count = claim->count;
    for (char *end; counts && *counts; counts = end) {
        long here = strtol(counts, &end, 10);
        if (end == counts || here <= 0 || here > claim->count)
            return;
        *count = (int)here;
        if (claim->rank < *first + *count)
            return;
        *first += *count;
    }
}

/* Did mpirun start this command, and not a script that did? On another host mpirun's
   command line cannot be seen. */
static bool launcher_mpirun_started(char **argv)
{
    static const char *const programs[] = {"mpirun", "mpiexec", "orterun", "prterun"};
    char *line;
    size_t bytes;
    bool started = false;
    if (launcher_parent_is("orted") || launcher_parent_is("prted"))
        return true;
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
        started = started || launcher_parent_is(programs[i]);
    if (!started || !launcher_parent_file("cmdline", &line, &bytes))
        return false;
    started = launcher_names(line, bytes, argv);
    free(line);
    return started;
}

/* If all copies end alike, the first one prints why. The others wait meanwhile, because
   most launchers end all processes as soon as one has failed. */
static void launcher_speak(int copy)
{
    log_init(copy, "");
    if (copy > 0)
        sleep(LAUNCHER_SECONDS);
}

bool launcher_is_there(void)
{
    return launcher_claimed().by != NULL;
}

enum status launcher_check_alone(const char *command, char **argv)
{
    struct launcher_claim claim = launcher_claimed();
    if (!claim.by || claim.count < 2)
        return ST_OK;
    int first = 0, count = claim.count;
    if (launcher_is_open_mpi(claim.by))
        launcher_find_command(&claim, &first, &count);
    bool started = launcher_is_open_mpi(claim.by) ? launcher_mpirun_started(argv)
                                                  : launcher_parent_is(claim.by->parent);
    if (count < 2 || !started)
        return ST_OK;
    launcher_speak(claim.rank - first);
    FAIL(ST_USAGE, "'%s' is a command for one process, %s started %d; type it without %s",
         command, claim.by->name, count, claim.by->name);
}

static enum status launcher_fail_world(const struct launcher_claim *claim)
{
    const struct launcher *by = claim->by;
    const char *variable = by->count ? by->count : by->rank, *value = getenv(variable);
    if (strcmp(by->name, "srun") == 0)
        FAIL(ST_USAGE,
             "the %d tasks of srun do not see each other; start with 'srun --mpi=pmix', "
             "or with 'mpirun' instead of srun",
             claim->count);
    if (launcher_is_open_mpi(by))
        FAIL(ST_USAGE,
             "%s=%s, but this process finds no other rank; start with the mpirun of %s, "
             "or, if the variable is left over, with 'env -u %s lockstep ...'",
             variable, value, comm_version(), variable);
    FAIL(ST_USAGE,
         "%s=%s: the processes that %s started do not see each other; start with the "
         "mpirun of %s, or, if the variable is left over, with 'env -u %s lockstep ...'",
         variable, value, by->name, comm_version(), variable);
}

/* Where the launcher is known to have started this process, its first one speaks. */
enum status launcher_check_world(int ranks)
{
    struct launcher_claim claim = launcher_claimed();
    if (ranks > 1 || !claim.by || claim.count < 2)
        return ST_OK;
    if (launcher_parent_is(claim.by->parent))
        launcher_speak(claim.rank);
    return launcher_fail_world(&claim);
}
