/* lifetime: places in one block of memory for buffers whose lives are known. */
#ifndef LOCKSTEP_NN_LIFETIME_H
#define LOCKSTEP_NN_LIFETIME_H

#include <stddef.h>

/* In use at the times [begin, end], both included. */
struct lifetime {
    size_t bytes;
    int begin, end;
    size_t
        place; /* set by lifetimes_place: bytes from the start, a multiple of MEM_ALIGN */
};

/* Places all buffers so that those in use at the same time do not overlap; returns the
   bytes that all take together. The largest first, each at the lowest place that is free
   during its life: Y. Pisarchyk and J. Lee, "Efficient memory management for deep neural
   net inference", 2020, "greedy by size". */
size_t lifetimes_place(struct lifetime *buffer, int count);

#endif
