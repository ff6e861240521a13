/* How much memory this process may use. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/mem.h"

size_t mem_shared_limit(void)
{
    size_t machine = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    size_t group = cgroup_memory_limit("", NULL);
    return group < machine ? group : machine;
}

size_t mem_status(const char *name)
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

/* RLIMITs count reserved address space, not only allocations: what /proc/self/status says
   is reserved is subtracted. */
size_t mem_limit(void)
{
    static const struct {
        int kind;
        const char *used;
    } rlimits[] = {{RLIMIT_DATA, "VmData"}, {RLIMIT_AS, "VmSize"}};
    size_t limit = mem_shared_limit();
    for (size_t i = 0; i < sizeof rlimits / sizeof rlimits[0]; i++) {
        struct rlimit most;
        if (getrlimit(rlimits[i].kind, &most) != 0 || most.rlim_cur == RLIM_INFINITY)
            continue;
        size_t used = mem_status(rlimits[i].used) + promised;
        size_t left = most.rlim_cur > used ? most.rlim_cur - used : 0;
        if (left < limit)
            limit = left;
    }
    return limit;
}
