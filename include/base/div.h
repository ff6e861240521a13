/*
 * div: division of counts, rounded up.
 */
#ifndef LOCKSTEP_BASE_DIV_H
#define LOCKSTEP_BASE_DIV_H

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

#endif
