/* How much memory there is, and how much of it this process may use. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/mem.h"

#define MEM_MACHINE "the machine's memory"

/* A limit and what sets it, in words. */
struct mem_bound {
    size_t bytes;
    const char *source;
};

static void mem_keep_less(struct mem_bound *least, size_t bytes, const char *source)
{
    if (bytes < least->bytes)
        *least = (struct mem_bound){bytes, source};
}

size_t mem_machine(void)
{
    return (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
}

static bool ignored;

void mem_ignore_limits(void)
{
    ignored = true;
}

static struct mem_bound mem_shared_bound(void)
{
    if (ignored)
        return (struct mem_bound){SIZE_MAX, "another machine"};
    static char file[CGROUP_FILE];
    struct mem_bound least = {mem_machine(), MEM_MACHINE};
    mem_keep_less(&least, cgroup_memory_limit("", file), file);
    return least;
}

size_t mem_shared_limit(void)
{
    return mem_shared_bound().bytes;
}

/* Bytes in the line "NAME: 123 kB" of a file in /proc; 0 if there is none. */
static size_t mem_line(const char *path, const char *name)
{
    char line[256];
    size_t length = strlen(name), kb = 0;
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, length) == 0 && line[length] == ':')
            kb = strtoul(line + length + 1, NULL, 10);
    if (file)
        fclose(file);
    return kb * 1024;
}

size_t mem_status(const char *name)
{
    return mem_line("/proc/self/status", name);
}

size_t mem_available(void)
{
    return mem_line("/proc/meminfo", "MemAvailable");
}

void mem_shm_room(size_t *bytes, size_t *free)
{
    struct statvfs shm;
    bool known = statvfs("/dev/shm", &shm) == 0;
    *bytes = known ? (size_t)shm.f_blocks * shm.f_frsize : 0;
    *free = known ? (size_t)shm.f_bavail * shm.f_frsize : 0;
}

static size_t promised;

void mem_promise(size_t bytes)
{
    promised = bytes;
}

/* RLIMITs count reserved address space, not only allocations: what /proc/self/status says
   is reserved is subtracted. */
static struct mem_bound mem_bound(void)
{
    static const struct {
        int kind;
        const char *used, *source;
    } rlimits[] = {{RLIMIT_DATA, "VmData", "ulimit -d"},
                   {RLIMIT_AS, "VmSize", "ulimit -v"}};
    struct mem_bound least = mem_shared_bound();
    for (size_t i = 0; !ignored && i < sizeof rlimits / sizeof rlimits[0]; i++) {
        struct rlimit most;
        if (getrlimit(rlimits[i].kind, &most) != 0 || most.rlim_cur == RLIM_INFINITY)
            continue;
        size_t used = mem_status(rlimits[i].used) + promised;
        mem_keep_less(&least, most.rlim_cur > used ? most.rlim_cur - used : 0,
                      rlimits[i].source);
    }
    return least;
}

size_t mem_limit(void)
{
    return mem_bound().bytes;
}

const char *mem_limit_source(void)
{
    return mem_bound().source;
}
