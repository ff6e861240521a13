#include "base/mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/status.h"

#define LARGE (1 << 20) /* bytes */

/* Left to itself, malloc keeps ever larger pieces in its heap. */
void mem_start(void)
{
    mallopt(M_MMAP_THRESHOLD, LARGE);
}

static size_t product(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        status_out_of_memory(SIZE_MAX);
    return bytes;
}

void *mem_zeroed(size_t count, size_t size)
{
    size_t bytes = product(count, size);
    void *p = calloc(1, bytes ? bytes : 1);
    if (!p)
        status_out_of_memory(bytes);
    return p;
}

void *mem_aligned(size_t count, size_t size)
{
    size_t bytes = product(count, size);
    if (bytes > SIZE_MAX - MEM_ALIGN)
        status_out_of_memory(bytes);
    size_t rounded = (bytes + MEM_ALIGN - 1) / MEM_ALIGN * MEM_ALIGN;
    void *p = aligned_alloc(MEM_ALIGN, rounded ? rounded : MEM_ALIGN);
    if (!p)
        status_out_of_memory(bytes);
    return memset(p, 0, rounded);
}

void *mem_resize(void *p, size_t count, size_t size)
{
    size_t bytes = product(count, size);
    void *q = realloc(p, bytes ? bytes : 1);
    if (!q)
        status_out_of_memory(bytes);
    return q;
}

static void lower(size_t *limit, size_t to)
{
    if (to < *limit)
        *limit = to;
}

/* The number in the first line of a file; SIZE_MAX if there is none ("max"). */
static size_t number_in(const char *path)
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

/* A group is limited by those above it, too. Version 2: "0::/job/step"; version 1:
   "4:memory:/job/step". */
static void lower_by_groups(size_t *limit, const char *root, const char *name,
                            char *group)
{
    char path[4096];
    for (;;) {
        snprintf(path, sizeof path, "%s%s/%s", root, group, name);
        lower(limit, number_in(path));
        char *slash = strrchr(group, '/');
        if (!slash)
            return;
        *slash = '\0';
    }
}

static void lower_by_control_group(size_t *limit)
{
    char line[2048];
    FILE *file = fopen("/proc/self/cgroup", "r");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *kind = strchr(line, ':'), *group = kind ? strchr(kind + 1, ':') : NULL;
        if (!group)
            continue;
        *group++ = '\0';
        if (!kind[1])
            lower_by_groups(limit, "/sys/fs/cgroup", "memory.max", group);
        else if (strcmp(kind + 1, "memory") == 0)
            lower_by_groups(limit, "/sys/fs/cgroup/memory", "memory.limit_in_bytes",
                            group);
    }
    if (file)
        fclose(file);
}

size_t mem_shared_limit(void)
{
    size_t limit = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    lower_by_control_group(&limit);
    return limit;
}

/* Bytes in a line "NAME: 123 kB" of /proc/self/status; 0 if there is none. */
static size_t used_by(const char *name)
{
    char line[256];
    size_t length = strlen(name), kb = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, length) == 0 && line[length] == ':')
            kb = strtoul(line + length + 1, NULL, 10);
    if (file)
        fclose(file);
    return kb * 1024;
}

static size_t promised;

void mem_promise(size_t bytes)
{
    promised = bytes;
}

/* The own limits are of what is reserved, and much is before anything is allocated. */
size_t mem_limit(void)
{
    static const struct {
        int kind;
        const char *used;
    } own[] = {{RLIMIT_DATA, "VmData"}, {RLIMIT_AS, "VmSize"}};
    size_t limit = mem_shared_limit();
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        struct rlimit most;
        if (getrlimit(own[i].kind, &most) != 0 || most.rlim_cur == RLIM_INFINITY)
            continue;
        size_t used = used_by(own[i].used) + promised;
        lower(&limit, most.rlim_cur > used ? most.rlim_cur - used : 0);
    }
    return limit;
}

char *mem_strdup(const char *text)
{
    size_t bytes = strlen(text) + 1;
    return memcpy(mem_zeroed(bytes, 1), text, bytes);
}

char *mem_vformat(const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    ASSERT(length >= 0);
    char *text = mem_zeroed((size_t)length + 1, 1);
    vsnprintf(text, (size_t)length + 1, fmt, args);
    return text;
}

char *mem_format(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = mem_vformat(fmt, args);
    va_end(args);
    return text;
}

void mem_append(char **text, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *more = mem_vformat(fmt, args);
    va_end(args);
    size_t old = strlen(*text), bytes = strlen(more) + 1;
    *text = mem_resize(*text, old + bytes, 1);
    memcpy(*text + old, more, bytes);
    free(more);
}
