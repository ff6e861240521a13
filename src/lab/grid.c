#include "lab/grid.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "lab/trial.h"

/* The environment that this process was started with, without what MPI and OpenMP have
   added since: that would mislead child processes. The caller frees memory and list. */
static enum status grid_environment(const char *hidden, char **memory, char ***list)
{
    FILE *file = fopen("/proc/self/environ", "r");
    if (!file)
        FAIL(ST_FAIL, "cannot open '/proc/self/environ': %s", strerror(errno));
    size_t room = 1 << 16, used = 0, got, length = strlen(hidden);
    char *text = mem_zeroed(room, 1);
    while ((got = fread(text + used, 1, room - used - 1, file)) > 0) {
        used += got;
        if (used == room - 1)
            text = mem_resize(text, room *= 2, 1);
    }
    int error = ferror(file) ? errno : 0;
    fclose(file);
    if (error) {
        free(text);
        FAIL(ST_FAIL, "cannot read '/proc/self/environ': %s", strerror(error));
    }
    text[used] = '\0';
    int count = 0;
    char **entry = mem_zeroed(used / 2 + 2, sizeof *entry);
    for (size_t i = 0; i < used; i += strlen(text + i) + 1)
        if (strncmp(text + i, hidden, length) != 0 || text[i + length] != '=')
            entry[count++] = text + i;
    *memory = text;
    *list = entry;
    return ST_OK;
}

/* Runs a child to its end, its output streams going to two files. */
static enum status grid_child_run(char **argv, char **environment, FILE *out, FILE *err,
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

/* All that a child wrote; the caller frees it. */
static enum status grid_read_all(FILE *file, char **text)
{
    size_t room = 1 << 16, used = 0, got;
    char *all = mem_zeroed(room, 1);
    rewind(file);
    while ((got = fread(all + used, 1, room - used - 1, file)) > 0) {
        used += got;
        if (used == room - 1)
            all = mem_resize(all, room *= 2, 1);
    }
    all[used] = '\0';
    *text = all;
    if (ferror(file))
        FAIL(ST_FAIL, "cannot read what a measurement printed: %s", strerror(errno));
    return ST_OK;
}

/* The point's rate, from the line of the child's output that has it. */
static enum status grid_child_read(char *output, const char *complaint, int status,
                                   struct grid_point *point)
{
    bool found = false;
    for (char *line; !found && (line = strsep(&output, "\n")) != NULL;)
        found = grid_read_line(line, point);
    if (found && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return ST_OK;
    const char *line = complaint + strspn(complaint, "-\n ");
    FAIL(ST_FAIL, "%d ranks x %d threads could not be measured: %.*s", point->ranks,
         point->threads, (int)strcspn(line, "\n"), line);
}

static enum status grid_child_measure(char **argv, char **environment,
                                      struct grid_point *point)
{
    FILE *out = tmpfile(), *err = tmpfile();
    int status = 0;
    enum status st = ST_OK;
    if (!out || !err)
        st = status_fail(ST_FAIL, "cannot make a temporary file: %s", strerror(errno));
    if (st == ST_OK)
        st = grid_child_run(argv, environment, out, err, &status);
    char *output = NULL, *complaint = NULL;
    if (st == ST_OK)
        st = grid_read_all(out, &output);
    if (st == ST_OK)
        st = grid_read_all(err, &complaint);
    if (st == ST_OK)
        st = grid_child_read(output, complaint, status, point);
    free(output);
    free(complaint);
    if (out)
        fclose(out);
    if (err)
        fclose(err);
    return st;
}

#define GRID_WORDS       24
#define GRID_NUMBER_TEXT 24

/* The command that measures a point. */
struct grid_command {
    char self[FS_PATH]; /* this program */
    char ranks[GRID_NUMBER_TEXT], threads[GRID_NUMBER_TEXT], batch[GRID_NUMBER_TEXT],
        repeats[GRID_NUMBER_TEXT];
    int count;
    const char *word[GRID_WORDS]; /* NULL at the end */
};

static void grid_command_add(struct grid_command *command, const char *const *words)
{
    for (; *words; words++) {
        ASSERT(command->count < GRID_WORDS - 1);
        command->word[command->count++] = *words;
    }
    command->word[command->count] = NULL;
}

static enum status grid_command_init(struct grid_command *command,
                                     const struct grid_setup *setup,
                                     const struct grid_point *point)
{
    *command = (struct grid_command){.count = 0};
    if (readlink("/proc/self/exe", command->self, sizeof command->self - 1) < 0)
        FAIL(ST_FAIL, "cannot read '/proc/self/exe': %s", strerror(errno));
    snprintf(command->ranks, GRID_NUMBER_TEXT, "%d", point->ranks);
    snprintf(command->threads, GRID_NUMBER_TEXT, "%d", point->threads);
    snprintf(command->batch, GRID_NUMBER_TEXT, "%lld", setup->batch);
    snprintf(command->repeats, GRID_NUMBER_TEXT, "%lld", setup->repeats);
    if (point->ranks > 1)
        grid_command_add(command,
                         (const char *[]){"mpirun", "--oversubscribe", "--bind-to",
                                          "none", "-n", command->ranks, NULL});
    grid_command_add(command, (const char *[]){command->self, "bench", "step", "--lines",
                                               "--train", "--threads", command->threads,
                                               "--batch", command->batch, "--repeats",
                                               command->repeats, setup->config, NULL});
    if (setup->data)
        grid_command_add(command, (const char *[]){"--data", setup->data, NULL});
    if (setup->image_size)
        grid_command_add(command,
                         (const char *[]){"--image-size", setup->image_size, NULL});
    return ST_OK;
}

static enum status grid_point_measure(const struct grid_setup *setup, char **environment,
                                      struct grid_point *point)
{
    struct grid_command command;
    char *argv[GRID_WORDS] = {NULL};
    TRY(grid_command_init(&command, setup, point));
    for (int i = 0; i < command.count; i++)
        argv[i] = mem_strdup(command.word[i]);
    enum status st = grid_child_measure(argv, environment, point);
    for (int i = 0; i < command.count; i++)
        free(argv[i]);
    return st;
}

enum status grid_measure(const struct grid_setup *setup, struct grid_point *points,
                         int count)
{
    char *memory = NULL, **environment = NULL;
    enum status st = ST_OK;
    if (geteuid() == 0 && !getenv("OMPI_ALLOW_RUN_AS_ROOT"))
        FAIL(ST_USAGE, "mpirun refuses to run as root; first type 'source "
                       "scripts/mpi.sh', which allows it");
    TRY(grid_environment(setup->hidden, &memory, &environment));
    for (int i = 0; i < count && st == ST_OK; i++) {
        log_progress("measuring %d x %d", points[i].ranks, points[i].threads);
        st = grid_point_measure(setup, environment, &points[i]);
    }
    free(environment);
    free(memory);
    return st;
}

void grid_print_line(const struct trial_row *row)
{
    log_out("ranks=%d threads=%d batch=%d grain=%d train=%.1f low=%.1f high=%.1f\n",
            row->ranks, row->threads, row->batch, row->grain, row->train.median,
            row->train.low, row->train.high);
}

bool grid_read_line(const char *line, struct grid_point *point)
{
    struct grid_point read = {0};
    int end = 0;
    sscanf(line, "ranks=%d threads=%d batch=%*d grain=%*d train=%lf low=%lf high=%lf%n",
           &read.ranks, &read.threads, &read.rate, &read.low, &read.high, &end);
    if (end == 0 || line[end] != '\0' || read.ranks != point->ranks ||
        read.threads != point->threads || !(read.rate > 0))
        return false;
    *point = read;
    return true;
}

int grid_workers(const struct grid_point *point)
{
    return point->ranks * point->threads;
}

const struct grid_point *grid_best(const struct grid_point *points, int count,
                                   int workers)
{
    const struct grid_point *best = NULL;
    for (int i = 0; i < count; i++)
        if (grid_workers(&points[i]) == workers && (!best || points[i].rate > best->rate))
            best = &points[i];
    return best;
}

int grid_end(const struct grid_point *points, int count)
{
    for (int i = 0; i < count; i++) {
        int workers = grid_workers(&points[i]);
        const struct grid_point *now = grid_best(points, count, workers);
        const struct grid_point *twice = grid_best(points, count, 2 * workers);
        if (twice && twice->rate < GRID_GAIN * now->rate)
            return workers;
    }
    return 0;
}
