/*
 * split: how the members of a team share one pass of a layer.
 *
 * They divide the result, in panels whose shapes do not depend on the team, never a sum.
 * So every split gives the bits of one member alone; the choice affects only speed.
 */
#ifndef LOCKSTEP_KERNELS_SPLIT_H
#define LOCKSTEP_KERNELS_SPLIT_H

enum split {
    SPLIT_AUTO,       /* the kernel's own choice */
    SPLIT_SEQUENTIAL, /* one member does all, the others wait */
    SPLIT_BATCH,      /* images */
    SPLIT_CHANNEL,    /* channels of the result */
    SPLIT_SPATIAL,    /* rows of the result */
    SPLIT_FILTER,     /* pairs of output and input channels */
    SPLIT_HYBRID,     /* images and channels */
    SPLIT_FEATURE,    /* features of a linear layer: outputs; in its dx, inputs */
    SPLIT_ELEMENT,    /* elements; in log-softmax, rows */
    SPLITS
};

/* "auto", "sequential", ... */
const char *split_name(enum split split);

/* A set of splits is a mask of these. */
#define SPLIT_BIT(split) (1u << (split))

/* The splits that a kernel or layer supports in each pass, besides auto and sequential,
   which all do. */
struct split_sets {
    unsigned forward, backward;
};

#endif
