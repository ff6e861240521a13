/*
 * shape: the extent of one sample's activations.
 *
 * In memory every activation is channel-last: a grain of n samples is (n, H, W, C), C
 * contiguous. A flat feature vector is 1 x 1 x C.
 */
#ifndef LOCKSTEP_BASE_SHAPE_H
#define LOCKSTEP_BASE_SHAPE_H

#include <stdbool.h>

struct shape {
    int h, w, c;
};

static inline int shape_size(struct shape s)
{
    return s.h * s.w * s.c;
}

static inline bool shape_equal(struct shape a, struct shape b)
{
    return a.h == b.h && a.w == b.w && a.c == b.c;
}

#endif
