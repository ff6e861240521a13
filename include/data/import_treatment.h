/*
 * import_treatment: what a treatment does to a picture. The import and `predict` use the
 * same functions, so that a network sees pictures as it saw those it was trained on.
 */
#ifndef LOCKSTEP_DATA_IMPORT_TREATMENT_H
#define LOCKSTEP_DATA_IMPORT_TREATMENT_H

#include "base/shape.h"
#include "data/treatment.h"
#include "io/image.h"

/* How the reader must read a file that becomes an image of `shape`: a JPEG that is more
   than twice as large may be decoded at 1/2, 1/4 or 1/8 of its size, as long as both
   sides stay twice as long as wanted; the rest of the way is image_fit's. shape NULL, or
   a treatment that is not recorded: always at its full size. */
struct image_options treatment_reader(const struct dataset_treatment *treatment,
                                      const struct shape *shape);

/* A file's bytes become an image of a data set, out (h, w, c): what the import writes
   into a set with pixels, and what the loader makes of a set with files. */
enum status treatment_decode(const struct dataset_treatment *treatment,
                             const uint8_t *data, size_t bytes, const char *name,
                             struct shape shape, uint8_t *out) MUST_CHECK;

/* Changes the image to shape.c channels, inverts it if need be, and fits it to shape.h x
   shape.w; out is (h, w, c). The image is changed and stays the caller's. Returns whether
   it was inverted. */
bool treatment_apply(const struct dataset_treatment *treatment, struct image *image,
                     struct shape shape, uint8_t *out);

#endif
