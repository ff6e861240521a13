#include "base/mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/div.h"
#include "base/status.h"

#define MMAP_BYTES (1 << 20)

/* Setting the threshold also stops glibc from raising it: by default it keeps ever larger
   freed blocks in the heap. */
void mem_start(void)
{
    mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
}

static size_t mem_product(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        status_out_of_memory(SIZE_MAX);
    return bytes;
}

void *mem_zeroed(size_t count, size_t size)
{
    size_t bytes = mem_product(count, size);
    void *p = calloc(1, bytes ? bytes : 1);
    if (!p)
        status_out_of_memory(bytes);
    return p;
}

/* Only of whole huge pages: the rest keeps small ones, and takes no more than it needs.
   Where the system has no huge pages, or no room for them, nothing changes. */
static void mem_ask_huge(void *p, size_t bytes)
{
    madvise(p, bytes / MEM_HUGE * MEM_HUGE, MADV_HUGEPAGE);
}

void *mem_aligned(size_t count, size_t size)
{
    size_t bytes = mem_product(count, size);
    if (bytes > SIZE_MAX - MEM_HUGE)
        status_out_of_memory(bytes);
    size_t rounded = div_round_up(bytes, MEM_ALIGN);
    bool huge = rounded >= MEM_HUGE_LEAST;
    void *p;
    if (posix_memalign(&p, huge ? MEM_HUGE : MEM_ALIGN, rounded ? rounded : MEM_ALIGN))
        status_out_of_memory(bytes);
    if (huge)
        mem_ask_huge(p, rounded);
    return memset(p, 0, rounded);
}

void *mem_resize(void *p, size_t count, size_t size)
{
    size_t bytes = mem_product(count, size);
    void *q = realloc(p, bytes ? bytes : 1);
    if (!q)
        status_out_of_memory(bytes);
    return q;
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
