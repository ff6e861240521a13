/*
 * view: what a network sees of an image: a rectangle of it (struct input_crop), which may
 * then be moved. Evaluation takes the centre of the image, as torchvision's CenterCrop;
 * training may take other parts (data/augment.h).
 *
 * Evaluation may also average several views of an image: mirrored, and moved by a pixel.
 * Where a moved rectangle leaves the image, its mirror image goes on: pixel -1 is pixel
 * 1.
 */
#ifndef LOCKSTEP_DATA_VIEW_H
#define LOCKSTEP_DATA_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/shape.h"
#include "base/status.h"

struct dataset_info;

struct input_crop {
    int h, w;             /* of the network's input; 0, 0: those of the image */
    int shift_x, shift_y; /* pixels to the right and down; 0 is shifted in */
};

/* The network's input for an image of this shape; false: the image is too small. */
bool input_crop_shape(const struct input_crop *crop, struct shape image,
                      struct shape *in);

/* The same for the images of a data set. ST_USAGE, with a message. */
enum status input_crop_of_dataset(const struct input_crop *crop,
                                  const struct dataset_info *info,
                                  struct shape *in) MUST_CHECK;

/* The first of the `size` rows (or columns) in the middle of `extent`: half of the
   difference, rounded to the nearest even number if it is odd. */
int view_centre(int extent, int size);

/* The pixel of an axis of `size` pixels that is seen at x, anywhere, in mirrors at the
   centres of its two ends. */
int view_reflect(int x, int size);

/* A way to look at an image: the middle moved by dx, dy pixels to the right and down,
   then mirrored left to right; and its weight in the mean of all views. */
struct view {
    int dx, dy;
    bool mirror;
    float weight;
};

/* MIRROR: the image and its mirror image. MIRROR_SHIFT: these two with half of the
   weight, and the same of the image moved by one pixel along its diagonal, both ways (K.
   Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024, tta_level = 2). */
enum view_set { VIEW_SET_NONE, VIEW_SET_MIRROR, VIEW_SET_MIRROR_SHIFT };
extern const char *const view_set_words[]; /* NULL-terminated */

struct views {
    int count; /* 1: the image as it is */
    const struct view *view;
};
struct views views_of_set(int set);

/* The middle of an image (h, w, c) becomes x (in.h, in.w, c), on the 0..255 scale. */
void view_cut(struct shape image, struct shape in, const uint8_t *pixels, float *x);
/* The same, looked at in another way. */
void view_cut_moved(struct shape image, struct shape in, const struct view *view,
                    const uint8_t *pixels, float *x);

#endif
