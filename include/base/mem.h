/*
 * mem: allocation that never returns NULL: running out of memory is reported with the
 * size asked for and ends the job (through the abort hook, exit code 1). And the limits
 * of memory (mem_limit.c). Everything large is allocated once, at setup.
 */
#ifndef LOCKSTEP_BASE_MEM_H
#define LOCKSTEP_BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define MEM_ALIGN      64                /* bytes: one cache line, one AVX-512 vector */
#define MEM_HUGE       ((size_t)2 << 20) /* bytes of a huge page on x86-64 and aarch64 */
#define MEM_HUGE_LEAST (2 * MEM_HUGE)

/* Call before anything is allocated. Large blocks then go back to the system as soon as
   they are freed, so that mem_limit counts them as free. */
void mem_start(void);

/* count * size bytes, zeroed. Free with free(). */
void *mem_zeroed(size_t count, size_t size);

/* count * size bytes, zeroed, aligned to MEM_ALIGN. Free with free(). From MEM_HUGE_LEAST
   bytes on aligned to MEM_HUGE, with huge pages if the system has some
   (MADV_HUGEPAGE): fewer page faults and misses of the TLB. The memory is the same; of
   addresses up to MEM_HUGE bytes more are reserved. */
void *mem_aligned(size_t count, size_t size);

/* As realloc; the new part is not zeroed. */
void *mem_resize(void *p, size_t count, size_t size);

/* Bytes of memory that this process may use: mem_shared_limit, or less if its RLIMITs
   (ulimit -d, -v) leave less. */
size_t mem_limit(void);
/* What sets mem_limit: "the machine's memory", the file of a control group, "ulimit -d"
   or "ulimit -v". Static storage. */
const char *mem_limit_source(void);
/* Bytes that this process shares with others: the machine's memory, or less if a control
   group (a SLURM job's, a container's) limits it. */
size_t mem_shared_limit(void);
/* From now on mem_limit and mem_shared_limit know no limit: what is planned here will run
   on another machine. */
void mem_ignore_limits(void);
/* Bytes of the machine's memory, and how many of them could be had now; 0: unknown. */
size_t mem_machine(void);
size_t mem_available(void);
/* Bytes of /dev/shm, in which Open MPI shares memory, and how many are free; 0 and 0
   without it. */
void mem_shm_room(size_t *bytes, size_t *free);
/* Bytes that libraries are yet to reserve: mem_limit subtracts them from the RLIMITs. */
void mem_promise(size_t bytes);
/* Bytes in the line "NAME: 123 kB" of /proc/self/status; 0 if there is none. */
size_t mem_status(const char *name);

char *mem_strdup(const char *text);
/* printf into a fresh string; the caller frees. */
char *mem_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *mem_vformat(const char *fmt, va_list args);
/* printf at the end of *text, a string of malloc that is replaced by a longer one; no
   argument may lie in *text. */
void mem_append(char **text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
