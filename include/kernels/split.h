/*
 * split: the ways in which the members of a team share one pass of a layer.
 *
 * What is shared out is a result, in pieces whose shapes do not depend on the team; never
 * a sum. So all of them give the bits of one member alone, and which is chosen is a
 * matter of speed.
 */
#ifndef LOCKSTEP_KERNELS_SPLIT_H
#define LOCKSTEP_KERNELS_SPLIT_H

enum split {
    SPLIT_AUTO,       /* the kernel's own choice */
    SPLIT_SEQUENTIAL, /* one member does it all, the others wait */
    SPLIT_BATCH,      /* images */
    SPLIT_CHANNEL,    /* channels of the result */
    SPLIT_SPATIAL,    /* rows of the result */
    SPLIT_FILTER,     /* pairs of output and input channels */
    SPLIT_HYBRID,     /* images and channels */
    SPLIT_FEATURE,    /* outputs of a linear layer; of its input gradient, inputs */
    SPLIT_ELEMENT,    /* elements, of log-softmax: rows */
    SPLITS
};

/* "auto", "sequential", ... */
const char *split_name(enum split split);

/* A set of splits is a mask of these. */
#define SPLIT_BIT(split) (1u << (split))

/* What a kernel or a layer knows besides auto and sequential, pass by pass. */
struct split_sets {
    unsigned forward, backward;
};

#endif
