#include "app/run/deadline.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/parse.h"
#include "base/timer.h"

/* Runs a program, without a shell, and returns the first line of its output; false if it
   cannot be run or fails. */
static bool deadline_run(char *const argv[], char *line, size_t size)
{
    int ends[2], status = -1;
    pid_t child;
    posix_spawn_file_actions_t actions;
    if (pipe(ends) != 0)
        return false;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    bool started = posix_spawnp(&child, argv[0], &actions, NULL, argv, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    FILE *out = fdopen(ends[0], "r");
    bool good = started && out && fgets(line, (int)size, out);
    if (out)
        fclose(out);
    if (started)
        waitpid(child, &status, 0);
    return good && status == 0;
}

static long long deadline_env(const char *name)
{
    const char *text = getenv(name);
    long long number;
    return text && parse_int(text, 0, 4000000000LL, &number) ? number : -1;
}

/* The name of this job for squeue; false outside of SLURM. A task of a job array is
   ARRAY_TASK: the array's number alone would mean all its tasks. */
static bool deadline_job_name(char *id, size_t size)
{
    long long array = deadline_env("SLURM_ARRAY_JOB_ID"),
              job = deadline_env("SLURM_JOB_ID");
    long long task = deadline_env("SLURM_ARRAY_TASK_ID");
    if (array > 0 && task >= 0)
        snprintf(id, size, "%lld_%lld", array, task);
    else
        snprintf(id, size, "%lld", job);
    return job > 0;
}

static enum status deadline_from_slurm(double *deadline)
{
    char line[64], id[64];
    const char *end = getenv("SLURM_JOB_END_TIME");
    long long when;
    double left;
    if (!deadline_job_name(id, sizeof id))
        FAIL(ST_USAGE,
             "'--max-time auto' is for SLURM jobs, and SLURM_JOB_ID is not set; "
             "give a time, as 2:00:00");
    if (end && parse_int(end, 1, 1LL << 40, &when)) {
        *deadline = timer_now() + difftime((time_t)when, time(NULL));
        return ST_OK;
    }
    char name[] = "squeue", plain[] = "--noheader", left_only[] = "--format=%L";
    char jobs[] = "--jobs";
    char *const squeue[] = {name, plain, left_only, jobs, id, NULL};
    if (!deadline_run(squeue, line, sizeof line)) {
        log_note(
            "squeue does not say when job %s ends: only SLURM's signals will stop the "
            "run",
            id);
        return ST_OK;
    }
    if (parse_duration(parse_trim(line), &left))
        *deadline = timer_now() + left;
    return ST_OK; /* not a time, but UNLIMITED: no deadline */
}

enum status deadline_parse(const char *text, double begin, double *deadline)
{
    double seconds;
    *deadline = 0;
    if (strcmp(text, "auto") == 0)
        return deadline_from_slurm(deadline);
    if (!parse_duration(text, &seconds) || seconds <= 0)
        FAIL(ST_USAGE,
             "'--max-time %s': expected a time: minutes, H:MM:SS, D-HH:MM:SS, "
             "or auto",
             text);
    *deadline = begin + seconds;
    return ST_OK;
}
