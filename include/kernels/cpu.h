/*
 * cpu: facts about the machine and this process: instruction set, CPUs, caches, BLAS.
 */
#ifndef LOCKSTEP_KERNELS_CPU_H
#define LOCKSTEP_KERNELS_CPU_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

enum cpu_isa { CPU_PLAIN, CPU_V2, CPU_V3, CPU_V4 };

/* The best instruction set of this machine for which kernels were compiled (x86-64-v2,
   v3 = AVX2+FMA, v4 = AVX-512; plain on other processors), or the one that LOCKSTEP_ISA
   names. */
enum cpu_isa cpu_isa(void);
/* ST_USAGE with a message when LOCKSTEP_ISA names what this machine does not have. */
enum status cpu_check_isa(void) MUST_CHECK;
const char *cpu_isa_name(enum cpu_isa isa);
/* Do its kernels multiply and add with one rounding? Those that do give the same bits. */
bool cpu_isa_fuses(enum cpu_isa isa);

/* "AMD EPYC 9B45", as the processor reports it. Static storage. */
const char *cpu_model(void);

/* CPUs that this process may run on (its affinity mask, which mpirun and SLURM set), and
   CPUs of the whole machine. A CPU is a hardware thread. */
int cpu_allowed(void);
int cpu_online(void);
/* The cores to which the allowed CPUs belong, and the sockets and cores of the machine.
 */
int cpu_allowed_cores(void);
int cpu_sockets(void);
int cpu_cores(void);
/* CPUs whose time the control groups of this process grant, such as 1.5 (cgroup.h), and
   the file that says so; 0 and "": no quota. */
double cpu_quota(void);
const char *cpu_quota_source(void);
/* `cpus`, or as many as a quota keeps busy, rounded up: with one thread for 1.5 CPUs
   half a CPU would be left; of two, the kernel stops each for a part of the time. */
int cpu_within_quota(int cpus, double quota);
/* How many threads of this process have a CPU: the allowed ones within the quota. */
int cpu_usable(void);
/* The allowed CPUs as a list, "0-3,8". Static storage. */
const char *cpu_allowed_list(void);

/* Bytes of the data cache of level 1, 2 or 3; 0: none, or unknown. */
size_t cpu_cache(int level);

/* "OpenBLAS 0.3.21 SkylakeX". Static storage. */
const char *cpu_blas(void);

/* The core type that OpenBLAS should use instead of the one it chose, so that it has the
   instruction set of the kernels: a forced one, or that of a processor newer than
   OpenBLAS, which it takes for an older kind. NULL: its choice is right. */
const char *cpu_blas_core(void);

/* One thread per BLAS call, whatever the environment says. */
void cpu_blas_single_thread(void);

/* Bytes that OpenBLAS will still reserve when `threads` threads call it at the same time:
   a buffer for each, and one more, except those it reserved at the start. If it does not
   get them it retries forever. */
size_t cpu_blas_bytes(int threads);

#endif
