#include "app/report/runs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "app/run/run_files.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "report_run.h"
#include "train/metric.h"

#define RUNS_DIFFERENCE 160 /* characters, about; more are left out */

/* Keys that say where a run is, and not what it does. */
static bool runs_is_place(const struct config_key_help *key)
{
    return strcmp(key->section, "parallel") == 0 || strcmp(key->section, "log") == 0 ||
           strcmp(key->section, "checkpoint") == 0;
}

/* "optim.lr=0.1 train.seed=3"; the caller frees. */
static char *runs_difference(const struct report_run *run, int runs, int which)
{
    struct config_key_help key;
    char *text = mem_strdup("");
    for (int i = 0; config_describe_key(i, &key); i++) {
        if (runs_is_place(&key) || !report_runs_differ(run, runs, i))
            continue;
        char *value = report_run_key(&run[which], i);
        mem_append(&text, "%s%s.%s=%s", *text ? " " : "", key.section, key.name, value);
        free(value);
        if (strlen(text) > RUNS_DIFFERENCE) {
            mem_append(&text, " ...");
            break;
        }
    }
    return text;
}

/* The time at which the log was last written to. */
static void runs_when(const struct report_run *run, char when[32])
{
    char path[FS_PATH];
    struct stat info;
    struct tm local;
    *when = '\0';
    if (fs_join(path, run->path, RUN_LOG) == ST_OK && stat(path, &info) == 0)
        when[strftime(when, 32, "%Y-%m-%d %H:%M", localtime_r(&info.st_mtime, &local))] =
            '\0';
}

static void runs_row(struct table *table, const struct report_run *run, int runs,
                     int which)
{
    const struct report_run *one = &run[which];
    const struct checkpoint_info *info = &one->network.info;
    const struct progress *progress = &info->progress;
    enum metric metric = (enum metric)one->network.config.run.train.metric;
    char when[32], *best = metric_text(metric, progress->best_score);
    char *difference = runs_difference(run, runs, which);
    const char *name = strrchr(one->path, '/');
    uint64_t steps;
    const char *state = report_run_state(one, &steps);
    runs_when(one, when);
    table_cellf(table, "%s", name ? name + 1 : one->path);
    table_cellf(table, "%s", progress->best_step > 0 ? best : "-");
    table_cellf(table, "%llu", (unsigned long long)progress->best_step);
    if (steps > 0)
        table_cellf(table, "%llu", (unsigned long long)steps);
    else
        table_cellf(table, "-");
    table_cellf(table, "%s", state);
    table_cellf(table, "%s", when);
    table_cellf(table, "%s", difference);
    free(difference);
    free(best);
}

/* Opens FOLDER/NAME if it is a run that can be read. */
static bool runs_open(struct report_run *run, const char *folder, const char *name)
{
    char path[FS_PATH], checkpoints[FS_PATH], why[STATUS_TEXT];
    if (fs_join(path, folder, name) != ST_OK ||
        fs_join(checkpoints, path, RUN_CHECKPOINTS) != ST_OK ||
        !fs_is_folder(checkpoints))
        return false;
    status_capture(why);
    enum status st = report_run_open(run, path);
    status_capture(NULL);
    if (st == ST_OK)
        return true;
    log_note("%s", why);
    report_run_close(run);
    return false;
}

static void runs_print_table(const struct report_run *run, int runs)
{
    struct table table;
    table_init(&table, "<run", "<best", ">at step", ">of", "<ended", "<last written",
               "<differs by", NULL);
    for (int r = 0; r < runs; r++)
        runs_row(&table, run, runs, r);
    table_print(&table);
    table_release(&table);
}

enum status runs_print(const char *folder)
{
    char **names;
    int count, runs = 0;
    TRY(fs_list(folder, &names, &count));
    struct report_run *run = mem_zeroed((size_t)count + 1, sizeof *run);
    for (int i = 0; i < count; i++)
        runs += runs_open(&run[runs], folder, names[i]);
    if (runs > 0)
        runs_print_table(run, runs);
    for (int r = 0; r < runs; r++)
        report_run_close(&run[r]);
    free(run);
    fs_free_list(names, count);
    if (runs == 0)
        FAIL(ST_FAIL, "'%s' holds no run that can be read", folder);
    return ST_OK;
}
