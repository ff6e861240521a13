#include "base/cgroup.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* A limit in one version of control groups: how the controller's hierarchy is recognised,
   and the file in a group's folder. */
struct cgroup_file {
    const char *filesystem; /* in mountinfo */
    const char *controller; /* in mountinfo's options and in /proc/self/cgroup */
    const char *limit;
    const char *period; /* what the limit is divided by: this file's number, or the second
                           number of the same file; NULL: nothing */
};

/* The single hierarchy of version 2 names no controller. Beyond memory.high a group is
   slowed down until it hardly runs. */
static const struct cgroup_file cgroup_memory[] = {
    {"cgroup2", "", "memory.max", NULL},
    {"cgroup2", "", "memory.high", NULL},
    {"cgroup", "memory", "memory.limit_in_bytes", NULL},
    {NULL, NULL, NULL, NULL},
};
static const struct cgroup_file cgroup_cpu[] = {
    {"cgroup2", "", "cpu.max", "cpu.max"},
    {"cgroup", "cpu", "cpu.cfs_quota_us", "cpu.cfs_period_us"},
    {NULL, NULL, NULL, NULL},
};

#define CGROUP_PERIOD 100000 /* microseconds; the kernel's default */

/* The least limit that was found and the file that it stands in. */
struct cgroup_least {
    double limit; /* INFINITY: none */
    char file[CGROUP_FILE];
};

/* A mount of the hierarchy: the group `top` and those below it are seen at `point`. */
struct cgroup_mount {
    char *top, *point; /* within the line that was parsed */
};

/* Is `word` one of the comma-separated words of `list`? */
static bool cgroup_lists(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (;; list++) {
        size_t next = strcspn(list, ",");
        if (next == length && strncmp(list, word, length) == 0)
            return true;
        list += next;
        if (!*list)
            return false;
    }
}

/* mountinfo writes blanks and backslashes as three octal digits: "\040". */
static void cgroup_unescape(char *text)
{
    char *out = text;
    for (; *text; text++) {
        if (*text == '\\' && strspn(text + 1, "01234567") >= 3) {
            *out++ =
                (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
            text += 3;
        } else {
            *out++ = *text;
        }
    }
    *out = '\0';
}

/* A line of mountinfo: "ID PARENT DEVICE TOP POINT OPTIONS [TAG...] - FILESYSTEM SOURCE
   SUPER_OPTIONS". */
static bool cgroup_parse_mount(char *line, const struct cgroup_file *file,
                               struct cgroup_mount *mount)
{
    char *field[5], *rest = line;
    for (int i = 0; i < 5; i++)
        if (!(field[i] = strsep(&rest, " ")))
            return false;
    char *separator = rest ? strstr(rest, " - ") : NULL;
    if (!separator)
        return false;
    rest = separator + strlen(" - ");
    const char *filesystem = strsep(&rest, " ");
    const char *source = strsep(&rest, " "), *options = rest;
    if (!source || !options || strcmp(filesystem, file->filesystem) != 0)
        return false;
    if (*file->controller && !cgroup_lists(options, file->controller))
        return false;
    *mount = (struct cgroup_mount){.top = field[3], .point = field[4]};
    cgroup_unescape(mount->top);
    cgroup_unescape(mount->point);
    return true;
}

/* Reads the numbers that a file begins with; returns how many, at most two. */
static int cgroup_numbers(const char *root, const char *folder, const char *name,
                          double number[2])
{
    char *path = mem_format("%s%s/%s", root, folder, name);
    FILE *file = fopen(path, "r");
    int count = file ? fscanf(file, "%lf %lf", &number[0], &number[1]) : 0;
    if (file)
        fclose(file);
    free(path);
    return count;
}

/* The limit in a group's folder; INFINITY if there is none ("max", -1). */
static double cgroup_read(const char *root, const char *folder,
                          const struct cgroup_file *file)
{
    double number[2], period[2];
    int count = cgroup_numbers(root, folder, file->limit, number);
    if (count < 1 || !(number[0] >= 0))
        return INFINITY;
    if (!file->period)
        return number[0];
    period[0] = count > 1 ? number[1] : CGROUP_PERIOD;
    if (strcmp(file->period, file->limit) != 0)
        cgroup_numbers(root, folder, file->period, period);
    return period[0] > 0 ? number[0] / period[0] : INFINITY;
}

static void cgroup_keep_less(struct cgroup_least *least, const struct cgroup_least *other)
{
    if (other->limit < least->limit)
        *least = *other;
}

/* The least limit of the group at point/below and of those above it, up to `point`. */
static struct cgroup_least cgroup_climb(const char *root, const char *point,
                                        const char *below, const struct cgroup_file *file)
{
    struct cgroup_least least = {.limit = INFINITY};
    char *folder = mem_format("%s%s", point, below);
    for (;;) {
        struct cgroup_least here = {.limit = cgroup_read(root, folder, file)};
        snprintf(here.file, sizeof here.file, "%s/%s", folder, file->limit);
        cgroup_keep_less(&least, &here);
        char *slash = strrchr(folder + strlen(point), '/');
        if (!slash)
            break;
        *slash = '\0';
    }
    free(folder);
    return least;
}

/* The part of `group` below the mount's top: "" or "/..."; NULL if it is not below it. */
static const char *cgroup_below(const struct cgroup_mount *mount, const char *group)
{
    size_t length = strcmp(mount->top, "/") == 0 ? 0 : strlen(mount->top);
    if (strncmp(group, mount->top, length) != 0 || strstr(group, "/.."))
        return NULL;
    group += length;
    return *group == '/' || !*group ? group : NULL;
}

/* The least limit in the mounts of the file's hierarchy. A mount from which the group is
   not visible counts only if there is no other: it then begins at some group above. */
static struct cgroup_least cgroup_least_of_mounts(const char *root,
                                                  const struct cgroup_file *file,
                                                  const char *group)
{
    struct cgroup_least inside = {.limit = INFINITY}, outside = inside;
    bool visible = false;
    size_t room = 0;
    char *path = mem_format("%s/proc/self/mountinfo", root), *line = NULL;
    FILE *mounts = fopen(path, "r");
    free(path);
    while (mounts && getline(&line, &room, mounts) > 0) {
        struct cgroup_mount mount;
        line[strcspn(line, "\n")] = '\0';
        if (!cgroup_parse_mount(line, file, &mount))
            continue;
        const char *below = cgroup_below(&mount, group);
        struct cgroup_least least =
            cgroup_climb(root, mount.point, below ? below : "", file);
        visible = visible || below;
        cgroup_keep_less(below ? &inside : &outside, &least);
    }
    free(line);
    if (mounts)
        fclose(mounts);
    return visible ? inside : outside;
}

/* Lines of /proc/self/cgroup: "0::/job/step" is version 2's group, "4:cpu,memory:/job"
   version 1's for the controllers named. */
static double cgroup_limit(const char *root, const struct cgroup_file *files,
                           char where[CGROUP_FILE])
{
    struct cgroup_least least = {.limit = INFINITY};
    size_t room = 0;
    char *path = mem_format("%s/proc/self/cgroup", root), *line = NULL;
    FILE *groups = fopen(path, "r");
    free(path);
    while (groups && getline(&line, &room, groups) > 0) {
        char *group = line;
        line[strcspn(line, "\n")] = '\0';
        strsep(&group, ":");
        const char *controllers = group ? strsep(&group, ":") : NULL;
        for (const struct cgroup_file *file = files; group && file->filesystem; file++) {
            if (!cgroup_lists(controllers, file->controller))
                continue;
            struct cgroup_least mine = cgroup_least_of_mounts(root, file, group);
            cgroup_keep_less(&least, &mine);
        }
    }
    free(line);
    if (groups)
        fclose(groups);
    if (where)
        memcpy(where, least.file, CGROUP_FILE);
    return least.limit;
}

size_t cgroup_memory_limit(const char *root, char where[CGROUP_FILE])
{
    double limit = cgroup_limit(root, cgroup_memory, where);
    return limit < 0x1p63 ? (size_t)limit : SIZE_MAX;
}

double cgroup_cpu_quota(const char *root, char where[CGROUP_FILE])
{
    double quota = cgroup_limit(root, cgroup_cpu, where);
    return isfinite(quota) ? quota : 0;
}
