/*
 * policy: what a run decides about its kernels, besides the shapes. The choice of
 * algorithms, and with it the bits, follows from the shape and the policy alone.
 */
#ifndef LOCKSTEP_KERNELS_POLICY_H
#define LOCKSTEP_KERNELS_POLICY_H

enum policy_bits {
    POLICY_PORTABLE, /* products of our own: the same bits on every CPU with FMA */
    POLICY_BLAS      /* products by OpenBLAS: the bits belong to the kind of CPU */
};

/* Of convolutions 3x3 with stride 1. */
enum policy_winograd {
    POLICY_WINOGRAD_AUTO, /* tiles of 4 x 4 or 2 x 2 where they pay */
    POLICY_WINOGRAD_2,    /* tiles of 2 x 2 alone: their errors are those of a sum */
    POLICY_WINOGRAD_OFF
};

/* All zero: the defaults. */
struct kernel_policy {
    int bits;     /* enum policy_bits */
    int winograd; /* enum policy_winograd */
};

#define POLICY_BITS 96

/* What the bits depend on here: "portable", the same on every CPU with FMA; "v2", which
   has none; with POLICY_BLAS "v3, OpenBLAS 0.3.21 Zen". */
void policy_bits_text(const struct kernel_policy *policy, char text[POLICY_BITS]);

#endif
