/*
 * pass: what a layer gets when one grain goes through it, forward or backward.
 */
#ifndef LOCKSTEP_NN_PASS_H
#define LOCKSTEP_NN_PASS_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/team.h"

/* The pass of one grain through one layer or op, for one member of a team. */
struct pass {
    struct team team;
    int n;               /* samples, 1..grain */
    bool train;          /* dropout on, save for backward */
    bool measure;        /* not train: forward writes the grain's statistics to grads */
    const float *x, *x2; /* (n, in) and (n, in2) */
    float *y;            /* (n, out) */
    const float *dy;     /* (n, out), backward */
    float *dx, *dx2;     /* of x and x2, backward; NULL: not needed */
    const float *params; /* the flat vector; tensor i is at tensor[i].offset */
    const float *packed; /* what layer_ops.pack wrote from them; NULL: nothing */
    const float *packed_back;
    float *grads;           /* flat gradient of the grain: written, not added to */
    void *save;             /* layer_save_bytes(layer, n), aligned to 64 */
    void *scratch;          /* shared by the team, aligned to 64; undefined at first */
    uint64_t seed;          /* of the run */
    uint64_t step;          /* of training; names random draws */
    const uint64_t *sample; /* (n) global sample numbers; name random draws */
};

#endif
