#include "app/run/launcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/status.h"

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

static bool launcher_parent_is(const char *const names[])
{
    char *text;
    size_t bytes;
    bool is = false;
    if (!launcher_parent_file("comm", &text, &bytes))
        return false;
    text[strcspn(text, "\n")] = '\0';
    for (int i = 0; names[i]; i++)
        is = is || strcmp(text, names[i]) == 0;
    free(text);
    return is;
}

int launcher_rank(void)
{
    static const char *const steps[] = {"slurmstepd", NULL};
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    if (!rank)
        rank = getenv("PMIX_RANK");
    if (!rank && getenv("SLURM_STEP_ID") && launcher_parent_is(steps))
        rank = getenv("SLURM_PROCID");
    return rank ? atoi(rank) : 0;
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

/* Of several commands that one mpirun starts, each has a first rank. */
static bool launcher_is_first(int rank)
{
    const char *counts = getenv("OMPI_APP_CTX_NUM_PROCS"); /* "1 2" */
    long first = 0;
    for (char *end; counts && *counts; counts = end) {
        long count = strtol(counts, &end, 10);
        if (end == counts)
            return false;
        if (first == rank)
            return true;
        first += count;
    }
    return false;
}

bool launcher_is_copy(char **argv)
{
    static const char *const programs[] = {"mpirun", "mpiexec", "orterun", "prterun",
                                           NULL};
    static const char *const daemons[] = {"orted", "prted", NULL};
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    char *line;
    size_t bytes;
    if (!rank || atoi(rank) == 0 || launcher_is_first(atoi(rank)))
        return false;
    if (launcher_parent_is(daemons)) {
        /* On another host: the command line of mpirun cannot be seen. */
        fprintf(stderr, "lockstep: note: rank %s leaves '%s' to rank 0\n", rank, argv[1]);
        return true;
    }
    if (!launcher_parent_is(programs) || !launcher_parent_file("cmdline", &line, &bytes))
        return false;
    bool same = launcher_names(line, bytes, argv);
    free(line);
    return same;
}
