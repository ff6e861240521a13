/*
 * predict_ink: pictures of single letters or digits, as large as those of the built-in
 * letters and of MNIST are.
 */
#ifndef LOCKSTEP_APP_PREDICT_PREDICT_INK_H
#define LOCKSTEP_APP_PREDICT_PREDICT_INK_H

#include <stdbool.h>

#include "data/import_treatment.h"

/* Makes the picture grey and, by the treatment, light on dark; cuts it to the ink and
   scales that to 5/7 of the frame. out is (h, w). Returns whether it was inverted. */
bool predict_ink(const struct dataset_treatment *treatment, struct image *image,
                 struct shape shape, uint8_t *out);

#endif
