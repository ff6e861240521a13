/*
 * image_impl: the table of image readers, one entry at the end of each reader's file, and
 * what they share (image_check.c, image_exif.c, image_raster.c).
 * image_find_reader (image_find.c) finds the entry by the file's first bytes;
 * image_from_raster (image_raster.c) makes an image of what the entry's `read` has read.
 */
#ifndef LOCKSTEP_IO_IMAGE_IMPL_H
#define LOCKSTEP_IO_IMAGE_IMPL_H

#include "io/image.h"

#define IMAGE_MAGICS 4 /* patterns of one kind, at most */

/* Pixels that a file may hold whatever its size, and more for each byte of it: a blank
   page in CCITT G4 has a bit for each row. Readers whose format allows less say so. */
#define IMAGE_AREA_FREE     ((size_t)1 << 20)
#define IMAGE_AREA_PER_BYTE ((size_t)1 << 16)

/* A file in memory. */
struct image_source {
    const uint8_t *data;
    size_t bytes;
    const char *name;                    /* for messages */
    const struct image_options *options; /* not NULL */
};

/* Samples as a file holds them: (h, w, c + alpha), in one of two arrays. */
struct image_raster {
    int h, w, c;        /* c = 1: grey; c = 3: RGB */
    bool alpha;         /* the last sample of a pixel; 0 is transparent */
    bool premultiplied; /* the others were multiplied by it */
    bool maybe_grey;    /* RGB, but the format has no other way to say grey */
    int orientation;    /* EXIF: 1 to 8 */
    uint8_t *byte;      /* owned: 8 bits; or NULL */
    uint16_t *word;     /* owned: 16 bits; or NULL */
};

struct image_magic {
    const char *pattern; /* '?' stands for any byte */
    int length;          /* 0: no more patterns */
};

/* Do the first bytes of a file fit the pattern? */
bool image_magic_fits(const struct image_magic *magic, const uint8_t *data, size_t bytes);

struct image_reader {
    const char *name; /* "PNG" */
    struct image_magic magic[IMAGE_MAGICS];
    /* Fills an empty raster, and of the facts bits, pages, file_h and file_w, each as
       soon as it is known. A failure is reported; the caller releases the raster in any
       case. NULL: a kind that cannot be read. */
    enum status (*read)(struct image_raster *raster, const struct image_source *source,
                        struct image_facts *facts);
    /* Writes the library and its version, like "libwebp 1.2.4"; NULL: there is no loss,
       so that all versions give the same pixels. */
    void (*decoder)(char *text, size_t room);
};

extern const struct image_reader image_reader_png, image_reader_jpeg, image_reader_webp,
    image_reader_tiff;

/* NULL: none reads a file that begins so. */
const struct image_reader *image_find_reader(const uint8_t *data, size_t bytes);

/* Checks the size that a file announces; NULL: memory may be taken for it; else what is
   wrong. */
const char *image_check_size(size_t h, size_t w, size_t bytes);

/* ST_FAIL, reported: a file that its reader does not understand; one that ends too
   soon. */
enum status image_fail(const struct image_source *source, const char *kind,
                       const char *reason);
enum status image_fail_short(const struct image_source *source, const char *kind);

/* The orientation in EXIF data, which begins with a TIFF header: 1 to 8; 1 if there is
   none or the data make no sense. */
int image_exif_orientation(const uint8_t *data, size_t bytes);

/* n pixels of four samples to three: (255 - C)(255 - K) / 255 and so on, rounded.
   inverted: the samples are 255 - C and so on. */
void image_cmyk_to_rgb(uint8_t *rgb, const uint8_t *cmyk, size_t n, bool inverted);

/* Makes an 8-bit upright image without transparency. Takes the raster's arrays. */
void image_from_raster(struct image *image, struct image_raster *raster,
                       const struct image_options *options, struct image_facts *facts);

#endif
