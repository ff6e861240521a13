/*
 * div: division of counts, rounded up, and multiples.
 */
#ifndef LOCKSTEP_BASE_DIV_H
#define LOCKSTEP_BASE_DIV_H

#include <stddef.h>
#include <stdint.h>

/* ceil(n / by) for n >= 0 and by >= 1; nothing overflows. */
static inline int div_up(int n, int by)
{
    return n / by + (n % by > 0);
}

static inline uint64_t div_up_u64(uint64_t n, uint64_t by)
{
    return n / by + (n % by > 0);
}

/* The smallest multiple of `unit` that is at least n; unit >= 1. */
static inline size_t div_round_up(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

#endif
