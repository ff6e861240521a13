/*
 * label_set: the classes of an image that may have several, or none: a bit for each
 * class, in bytes: bit c % 8 (from the lowest) of byte c / 8 is class c. Bits behind the
 * last class are 0. numpy.packbits(..., bitorder='little') makes the same.
 */
#ifndef LOCKSTEP_BASE_LABEL_SET_H
#define LOCKSTEP_BASE_LABEL_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline size_t label_set_bytes(int classes)
{
    return ((size_t)classes + 7) / 8;
}

static inline bool label_set_has(const uint8_t *set, int class)
{
    return set[class / 8] >> class % 8 & 1;
}

static inline void label_set_add(uint8_t *set, int class)
{
    set[class / 8] = (uint8_t)(set[class / 8] | 1u << class % 8);
}

/* Its first class from `from` on; -1: there is none below `classes`. */
static inline int label_set_next(const uint8_t *set, int classes, int from)
{
    for (int c = from; c < classes; c++) {
        if (c % 8 == 0 && set[c / 8] == 0)
            c += 7;
        else if (label_set_has(set, c))
            return c;
    }
    return -1;
}

#endif
