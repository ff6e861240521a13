/*
 * augment: random distortions of an image, drawn anew for every sample and epoch.
 *
 * Geometry. Output pixel p is the bilinear interpolation of the image at
 * A^-1(T(p) - c) + c + d(p). A is the product of scale, shears and rotation about the
 * centre c, followed by a shift; d is a smooth displacement field, a cubic B-spline over
 * control points 7 pixels apart. Elastic fields after Simard, Steinkraus, Platt, "Best
 * practices for convolutional neural networks", ICDAR 2003, section 2, with a spline in
 * place of the Gaussian filter. T flips, and selects a rectangle of the image: one of the
 * output's size, at whole pixels (its centre, or random_crop and crop), or a part that is
 * scaled to that size (resized_crop; Szegedy et al., "Going deeper with convolutions",
 * CVPR 2015, section 6). Without A, d and resized_crop, pixels are copied.
 *
 * Outside the image is black, its border's nearest pixel, its mirror image about the
 * outermost pixels' centres, or the mean of the data set.
 *
 * Then colours: brightness, contrast, saturation and hue, in this order, clipped to
 * 0..255 after each of them, as in torchvision's ColorJitter; grey images have the first
 * two. Then the operations of RandAugment (data/randaugment.h). At last a rectangle is
 * erased: set to the mean (Zhong et al., "Random erasing data augmentation", AAAI 2020).
 */
#ifndef LOCKSTEP_DATA_AUGMENT_H
#define LOCKSTEP_DATA_AUGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "base/shape.h"

#define AUGMENT_CHANNELS 3 /* at most */
#define AUGMENT_WHITE    255.0f

/* RANDOM: each time with probability 1/2. ALTERNATE: in every other epoch; which of two
   is drawn for each sample (K. Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU",
   2024, section 3.6). */
enum augment_flip { AUGMENT_FLIP_OFF, AUGMENT_FLIP_RANDOM, AUGMENT_FLIP_ALTERNATE };

/* AUTO: black for grey images, border for RGB. */
enum augment_fill {
    AUGMENT_FILL_AUTO,
    AUGMENT_FILL_BLACK,
    AUGMENT_FILL_BORDER,
    AUGMENT_FILL_MEAN,
    AUGMENT_FILL_REFLECT
};

/* Strengths; all zero: off. Draws are uniform in [-x, x] unless said otherwise. */
struct augment_options {
    double shift;       /* pixels, each axis */
    double shift_share; /* of the output's side along the axis, in addition */
    double rotate;      /* degrees */
    double scale;       /* each axis is scaled by a factor in [1 - x, 1 + x] */
    double shear;       /* x += k y, k in [-x, x] */
    double elastic;     /* pixels at each control point, each axis */

    int flip;            /* enum augment_flip: left to right */
    bool flip_vertical;  /* upside down, with probability 1/2 */
    bool random_crop;    /* the rectangle is anywhere in the image */
    int crop;            /* whole pixels beyond the image, each side; implies it */
    double resized_crop; /* least share of the area, uniform in [x, 1]; the sides' ratio
                            is 3/4 to 4/3 times the output's; 0: off */
    double brightness;   /* a factor in [1 - x, 1 + x], as the next two */
    double contrast, saturation;
    double hue;       /* turns; 0.5 is the opposite colour */
    int randaugment;  /* operations on each image */
    double magnitude; /* their strength, 0 to RANDAUGMENT_MOST */
    double erase;     /* probability; 2 to 33 % of the area */
    int fill;         /* enum augment_fill */
};

bool augment_enabled(const struct augment_options *options);

/* Which image is distorted; options and mean are borrowed. */
struct augment_sample {
    const struct augment_options *options;
    uint64_t seed;
    uint32_t epoch;
    uint64_t sample;
    struct shape shape; /* c is 1 or 3 */
    struct shape out;   /* no larger, of as many channels */
    const double *mean; /* (c), of the data set, 0..1 */
};

/* in (shape) bytes; out (out) on the same 0..255 scale, not rounded. A function of
   its arguments; thread-safe. Only RandAugment allocates: an image of bytes. */
void augment_image(const struct augment_sample *sample, const uint8_t *in, float *out);

/* --- its parts --- */

/* A rectangle, in shares of the image's sides. */
struct augment_box {
    double x, y, w, h;
};

/* What a pixel outside the image is: one colour, the nearest pixel of the image, or the
   one that a mirror would show: pixel -1 is pixel 1. */
enum augment_edge { AUGMENT_EDGE_COLOUR, AUGMENT_EDGE_BORDER, AUGMENT_EDGE_REFLECT };

/* The distortion drawn for one sample. */
struct augment_draw {
    double shift[2]; /* pixels right, down */
    double rotate;   /* degrees, from the x axis (right) towards the y axis (down) */
    double scale[2]; /* factors along x, y */
    double shear;    /* x += shear y */
    double shear_y;  /* y += shear_y x, before that; RandAugment alone sets it */
    double elastic;  /* strength of the field; rng draws its control points */
    struct rng rng;

    bool flip[2];           /* left to right, upside down */
    int crop[2];            /* the rectangle's first column and row; may be negative */
    struct augment_box box; /* the part that is scaled; w 0: none */
    double brightness, contrast, saturation; /* factors; 0: off */
    double hue;                              /* turns */
    struct augment_box erase;                /* w 0: none */

    enum augment_edge edge;
    float outside[AUGMENT_CHANNELS]; /* the colour, 0..255 */
};

/* A function of all of the sample but its mean. The last group of fields is not set. */
void augment_draw(const struct augment_sample *sample, struct augment_draw *draw);

/* The geometry alone: in (shape) to out (to). */
void augment_warp(const struct augment_draw *draw, struct shape shape, struct shape to,
                  const uint8_t *in, float *out);

/* The colours alone, in place: x (h, w, c). */
void augment_colour(const struct augment_draw *draw, struct shape shape, float *x);

#endif
