/*
 * augment: random small distortions of an image, drawn afresh for every sample and epoch.
 *
 * Output pixel p takes the bilinear value of the image at A^-1(p - c) + c + d(p), zero
 * outside. A is scale, shear, rotation about the centre c, then shift; d is a smooth
 * displacement field, a cubic B-spline over control points 7 pixels apart.
 * Elastic fields after Simard, Steinkraus, Platt, "Best practices for convolutional
 * neural networks", ICDAR 2003, section 2, with a spline in place of the Gaussian filter.
 */
#ifndef LOCKSTEP_DATA_AUGMENT_H
#define LOCKSTEP_DATA_AUGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"

/* Strengths; all zero: off. Every draw is uniform in [-x, x]. */
struct augment_options {
    double shift;   /* pixels, each axis */
    double rotate;  /* degrees */
    double scale;   /* each axis is scaled by a factor in [1 - x, 1 + x] */
    double shear;   /* x += k y, k in [-x, x] */
    double elastic; /* pixels at each control point, each axis */
};

bool augment_enabled(const struct augment_options *options);

/* What was drawn for one sample: its distortion. */
struct augment_draw {
    double shift[2]; /* pixels right, down */
    double rotate;   /* degrees, from the x axis (right) towards the y axis (down) */
    double scale[2]; /* factors along x, y */
    double shear;
    double elastic; /* strength of the field, whose control points come from rng */
    struct rng rng;
};

/* The draw is named by (seed, epoch, sample). */
void augment_draw(const struct augment_options *options, uint64_t seed, uint32_t epoch,
                  uint64_t sample, struct augment_draw *draw);

/* in (h, w) bytes; out (h, w) on the same 0..255 scale, not rounded. Thread-safe; needs
   no scratch. */
void augment_warp(const struct augment_draw *draw, int h, int w, const uint8_t *in,
                  float *out);

#endif
