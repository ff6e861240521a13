/*
 * mem: allocation that cannot be forgotten to check: running out of memory is reported
 * with the size asked for and ends the job (through the abort hook, exit code 1).
 * Everything large is allocated once, at setup.
 */
#ifndef LOCKSTEP_BASE_MEM_H
#define LOCKSTEP_BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define MEM_ALIGN 64 /* bytes: one cache line, one AVX-512 vector */

/* Before anything is allocated: what is large goes back to the system as soon as it is
   freed, so that mem_limit sees it again. */
void mem_start(void);

/* count * size bytes, zeroed. Free with free(). */
void *mem_zeroed(size_t count, size_t size);

/* count * size bytes, zeroed, aligned to MEM_ALIGN. Free with free(). */
void *mem_aligned(size_t count, size_t size);

/* As realloc; the new part is not zeroed. */
void *mem_resize(void *p, size_t count, size_t size);

/* Bytes of memory that this process may have: the machine's, or less by its control
   group's limit (a SLURM job's, a container's) or by what its own limits (ulimit -d, -v)
   still leave. */
size_t mem_limit(void);
/* Of these, what it shares with others: the machine's and the control group's. */
size_t mem_shared_limit(void);
/* What libraries will yet reserve: mem_limit leaves so much of the own limits to them. */
void mem_promise(size_t bytes);

char *mem_strdup(const char *text);
/* printf into a fresh string; the caller frees. */
char *mem_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *mem_vformat(const char *fmt, va_list args);
/* printf at the end of *text, a string of malloc that is replaced by a longer one; no
   argument may lie in *text. */
void mem_append(char **text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
