/*
 * image: 8-bit grey or RGB images from and to files.
 *
 * Readers are a table (src/io/image_impl.h), one file each: PNG, JPEG, WebP, TIFF. The
 * kind of a file is found by its first bytes, not by its name. Any number of threads may
 * read images at the same time.
 *
 * What a file holds becomes 8-bit grey or RGB like this:
 *
 * - Fewer than 8 bits and palettes are expanded; an image of a palette or in WebP
 *   is grey if all its pixels are.
 *
 * - 16 bits become 8 by enum image_range.
 *
 * - CMYK becomes RGB as (255 - C)(255 - K) / 255 and so on; Adobe's inverted values are
 *   recognised. Colour profiles and gamma are ignored.
 *
 * - Transparent pixels are laid on white; on black, if white would leave an image of one
 *   flat colour.
 *
 * - The orientation that EXIF or TIFF tells is applied.
 *
 * - Of several pages, the first is read.
 *
 * Limits, checked before memory is taken: IMAGE_AREA_MAX pixels of any height and width
 * up to IMAGE_SIDE_MAX; files up to IMAGE_BYTES_MAX; and no more pixels than a file of
 * that size can hold (src/io/image_impl.h). Reading takes at most 14 bytes of memory for
 * each pixel, and the file's size.
 */
#ifndef LOCKSTEP_IO_IMAGE_H
#define LOCKSTEP_IO_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define IMAGE_SIDE_MAX  65535
#define IMAGE_AREA_MAX  ((size_t)1 << 26) /* pixels: 67 million */
#define IMAGE_BYTES_MAX ((size_t)1 << 30) /* of a file */

struct image {
    int h, w, c;    /* c = 1: grey; c = 3: RGB */
    uint8_t *pixel; /* owned: (h, w, c), 0 dark, 255 bright */
};

/* How the samples of a 16-bit file become 8 bits: which become 0 and 255. Those between
   are rounded to the nearest, those outside are clipped. Alpha is always 0..65535. */
enum image_range {
    IMAGE_RANGE_FULL,  /* 0..65535 */
    IMAGE_RANGE_AUTO,  /* least..greatest sample of the image; if equal: full */
    IMAGE_RANGE_GIVEN, /* low..high of struct image_options */
};

struct image_options {
    enum image_range range;
    double low, high; /* low < high */
    /* If not 0: a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, as long as both
       sides stay at least that long (after its orientation is applied). Saves time. */
    int least_h, least_w;
};

/* What is worth telling about a file. */
struct image_facts {
    const char *kind;         /* "PNG"; NULL: not an image that can be read */
    size_t bytes;             /* of the file */
    int bits;                 /* of a sample in the file */
    bool first_of_several;    /* the file has more pages than the one that was read */
    int file_h, file_w;       /* before orientation and scaled decoding */
    bool was_transparent;     /* at least one pixel was not opaque */
    bool laid_on_black;       /* instead of white */
    bool orientation_applied; /* EXIF told another one than "upright" */
    bool dark_range;          /* 16 bits of which 12 are used: no sample reaches 4096 */
};

/* Reads an image file with the default options. After ST_FAIL image->pixel is NULL. */
enum status image_read(struct image *image, const char *path) MUST_CHECK;
/* options and facts may be NULL. The facts are filled as far as they are known even if
   the image cannot be read. */
enum status image_read_file(struct image *image, const char *path,
                            const struct image_options *options,
                            struct image_facts *facts) MUST_CHECK;
/* The same from a file's bytes; `name` is for messages. */
enum status image_decode(struct image *image, const uint8_t *data, size_t bytes,
                         const char *name, const struct image_options *options,
                         struct image_facts *facts) MUST_CHECK;
/* A file's bytes, for image_decode; the caller frees *data, also after ST_FAIL. Of what
   is no image, the beginning alone may be read. */
enum status image_load(const char *path, uint8_t **data, size_t *bytes) MUST_CHECK;
/* The libraries that decode formats with loss, and their versions: other versions may
   give other pixels. */
#define IMAGE_DECODERS 128
void image_decoders(char text[IMAGE_DECODERS]);
/* "PNG", "JPEG", ... by content; NULL: not an image that can be read. io/kind.h has what
   else a file may be. */
const char *image_kind_of(const uint8_t *data, size_t bytes);

/* Writes c = 1 as grey, c = 3 as RGB. */
enum status image_write_png(const struct image *image, const char *path) MUST_CHECK;
/* The same into memory; the caller frees. */
uint8_t *image_png(const struct image *image, size_t *bytes);
void image_release(struct image *image);

/* Grey to RGB by copying, RGB to grey by luma (ITU-R BT.601). */
void image_to_channels(struct image *image, int c);
/* Turns an image upright that is stored with an EXIF orientation of 1 to 8. */
void image_orient(struct image *image, int orientation);
/* Is the border brighter than the middle grey, as paper under dark ink is? */
bool image_is_dark_on_light(const struct image *image);
/* Every sample x becomes 255 - x. */
void image_invert(struct image *image);

enum image_fit {
    IMAGE_PAD,  /* the whole image fits into the frame, in its middle; keeps the aspect */
    IMAGE_CROP, /* the image fills the frame, and its middle is cut out; same */
    IMAGE_STRETCH, /* both sides are scaled on their own */
};

/* Scales an image to h x w: area averaging where it shrinks, bilinear where it grows, the
   same bytes on every machine. out is (h, w, image->c), the caller's. `background` has
   image->c samples for what IMAGE_PAD adds; NULL: the mean colour of the image's border.
 */
void image_fit(const struct image *image, enum image_fit fit, const uint8_t *background,
               int h, int w, uint8_t *out);

#endif
