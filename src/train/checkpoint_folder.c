#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "train/checkpoint.h"

/* Twelve digits, so that the order of names is the order of steps. */
#define CHECKPOINT_NAME "step-%012llu.h5"

enum status checkpoint_path(char path[FS_PATH], const char *folder, uint64_t step)
{
    char name[64];
    snprintf(name, sizeof name, CHECKPOINT_NAME, (unsigned long long)step);
    return fs_join(path, folder, name);
}

enum status checkpoint_link(const char *run, uint64_t step)
{
    char path[FS_PATH], target[FS_PATH];
    TRY(fs_join(path, run, CHECKPOINT_LAST));
    TRY(checkpoint_path(target, CHECKPOINT_FOLDER, step));
    return fs_link(path, target);
}

static bool checkpoint_is_name(const char *name, unsigned long long *step)
{
    char again[64];
    if (sscanf(name, "step-%llu.h5", step) != 1)
        return false;
    snprintf(again, sizeof again, CHECKPOINT_NAME, *step);
    return strcmp(name, again) == 0;
}

enum status checkpoint_list(const char *folder, char ***paths, int *count)
{
    char **names;
    int total;
    unsigned long long step;
    *paths = NULL;
    *count = 0;
    if (!fs_is_folder(folder))
        return ST_OK;
    TRY(fs_list(folder, &names, &total));
    *paths = mem_zeroed((size_t)total, sizeof **paths);
    for (int i = total - 1; i >= 0; i--)
        if (checkpoint_is_name(names[i], &step))
            (*paths)[(*count)++] = mem_format("%s/%s", folder, names[i]);
    fs_free_list(names, total);
    return ST_OK;
}

static enum status checkpoint_remove(const char *path)
{
    if (unlink(path) != 0 && errno != ENOENT)
        FAIL(ST_FAIL, "cannot remove '%s': %s", path, strerror(errno));
    return ST_OK;
}

enum status checkpoint_prune(const char *folder, int keep, uint64_t step)
{
    char **names, path[FS_PATH];
    int count;
    unsigned long long at;
    enum status st = ST_OK;
    TRY(fs_remove_temps(folder));
    TRY(fs_list(folder, &names, &count));
    for (int i = count - 1, kept = 0; i >= 0 && st == ST_OK; i--) {
        if (!checkpoint_is_name(names[i], &at) || at > step || ++kept <= keep)
            continue;
        st = fs_join(path, folder, names[i]);
        if (st == ST_OK)
            st = checkpoint_remove(path);
    }
    fs_free_list(names, count);
    return st;
}
