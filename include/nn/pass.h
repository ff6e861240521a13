/*
 * pass: what a layer gets when a grain goes through it, forward or backward, or some of
 * its samples.
 */
#ifndef LOCKSTEP_NN_PASS_H
#define LOCKSTEP_NN_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/team.h"

struct layer;

/* The pass of one grain through one layer or op, for one member of a team. What has a
   value for each sample begins with the first of the n samples. */
struct pass {
    struct team team;
    int n;               /* samples, 1..grain */
    int first, all;      /* samples of the grain before them, and in it */
    bool train;          /* dropout on, save for backward */
    bool measure;        /* not train: forward writes the grain's statistics to grads */
    const float *x, *x2; /* (n, in) and (n, in2) */
    float *y;            /* (n, out) */
    float *dy;           /* (n, out), backward, which may change it: layer_ops */
    float *dx, *dx2;     /* of x and x2, backward; NULL: not needed */
    const float *params; /* the flat vector; tensor i is at tensor[i].offset */
    const float *packed; /* what layer_ops.pack wrote from them; NULL: nothing */
    const float *packed_back;
    float *grads;           /* flat gradient of the grain: written; added to by
                               `gradients` (layer_ops) of samples behind others */
    void *save;             /* layer_save_bytes(layer, all); aligned to 64 at first 0 */
    void *room;             /* layer->room bytes, aligned to 64, from gather on */
    void *scratch;          /* shared by the team, aligned to 64; undefined at first */
    uint64_t seed;          /* of the run */
    uint64_t step;          /* of training; names random draws */
    const uint64_t *sample; /* (n) global sample numbers; name random draws */
};

size_t layer_save_bytes(const struct layer *layer, int n);
size_t layer_scratch_bytes(const struct layer *layer, int members);

/* What couples the samples of a grain in a pass. gather reads some samples, settle
   follows when all are gathered, then some samples at a time are written. In between,
   `room` is the layer's own, and gather may write to dx and dx2. */
struct layer_coupling {
    void (*gather)(const struct layer *layer, const struct pass *pass);
    void (*settle)(const struct layer *layer, const struct pass *pass);
};

/* All parts of a pass of the whole grain: the coupling; then forward, or backward and the
   gradients of the parameters. */
void layer_forward(const struct layer *layer, const struct pass *pass);
void layer_backward(const struct layer *layer, const struct pass *pass);

#endif
