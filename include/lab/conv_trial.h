/*
 * conv_trial: one pass of a convolution with operands of random values, to run each
 * algorithm that fits it (kernels/conv_algorithm.h) on the calling thread.
 */
#ifndef LOCKSTEP_LAB_CONV_TRIAL_H
#define LOCKSTEP_LAB_CONV_TRIAL_H

#include "kernels/conv_algorithm.h"

#define CONV_WAYS 8 /* algorithms of a pass, at most */

/* The names of all algorithms, in the order of the table. Returns their number. */
int conv_way_names(const char *names[CONV_WAYS]);

struct conv_trial {
    enum conv_pass pass;
    struct conv_shape shape;
    int ways;
    const struct conv_algorithm *way[CONV_WAYS];
    float *x, *dy, *weight, *bias, *out; /* owned */
    float *packed[CONV_WAYS];            /* owned; NULL: reads the weights */
    void *scratch;                       /* owned */
};

/* shape is complete, with its n. */
void conv_trial_init(struct conv_trial *trial, enum conv_pass pass,
                     const struct conv_shape *shape);
void conv_trial_release(struct conv_trial *trial);

/* Packs the weights for a way; conv_trial_init has done so once. */
void conv_trial_pack(const struct conv_trial *trial, int way);
/* Runs a way on all images, with weights packed. */
void conv_trial_run(const struct conv_trial *trial, int way);

#endif
