/*
 * arena: aligned blocks taken from one allocation, one after the other.
 *
 * With memory NULL the blocks are only counted: the same code first computes the size,
 * then hands out the blocks. `used` is in bytes.
 */
#ifndef LOCKSTEP_BASE_ARENA_H
#define LOCKSTEP_BASE_ARENA_H

#include "base/div.h"
#include "base/mem.h"

struct arena {
    char *memory; /* borrowed; aligned to MEM_ALIGN */
    size_t used;
};

/* The next `bytes`, aligned to MEM_ALIGN; NULL when only counting. */
static inline void *arena_take(struct arena *arena, size_t bytes)
{
    void *block = arena->memory ? arena->memory + arena->used : NULL;
    arena->used += div_round_up(bytes, MEM_ALIGN);
    return block;
}

#endif
