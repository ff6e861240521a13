/*
 * augment: small random distortions of an image, drawn anew for every sample and epoch.
 *
 * Output pixel p is the bilinear interpolation of the image at A^-1(p - c) + c + d(p);
 * the image is 0 outside. A is the product of scale, shear and rotation about the centre
 * c, followed by a shift; d is a smooth displacement field, a cubic B-spline over control
 * points 7 pixels apart. Elastic fields after Simard, Steinkraus, Platt, "Best practices
 * for convolutional neural networks", ICDAR 2003, section 2, with a spline in place of
 * the Gaussian filter.
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

/* The distortion drawn for one sample. */
struct augment_draw {
    double shift[2]; /* pixels right, down */
    double rotate;   /* degrees, from the x axis (right) towards the y axis (down) */
    double scale[2]; /* factors along x, y */
    double shear;
    double elastic; /* strength of the field; rng draws its control points */
    struct rng rng;
};

/* A function of (seed, epoch, sample). */
void augment_draw(const struct augment_options *options, uint64_t seed, uint32_t epoch,
                  uint64_t sample, struct augment_draw *draw);

/* in (h, w) bytes; out (h, w) on the same 0..255 scale, not rounded. Thread-safe;
   allocates nothing. */
void augment_warp(const struct augment_draw *draw, int h, int w, const uint8_t *in,
                  float *out);

#endif
