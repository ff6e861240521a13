/* lab threads: whole training steps by all splits of workers into ranks and threads, each
   in processes of its own: `lockstep bench step`, started by mpirun where there are
   several ranks. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/cli.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "cmd_lab.h"
#include "comm/comm.h"
#include "kernels/cpu.h"
#include "trial.h"

#define SPLITS_MOST 128
#define GAIN        1.10 /* that a doubling of the workers should bring */

struct request {
    const char *config;
    long long batch, repeats, most;
};

struct way {
    int ranks, threads;
    double rate, low, high; /* images per second */
};

/* --- children --- */

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
        if (strncmp(text + i, "LOCKSTEP_PREPARED=", 18) != 0)
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

static enum status measure(const struct request *request, char **environment,
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

/* --- what is measured, and what it says --- */

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

static const struct way *best_of(const struct way *ways, int count, int workers)
{
    const struct way *best = NULL;
    for (int i = 0; i < count; i++)
        if (workers_of(&ways[i]) == workers && (!best || ways[i].rate > best->rate))
            best = &ways[i];
    return best;
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
        table_cellf(&table, "%s%s", way == best_of(ways, count, workers) ? "*" : " ",
                    workers > cpus ? " oversubscribed" : "");
    }
    table_print(&table);
    table_release(&table);
}

/* The workers from which on a doubling brings less than GAIN; 0: there is none. */
static int find_end(const struct way *ways, int count)
{
    for (int i = 0; i < count; i++) {
        const struct way *now = best_of(ways, count, workers_of(&ways[i]));
        const struct way *twice = best_of(ways, count, 2 * workers_of(&ways[i]));
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
    const struct way *full = best_of(ways, count, cpus < most ? cpus : most);
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
    char *memory = NULL, **environment = NULL;
    enum status st = ST_OK;
    TRY(first_environment(&memory, &environment));
    for (int i = 0; i < count && st == ST_OK; i++) {
        log_progress("measuring %d x %d", ways[i].ranks, ways[i].threads);
        st = measure(request, environment, &ways[i]);
    }
    free(environment);
    free(memory);
    TRY(st);
    log_out("training steps of %lld images; %d CPUs; *: the best split of so many "
            "workers\n\n",
            request->batch, cpus);
    print_ways(ways, count, cpus);
    examine(ways, count, cpus);
    return ST_OK;
}

enum status lab_threads(struct comm *comm, int argc, char **argv)
{
    struct request request = {.batch = 256, .repeats = 5};
    const struct cli_option options[] = {
        {"batch", CLI_INT, &request.batch, "N", "images in a batch (256)"},
        {"workers", CLI_INT, &request.most, "N",
         "most workers, ranks times threads (twice the CPUs)"},
        {"repeats", CLI_INT, &request.repeats, "N",
         "runs of which the median is told (5)"},
        {0},
    };
    const struct cli_command command = {
        "lab threads", "[CONFIG]", 0, 1,
        "Measure training steps by 1, 2, 4, ... workers, in every split into ranks and\n"
        "threads; ranks are started by mpirun."};
    int count;
    TRY(cli_parse(&command, options, argc, argv, &request.config, &count));
    if (count < 0)
        return ST_OK;
    if (count == 0)
        request.config = NULL;
    if (comm_size(comm) > 1)
        FAIL(ST_USAGE, "lab threads starts mpirun itself; start it without");
    if (request.batch < 1 || request.repeats < 1)
        FAIL(ST_USAGE, "'--batch' and '--repeats': at least 1");
    if (request.most > 1024)
        FAIL(ST_USAGE, "'--workers %lld': at most 1024", request.most);
    return run(&request);
}
