/*
 * image: grey 8-bit images from and to files. Readers are a table (src/io/image_impl.h),
 * one file each. Only home of <png.h> (image_png.c).
 */
#ifndef LOCKSTEP_IO_IMAGE_H
#define LOCKSTEP_IO_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct image {
    int h, w;
    uint8_t *pixel; /* owned: (h, w), 0 black, 255 white */
};

/* Reads any PNG: colour becomes luma (ITU-R BT.601), 16 bits become 8, transparent pixels
   are composed over white. The kind of a file is found by its first bytes, not by its
   name; a kind that cannot be read is named. After ST_FAIL image->pixel is NULL. */
enum status image_read(struct image *image, const char *path) MUST_CHECK;
enum status image_write_png(const struct image *image, const char *path) MUST_CHECK;
void image_release(struct image *image);

/* Is the border brighter than the middle grey, as paper under dark ink is? */
bool image_is_dark_on_light(const struct image *image);
/* Every pixel x becomes 255 - x. */
void image_invert(struct image *image);

/* Scales to fit into h x w, keeping the aspect ratio (area averaging when shrinking,
   bilinear when growing), centred on `background`. out is (h, w), the caller's. */
void image_fit(const struct image *image, int h, int w, uint8_t background, uint8_t *out);

#endif
