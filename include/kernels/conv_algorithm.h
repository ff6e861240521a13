/*
 * conv_algorithm: the ways to compute each pass of a convolution, as a table.
 *
 * A row is one (pass, algorithm): the shapes that it fits, how weights are packed, its
 * scratch, the function that computes one grain. The instruction sets differ only in the
 * micro-kernels and transforms that rows call (product.h, winograd.h).
 *
 *   direct       all but depthwise: the pixels of an image are the rows of a product
 *   winograd2    3 x 3 with stride 1, without groups and dilation: winograd.h
 *   winograd4
 *   blas         all but depthwise: im2col and sgemm of OpenBLAS
 *   depthwise    depthwise.h; reads the weights as they are
 *
 * direct reads pixels where they lie; images with padding, groups or dilation are framed,
 * a few rows at a time (src/kernels/conv_frame.h). 1 x 1 is a plain product. An input
 * gradient is one convolution of dy for each class of pixels by the strides
 * (src/kernels/conv_lattice.h).
 *
 * Values. Except for blas, each result is defined by the shape and by fused
 * multiply-adds in a written order, so that the bits are the same for each instruction
 * set with such an operation, any team and any blocks:
 *
 * - direct, y: one chain from bias[k], in the order (r, s, c).
 * - direct, dx: one chain from 0, in the order (p, q, k).
 * - direct, dw: runs of about CONV_RUN pixels in the order (n, p, q), whole rows of them;
 *   a chain from 0 for each run, the chains added in order.
 * - winograd (winograd.h), y and dx: for each frequency one chain in the order c or k.
 * - winograd, dw: runs of tiles, whose length follows from the shape.
 *
 * Which algorithm to use (conv_algorithm_chosen) follows from the pass, the policy and
 * the shape without its n. Where winograd fits, it is the one of the least cost, counted
 * in multiply-adds: of direct, 9 for each result, c and k; of winograd, (m+2)^2 for each
 * tile, c and k, for its transforms 10 (m = 2) or 16 (m = 4) for each value of V and M,
 * and for dw 1/4 for each value of dU. Vectors are of 16 channels, full or not. So images
 * of 2 x 2 take winograd2, few channels direct. `lockstep bench rule` holds it against
 * measurements. dw of a grain also depends on nothing but its own images.
 *
 * Packed weights belong to the caller, who packs them once a step, for forward and data
 * apart: packed(shape) floats, aligned to 64 bytes. Every member of a team calls pack and
 * run with the same arguments; both end with a barrier. scratch: scratch(shape, team
 * size) bytes, at most scratch(shape, 1) for each member, aligned to 64, shared by the
 * team, holds nothing between calls; it serves fewer images and members as well.
 *
 * Teams: by team->split. SPLIT_BATCH, SPLIT_SPATIAL: members take pixels or tiles;
 * SPLIT_CHANNEL: output channels (in winograd: frequencies, filters); others: the
 * algorithm's choice. Weight gradients are always shared by their elements.
 */
#ifndef LOCKSTEP_KERNELS_CONV_ALGORITHM_H
#define LOCKSTEP_KERNELS_CONV_ALGORITHM_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/conv.h"
#include "kernels/policy.h"
#include "kernels/prologue.h"

#define CONV_RUN 256 /* pixels of one chain of a weight gradient */

enum conv_pass { CONV_FORWARD, CONV_DATA, CONV_WEIGHT, CONV_PASSES };

struct conv_operands {
    float *out;          /* y, dx or dweight (K, R, S, C); written */
    const float *in;     /* x, dy, x */
    const float *dy;     /* CONV_WEIGHT */
    const float *packed; /* the others; made by pack of the same row, or the weights */
    const float *bias;   /* CONV_FORWARD; NULL is 0 */
    const struct prologue
        *prologue; /* of x; NULL: none; direct and winograd, not in CONV_DATA */
    enum activation activation; /* CONV_FORWARD: of y; NONE unless the row activates */
    bool goes_on; /* CONV_WEIGHT: dweight is the sum over the images before these; false
                     unless the row goes_on */
    void *scratch;
};

struct conv_algorithm {
    const char *name;
    enum conv_pass pass;
    bool (*fits)(const struct conv_shape *shape);
    size_t (*packed)(const struct conv_shape *shape); /* NULL: the weights themselves */
    void (*pack)(const struct team *team, const struct conv_shape *shape, float *packed,
                 const float *weight);
    size_t (*scratch)(const struct conv_shape *shape, int team);
    void (*run)(const struct team *team, const struct conv_shape *shape,
                const struct conv_operands *operands);
    double (*work)(const struct conv_shape *shape); /* as conv_algorithm_work; or NULL */
    bool activates; /* run does relu and relu6 while it writes y */
    /* CONV_WEIGHT: may the images be given in several calls, with the bits of one? Then
       the later ones have goes_on. NULL: no. */
    bool (*goes_on)(const struct conv_shape *shape);
};

/* Row i of the table; NULL behind the last. */
const struct conv_algorithm *conv_algorithm_row(int i);
/* The row with this name; NULL if there is none or it does not fit the shape. */
const struct conv_algorithm *conv_algorithm_named(enum conv_pass pass, const char *name,
                                                  const struct conv_shape *shape);
/* The best row for this shape. */
const struct conv_algorithm *conv_algorithm_chosen(enum conv_pass pass,
                                                   const struct conv_shape *shape,
                                                   const struct kernel_policy *policy);

/* FLOPs of the definition, per image: 2 for each tap of a filter and each result, in the
   padding too. The same for all passes. */
double conv_flops(const struct conv_shape *shape);
/* FLOPs of the products that an algorithm does, per image: of Winograd's tiles, the parts
   beyond the edge of the image included, its transforms not. conv_flops where the
   algorithm follows the definition. */
double conv_algorithm_work(const struct conv_algorithm *row,
                           const struct conv_shape *shape);

/* "forward", "data" or "weight" */
const char *conv_pass_name(enum conv_pass pass);

#endif
