#include "ways.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/run/prepare.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"

/* The environment that this process was started with: what MPI and OpenMP have put there
   since would mislead children that start them anew. The caller frees memory and list. */
static enum status first_environment(char **memory, char ***list)
{
    FILE *file = fopen("/proc/self/environ", "r");
    if (!file)
        FAIL(ST_FAIL, "cannot open '/proc/self/environ': %s", strerror(errno));
    size_t room = 1 << 16, used = 0, got;
    char *text = mem_zeroed(room, 1);
    while ((got = fread(text + used, 1, room - used - 1, file)) > 0) {
        used += got;
        if (used == room - 1)
            text = mem_resize(text, room *= 2, 1);
    }
    fclose(file);
    text[used] = '\0';
    int count = 0;
    char **entry = mem_zeroed(used / 2 + 2, sizeof *entry);
    for (size_t i = 0; i < used; i += strlen(text + i) + 1)
        if (strncmp(text + i, PREPARE_VARIABLE "=", sizeof PREPARE_VARIABLE) != 0)
            entry[count++] = text + i;
    *memory = text;
    *list = entry;
    return ST_OK;
}

/* Both streams of a child end up in temporary files, which have no name any more. */
static enum status spawn(char **argv, char **environment, FILE *out, FILE *err,
                         int *status)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, fileno(out), 1);
    posix_spawn_file_actions_adddup2(&actions, fileno(err), 2);
    int failed = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    if (failed)
        FAIL(ST_FAIL, "cannot start '%s': %s", argv[0], strerror(failed));
    while (waitpid(pid, status, 0) < 0)
        if (errno != EINTR)
            FAIL(ST_FAIL, "waiting for '%s': %s", argv[0], strerror(errno));
    return ST_OK;
}

static char *read_all(FILE *file)
{
    size_t room = 1 << 16;
    char *text = mem_zeroed(room, 1);
    rewind(file);
    text[fread(text, 1, room - 1, file)] = '\0';
    return text;
}

/* The number behind "key": in bench's JSON. */
static bool find_number(const char *text, const char *key, double *value)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\": ", key);
    const char *at = strstr(text, quoted);
    return at && sscanf(at + strlen(quoted), "%lf", value) == 1;
}

static enum status read_child(const char *said, const char *complained, int status,
                              struct way *way)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
        find_number(said, "train_images_per_second", &way->rate) &&
        find_number(said, "train_low", &way->low) &&
        find_number(said, "train_high", &way->high))
        return ST_OK;
    const char *line = complained + strspn(complained, "-\n ");
    FAIL(ST_FAIL, "%d ranks x %d threads could not be measured: %.*s", way->ranks,
         way->threads, (int)strcspn(line, "\n"), line);
}

static enum status measure(const struct ways_request *request, char **environment,
                           struct way *way)
{
    char ranks[16], threads[16], batch[32], repeats[32], self[FS_PATH];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0)
        FAIL(ST_FAIL, "cannot read '/proc/self/exe': %s", strerror(errno));
    self[length] = '\0';
    snprintf(ranks, sizeof ranks, "%d", way->ranks);
    snprintf(threads, sizeof threads, "%d", way->threads);
    snprintf(batch, sizeof batch, "%lld", request->batch);
    snprintf(repeats, sizeof repeats, "%lld", request->repeats);
    const char *words[] = {
        "mpirun", "--oversubscribe", "--bind-to", "none",      "-n",      ranks,
        self,     "bench",           "step",      "--json",    "--train", "--threads",
        threads,  "--batch",         batch,       "--repeats", repeats,   request->config,
        NULL};
    char *argv[sizeof words / sizeof *words];
    int skip = way->ranks > 1 ? 0 : 6, count = 0;
    for (size_t i = (size_t)skip; i < sizeof words / sizeof *words; i++)
        if (words[i])
            argv[count++] = mem_strdup(words[i]);
    argv[count] = NULL;
    FILE *out = tmpfile(), *err = tmpfile();
    int status = 0;
    enum status st = ST_OK;
    if (!out || !err)
        st = status_fail(ST_FAIL, "cannot make a temporary file: %s", strerror(errno));
    if (st == ST_OK)
        st = spawn(argv, environment, out, err, &status);
    if (st == ST_OK) {
        char *said = read_all(out), *complained = read_all(err);
        st = read_child(said, complained, status, way);
        free(said);
        free(complained);
    }
    if (out)
        fclose(out);
    if (err)
        fclose(err);
    while (count > 0)
        free(argv[--count]);
    return st;
}

enum status ways_measure(const struct ways_request *request, struct way *ways, int count)
{
    char *memory = NULL, **environment = NULL;
    enum status st = ST_OK;
    if (geteuid() == 0 && !getenv("OMPI_ALLOW_RUN_AS_ROOT"))
        FAIL(ST_USAGE, "mpirun refuses root unless it is told twice; first type 'source "
                       "scripts/mpi.sh'");
    TRY(first_environment(&memory, &environment));
    for (int i = 0; i < count && st == ST_OK; i++) {
        log_progress("measuring %d x %d", ways[i].ranks, ways[i].threads);
        st = measure(request, environment, &ways[i]);
    }
    free(environment);
    free(memory);
    return st;
}

const struct way *ways_best(const struct way *ways, int count, int workers)
{
    const struct way *best = NULL;
    for (int i = 0; i < count; i++)
        if (ways[i].ranks * ways[i].threads == workers &&
            (!best || ways[i].rate > best->rate))
            best = &ways[i];
    return best;
}
