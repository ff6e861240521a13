/*
 * cpu: what the machine is and may be used for: instruction set, cores, BLAS.
 */
#ifndef LOCKSTEP_KERNELS_CPU_H
#define LOCKSTEP_KERNELS_CPU_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

enum cpu_isa { CPU_PLAIN, CPU_V2, CPU_V3, CPU_V4 };

/* The best instruction set of this machine for which kernels were compiled (x86-64-v2,
   v3 = AVX2+FMA, v4 = AVX-512; plain elsewhere), or the one LOCKSTEP_ISA forces. */
enum cpu_isa cpu_isa(void);
/* ST_USAGE with a message when LOCKSTEP_ISA asks for what the machine has not. */
enum status cpu_check_isa(void) MUST_CHECK;
const char *cpu_isa_name(enum cpu_isa isa);

/* "AMD EPYC 9B45", from the processor itself. Static storage. */
const char *cpu_model(void);

/* CPUs this process may run on (its affinity mask, which mpirun and SLURM set) and CPUs
   of the whole machine. */
int cpu_allowed(void);
int cpu_online(void);
/* The allowed CPUs as a list, "0-3,8". Static storage. */
const char *cpu_allowed_list(void);

/* Bytes of the cache of a level from 1 to 3, of data; 0: there is none, or who knows. */
size_t cpu_cache(int level);

/* "OpenBLAS 0.3.21 SkylakeX". Static storage. */
const char *cpu_blas(void);

/* What the environment does to the speed of BLAS, in one line with what to type; NULL:
   all is well. Static storage. */
const char *cpu_blas_advice(void);

/* What the environment says of threads that a run with `threads` of them does not do, in
   one line with what to type; NULL: nothing. Static storage. */
const char *cpu_threads_advice(int threads);

/* OpenMP was told to bind threads to CPUs, and has bound this process's first. */
bool cpu_openmp_binds(void);

/* Once, first thing in main: settings that libraries read only while they load
   (OpenBLAS's kernel choice, OpenMP's waiting policy) are put into the environment, and
   the program executes itself again if any was missing. What the user has set is left
   alone. */
void cpu_prepare(char **argv);

/* One thread per BLAS call, whatever the environment says. */
void cpu_blas_single_thread(void);
/* What it will yet reserve when so many threads call it at once: a buffer for each, and
   one more, but for those of the start. Where it does not get them it tries for ever. */
size_t cpu_blas_bytes(int threads);

#endif
