#include "base/cgroup.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* A version of control groups: how the memory controller's hierarchy is recognised, and
   the file in a group's folder that holds its limit. */
struct cgroup_version {
    const char *filesystem; /* in mountinfo */
    const char *controller; /* in mountinfo's options and in /proc/self/cgroup */
    const char *limit;
};

static const struct cgroup_version cgroup_versions[] = {
    {"cgroup2", "", "memory.max"}, /* a single hierarchy, which names no controller */
    {"cgroup", "memory", "memory.limit_in_bytes"},
};
enum { VERSIONS = sizeof cgroup_versions / sizeof cgroup_versions[0] };

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
static bool cgroup_parse_mount(char *line, const struct cgroup_version *version,
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
    if (!source || !options || strcmp(filesystem, version->filesystem) != 0)
        return false;
    if (*version->controller && !cgroup_lists(options, version->controller))
        return false;
    *mount = (struct cgroup_mount){.top = field[3], .point = field[4]};
    cgroup_unescape(mount->top);
    cgroup_unescape(mount->point);
    return true;
}

/* The number that a file begins with; SIZE_MAX if there is none ("max"). */
static size_t cgroup_number(const char *path)
{
    size_t number = SIZE_MAX;
    FILE *file = fopen(path, "r");
    if (!file)
        return SIZE_MAX;
    if (fscanf(file, "%zu", &number) != 1)
        number = SIZE_MAX;
    fclose(file);
    return number;
}

/* The least limit of the group at point/below and of those above it, up to `point`.
   Shortens `below`. */
static size_t cgroup_least(const char *root, const char *point, char *below,
                           const char *name)
{
    size_t least = SIZE_MAX;
    for (;;) {
        char *path = mem_format("%s%s%s/%s", root, point, below, name);
        size_t limit = cgroup_number(path);
        free(path);
        if (limit < least)
            least = limit;
        char *slash = strrchr(below, '/');
        if (!slash)
            return least;
        *slash = '\0';
    }
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

/* The least limit in the mounts of the version's hierarchy. A mount from which the group
   is not visible counts only if there is no other: it then begins at some group above. */
static size_t cgroup_least_of_mounts(const char *root,
                                     const struct cgroup_version *version,
                                     const char *group)
{
    size_t inside = SIZE_MAX, outside = SIZE_MAX, room = 0;
    bool visible = false;
    char *path = mem_format("%s/proc/self/mountinfo", root), *line = NULL;
    FILE *file = fopen(path, "r");
    free(path);
    while (file && getline(&line, &room, file) > 0) {
        struct cgroup_mount mount;
        line[strcspn(line, "\n")] = '\0';
        if (!cgroup_parse_mount(line, version, &mount))
            continue;
        const char *below = cgroup_below(&mount, group);
        char *copy = mem_strdup(below ? below : "");
        size_t least = cgroup_least(root, mount.point, copy, version->limit);
        free(copy);
        visible = visible || below;
        size_t *limit = below ? &inside : &outside;
        if (least < *limit)
            *limit = least;
    }
    free(line);
    if (file)
        fclose(file);
    return visible ? inside : outside;
}

/* Lines of /proc/self/cgroup: "0::/job/step" is version 2's group, "4:cpu,memory:/job"
   version 1's for the controllers named. */
size_t cgroup_memory_limit(const char *root)
{
    size_t least = SIZE_MAX, room = 0;
    char *path = mem_format("%s/proc/self/cgroup", root), *line = NULL;
    FILE *file = fopen(path, "r");
    free(path);
    while (file && getline(&line, &room, file) > 0) {
        char *group = line;
        line[strcspn(line, "\n")] = '\0';
        strsep(&group, ":");
        const char *controllers = group ? strsep(&group, ":") : NULL;
        for (int v = 0; group && v < VERSIONS; v++) {
            if (!cgroup_lists(controllers, cgroup_versions[v].controller))
                continue;
            size_t limit = cgroup_least_of_mounts(root, &cgroup_versions[v], group);
            if (limit < least)
                least = limit;
        }
    }
    free(line);
    if (file)
        fclose(file);
    return least;
}
