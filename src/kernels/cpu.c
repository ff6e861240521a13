#include "kernels/cpu.h"

#include <cblas.h>
#include <hwloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/status.h"

#define BLAS_BUFFER ((size_t)128 << 20) /* OpenBLAS's BUFFER_SIZE */

static const char *const cpu_isa_names[] = {"plain", "v2", "v3", "v4"};

static enum cpu_isa cpu_best_isa(void)
{
#if defined __x86_64__
    if (__builtin_cpu_supports("x86-64-v4"))
        return CPU_V4;
    if (__builtin_cpu_supports("x86-64-v3"))
        return CPU_V3;
    if (__builtin_cpu_supports("x86-64-v2"))
        return CPU_V2;
#endif
    return CPU_PLAIN;
}

enum cpu_isa cpu_isa(void)
{
    enum cpu_isa best = cpu_best_isa();
    const char *forced = getenv("LOCKSTEP_ISA");
    for (int i = 0; forced && i <= (int)best; i++)
        if (strcmp(forced, cpu_isa_names[i]) == 0)
            return (enum cpu_isa)i;
    return best;
}

enum status cpu_check_isa(void)
{
    const char *forced = getenv("LOCKSTEP_ISA");
    if (forced && strcmp(forced, cpu_isa_names[cpu_isa()]) != 0)
        FAIL(ST_USAGE,
             "LOCKSTEP_ISA='%s': this machine has plain%s; unset it or choose one",
             forced,
             cpu_best_isa() == CPU_V4   ? ", v2, v3, v4"
             : cpu_best_isa() == CPU_V3 ? ", v2, v3"
             : cpu_best_isa() == CPU_V2 ? ", v2"
                                        : "");
    return ST_OK;
}

const char *cpu_isa_name(enum cpu_isa isa)
{
    return cpu_isa_names[isa];
}

bool cpu_isa_fuses(enum cpu_isa isa)
{
    return isa != CPU_V2;
}

/* What hwloc reports about this machine and process, read once. */
static struct {
    bool known;
    char model[128];
    char allowed_list[256];
    int allowed, online, allowed_cores, sockets, cores;
    double quota;
    char quota_source[CGROUP_FILE];
    size_t cache[3];
} cpu_machine;

static int cpu_count(hwloc_topology_t topology, hwloc_obj_type_t type)
{
    int count = hwloc_get_nbobjs_by_type(topology, type);
    return count > 0 ? count : 1;
}

/* Cores that have a CPU in `cpus`; as many as CPUs if hwloc knows no cores. */
static int cpu_cores_of(hwloc_topology_t topology, hwloc_const_bitmap_t cpus)
{
    int count = 0;
    hwloc_obj_t core = NULL;
    while ((core = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_CORE, core)))
        count += hwloc_bitmap_intersects(core->cpuset, cpus);
    return count > 0 ? count : hwloc_bitmap_weight(cpus);
}

static void cpu_read_affinity(hwloc_topology_t topology)
{
    hwloc_bitmap_t mine = hwloc_bitmap_alloc();
    if (mine && hwloc_get_cpubind(topology, mine, HWLOC_CPUBIND_PROCESS) == 0) {
        hwloc_bitmap_and(mine, mine, hwloc_topology_get_topology_cpuset(topology));
        hwloc_bitmap_list_snprintf(cpu_machine.allowed_list,
                                   sizeof cpu_machine.allowed_list, mine);
        cpu_machine.allowed = hwloc_bitmap_weight(mine);
        cpu_machine.allowed_cores = cpu_cores_of(topology, mine);
    }
    hwloc_bitmap_free(mine);
}

static void cpu_read_machine(void)
{
    hwloc_topology_t topology;
    snprintf(cpu_machine.model, sizeof cpu_machine.model, "unknown CPU");
    cpu_machine.allowed = cpu_machine.online = (int)sysconf(_SC_NPROCESSORS_ONLN);
    cpu_machine.allowed_cores = cpu_machine.cores = cpu_machine.online;
    cpu_machine.sockets = 1;
    cpu_machine.quota = cgroup_cpu_quota("", cpu_machine.quota_source);
    cpu_machine.known = true;
    if (hwloc_topology_init(&topology) != 0)
        return;
    if (hwloc_topology_load(topology) == 0) {
        hwloc_obj_t package = hwloc_get_obj_by_type(topology, HWLOC_OBJ_PACKAGE, 0);
        const char *name =
            package ? hwloc_obj_get_info_by_name(package, "CPUModel") : NULL;
        if (!name)
            name = hwloc_obj_get_info_by_name(hwloc_get_root_obj(topology), "CPUModel");
        if (name)
            snprintf(cpu_machine.model, sizeof cpu_machine.model, "%s", name);
        for (int i = 0; i < 3; i++) {
            static const hwloc_obj_type_t level[] = {HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L2CACHE,
                                                     HWLOC_OBJ_L3CACHE};
            hwloc_obj_t cache = hwloc_get_obj_by_type(topology, level[i], 0);
            cpu_machine.cache[i] = cache ? (size_t)cache->attr->cache.size : 0;
        }
        cpu_machine.sockets = cpu_count(topology, HWLOC_OBJ_PACKAGE);
        cpu_machine.cores = cpu_count(topology, HWLOC_OBJ_CORE);
        cpu_read_affinity(topology);
    }
    hwloc_topology_destroy(topology);
}

static void cpu_know_machine(void)
{
    if (!cpu_machine.known)
        cpu_read_machine();
}

const char *cpu_model(void)
{
    cpu_know_machine();
    return cpu_machine.model;
}

int cpu_allowed(void)
{
    cpu_know_machine();
    return cpu_machine.allowed;
}

int cpu_online(void)
{
    cpu_know_machine();
    return cpu_machine.online;
}

int cpu_allowed_cores(void)
{
    cpu_know_machine();
    return cpu_machine.allowed_cores;
}

int cpu_sockets(void)
{
    cpu_know_machine();
    return cpu_machine.sockets;
}

int cpu_cores(void)
{
    cpu_know_machine();
    return cpu_machine.cores;
}

double cpu_quota(void)
{
    cpu_know_machine();
    return cpu_machine.quota;
}

const char *cpu_quota_source(void)
{
    cpu_know_machine();
    return cpu_machine.quota_source;
}

int cpu_within_quota(int cpus, double quota)
{
    double whole = quota > 0 ? ceil(quota) : cpus;
    return whole < cpus ? (int)whole : cpus;
}

int cpu_usable(void)
{
    return cpu_within_quota(cpu_allowed(), cpu_quota());
}

const char *cpu_allowed_list(void)
{
    cpu_know_machine();
    return cpu_machine.allowed_list;
}

size_t cpu_cache(int level)
{
    ASSERT(level >= 1 && level <= 3);
    cpu_know_machine();
    return cpu_machine.cache[level - 1];
}

/* openblas_get_config() is "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ...". */
const char *cpu_blas(void)
{
    static char text[128];
    const char *config = openblas_get_config();
    int name = 0;
    while (config[name] && config[name] != ' ')
        name++;
    int version = name + 1;
    while (config[name] && config[version] && config[version] != ' ')
        version++;
    snprintf(text, sizeof text, "%.*s %s", version, config, openblas_get_corename());
    return text;
}

static int
    cpu_blas_reserved; /* buffers that OpenBLAS reserved at the start of the process */

void cpu_blas_single_thread(void)
{
    if (cpu_blas_reserved == 0)
        cpu_blas_reserved = openblas_get_num_threads();
    openblas_set_num_threads(1);
}

size_t cpu_blas_bytes(int threads)
{
    int more = 1 + threads - cpu_blas_reserved;
    return more > 0 ? (size_t)more * BLAS_BUFFER : 0;
}

const char *cpu_blas_core(void)
{
#if defined __x86_64__
    enum cpu_isa isa = cpu_isa();
    const char *core = openblas_get_corename();
    bool knows_avx512 = strcmp(core, "SkylakeX") == 0 ||
                        strcmp(core, "Cooperlake") == 0 ||
                        strcmp(core, "SapphireRapids") == 0;
    if (isa == CPU_V4)
        return knows_avx512 ? NULL : "SkylakeX";
    if (isa == CPU_V3)
        return knows_avx512 ? "Haswell" : NULL;
    return "Nehalem";
#else
    return NULL;
#endif
}
