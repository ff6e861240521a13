#include "app/run/run_files.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "io/target.h"
#include "train/checkpoint.h"
#include "train/metrics.h"

static const struct run_file {
    const char *name;
    struct target_kind kind;
} run_files[] = {
    {RUN_LOCK, {"the lock of a run", .head = "host "}},
    {RUN_LOG, {"the log of a run", .head = NULL}},
    {RUN_CONFIG, {"the config of a run", .head = RUN_CONFIG_HEAD}},
    {RUN_METRICS, {"the metrics of a run", .format = METRICS_FORMAT}},
    {RUN_TABLE, {"the metrics of a run as a table", .head = METRICS_TABLE_HEAD}},
};
static const char *const run_folders[] = {RUN_CHECKPOINTS, RUN_EVENTS};
enum {
    RUN_FILES = sizeof run_files / sizeof run_files[0],
    RUN_FOLDERS = sizeof run_folders / sizeof run_folders[0],
};

static const struct target_kind run_checkpoint = {"a checkpoint",
                                                  .format = CHECKPOINT_FORMAT};

static const struct target_kind *run_files_kind(const char *name)
{
    bool is = strcmp(name, "best.h5") == 0 || strncmp(name, "step-", 5) == 0;
    return is && !strstr(name, ".tmp.") ? &run_checkpoint : NULL;
}

/* Checks all files of the folder of checkpoints, or in the run's folder the temporary
   files of killed writers, which the run removes. */
static enum status run_files_check_list(const char *folder, bool checkpoints,
                                        const char *const *input, int inputs)
{
    char **name, path[FS_PATH];
    int count;
    enum status st = ST_OK;
    if (!fs_is_folder(folder))
        return ST_OK;
    TRY(fs_list(folder, &name, &count));
    for (int i = 0; i < count && st == ST_OK; i++) {
        if (!checkpoints && !strstr(name[i], ".tmp."))
            continue;
        st = fs_join(path, folder, name[i]);
        if (st == ST_OK)
            st = target_check_own(path, checkpoints ? run_files_kind(name[i]) : NULL,
                                  input, inputs);
    }
    fs_free_list(name, count);
    return st;
}

enum status run_files_check(const char *folder, const char *const *input, int inputs)
{
    char path[FS_PATH];
    for (int i = 0; i < RUN_FILES; i++) {
        TRY(fs_join(path, folder, run_files[i].name));
        TRY(target_check_own(path, &run_files[i].kind, input, inputs));
    }
    TRY(run_files_check_list(folder, false, input, inputs));
    TRY(fs_join(path, folder, RUN_CHECKPOINTS));
    return run_files_check_list(path, true, input, inputs);
}

bool run_files_is_config(const char *folder, const char *path)
{
    char config[FS_PATH], head[sizeof RUN_CONFIG_HEAD] = "";
    struct stat a, b;
    if (fs_join(config, folder, RUN_CONFIG) != ST_OK || stat(config, &a) != 0 ||
        stat(path, &b) != 0 || a.st_ino != b.st_ino || a.st_dev != b.st_dev)
        return false;
    FILE *file = fopen(config, "r");
    if (!file)
        return false;
    bool read = fgets(head, sizeof head, file) != NULL;
    fclose(file);
    return read && strcmp(head, RUN_CONFIG_HEAD) == 0;
}

bool run_files_has(const char *folder, const char *path)
{
    char parent[FS_PATH], below[FS_PATH];
    struct stat a, b;
    if (strcmp(path, folder) == 0)
        return true;
    for (int i = 0; i < RUN_FOLDERS; i++)
        if (fs_join(below, folder, run_folders[i]) == ST_OK && fs_is_below(path, below))
            return true;
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    const char *name = slash ? path + (slash - parent) + 1 : path;
    if (slash)
        slash[slash == parent] = '\0';
    if (stat(slash ? parent : ".", &a) != 0 || stat(folder, &b) != 0 ||
        a.st_ino != b.st_ino || a.st_dev != b.st_dev)
        return false;
    for (int i = 0; i < RUN_FILES; i++)
        if (strcmp(name, run_files[i].name) == 0)
            return true;
    for (int i = 0; i < RUN_FOLDERS; i++)
        if (strcmp(name, run_folders[i]) == 0)
            return true;
    return strcmp(name, RUN_LAST) == 0;
}
