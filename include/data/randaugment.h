/*
 * randaugment: operations on an image, drawn at random and done one after the other, all
 * of one strength. E. Cubuk, B. Zoph, J. Shlens, Q. Le, "RandAugment: practical automated
 * data augmentation with a reduced search space", CVPR workshops 2020; the ranges are
 * torchvision's, whose magnitudes 0 to 30 are 0 to 10 here.
 *
 * With m = magnitude / 10, and + or - with probability 1/2:
 *
 *   identity
 *   autocontrast   each channel is stretched to 0..255
 *   equalize       each channel's histogram is flattened, as Pillow does
 *   rotate         by +-30 m degrees about the centre
 *   solarize       values from 256 (1 - m) on become 255 - x
 *   color          the saturation times 1 +- 0.9 m; nothing on grey images
 *   posterize      the upper 8 - round(4 m) bits of a value stay
 *   contrast, brightness  times 1 +- 0.9 m
 *   sharpness      x = s + (1 +- 0.9 m) (x - s); s is x smoothed by
 *                  (1 1 1; 1 5 1; 1 1 1) / 13; the outermost pixels stay
 *   shear-x, -y    x += k y, y += k x, with k = +-0.3 m, about the centre
 *   translate-x, -y  by +-150/331 m of the side, in whole pixels
 *
 * All take and give whole values 0..255, rounded to the nearest. What comes from outside
 * of the image is what augment.fill says. At magnitude 0 all but autocontrast and
 * equalize are the identity.
 */
#ifndef LOCKSTEP_DATA_RANDAUGMENT_H
#define LOCKSTEP_DATA_RANDAUGMENT_H

#include <stdint.h>

#include "base/rng.h"
#include "base/shape.h"
#include "data/augment.h"

#define RANDAUGMENT_MOST 10 /* the largest magnitude */

enum randaugment_kind {
    RANDAUGMENT_IDENTITY,
    RANDAUGMENT_AUTOCONTRAST,
    RANDAUGMENT_EQUALIZE,
    RANDAUGMENT_ROTATE,
    RANDAUGMENT_SOLARIZE,
    RANDAUGMENT_COLOR,
    RANDAUGMENT_POSTERIZE,
    RANDAUGMENT_CONTRAST,
    RANDAUGMENT_BRIGHTNESS,
    RANDAUGMENT_SHARPNESS,
    RANDAUGMENT_SHEAR_X,
    RANDAUGMENT_SHEAR_Y,
    RANDAUGMENT_TRANSLATE_X,
    RANDAUGMENT_TRANSLATE_Y,
    RANDAUGMENT_KINDS
};

/* strength: m or -m; those without a direction take its absolute value. */
struct randaugment_op {
    enum randaugment_kind kind;
    double strength;
};

/* The operations of a sample on x (out), which is rounded first. draw: what is outside.
   A function of the sample but its shape, of draw and x. */
void randaugment_image(const struct augment_sample *sample,
                       const struct augment_draw *draw, float *x);

/* --- its parts --- */

/* The next operation; draws two words. */
struct randaugment_op randaugment_next(struct rng *rng, double magnitude);

/* One operation on x (shape), whole values 0..255; bytes is room for (shape). */
void randaugment_apply(const struct randaugment_op *op, const struct augment_draw *draw,
                       struct shape shape, uint8_t *bytes, float *x);

#endif
