/* elements: what a team member takes of a flat vector. */
#ifndef LOCKSTEP_KERNELS_ELEMENTS_H
#define LOCKSTEP_KERNELS_ELEMENTS_H

#include "kernels/team.h"

#include <stddef.h>

/* The first of *count elements of n. Borders are multiples of 64, so that the same lane
   of the same loop handles an element whatever the size of the team. */
static inline size_t elements_share(const struct team *team, size_t n, size_t *count)
{
    enum { UNIT = 64 };
    int begin, end;
    team_split(team, (int)((n + UNIT - 1) / UNIT), &begin, &end);
    size_t first = (size_t)begin * UNIT, last = (size_t)end * UNIT;
    if (last > n)
        last = n;
    *count = last > first ? last - first : 0;
    return first;
}

#endif
