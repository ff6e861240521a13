/*
 * view: what a network sees of an image: a rectangle of it, which may then be moved.
 * Evaluation takes the centre of the image, as torchvision's CenterCrop; training may
 * take other parts (data/augment.h).
 */
#ifndef LOCKSTEP_DATA_VIEW_H
#define LOCKSTEP_DATA_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/shape.h"
#include "base/status.h"

struct dataset_info;

struct view {
    int h, w;             /* of the network's input; 0, 0: those of the image */
    int shift_x, shift_y; /* pixels to the right and down; 0 is shifted in */
};

/* The network's input for an image of this shape; false: the image is too small. */
bool view_shape(const struct view *view, struct shape image, struct shape *in);

/* The same for the images of a data set. ST_USAGE, with a message. */
enum status view_of_dataset(const struct view *view, const struct dataset_info *info,
                            struct shape *in) MUST_CHECK;

/* The first of the `size` rows (or columns) in the middle of `extent`: half of the
   difference, rounded to the nearest even number if it is odd. */
int view_centre(int extent, int size);

/* The middle of an image (h, w, c) becomes x (in.h, in.w, c), on the 0..255 scale. */
void view_cut(struct shape image, struct shape in, const uint8_t *pixels, float *x);

#endif
