/*
 * import_treatment: what a treatment does to a picture. The import and `predict` use the
 * same functions, so that a network sees pictures as it saw those it was trained on.
 */
#ifndef LOCKSTEP_DATA_IMPORT_TREATMENT_H
#define LOCKSTEP_DATA_IMPORT_TREATMENT_H

#include "base/shape.h"
#include "data/treatment.h"
#include "io/image.h"

/* How the reader must read the file. */
struct image_options treatment_reader(const struct dataset_treatment *treatment);

/* Changes the image to shape.c channels, inverts it if need be, and fits it to shape.h x
   shape.w; out is (h, w, c). The image is changed and stays the caller's. Returns whether
   it was inverted. */
bool treatment_apply(const struct dataset_treatment *treatment, struct image *image,
                     struct shape shape, uint8_t *out);

#endif
