/*
 * treatment: what the import did to pictures before they became images of a data set.
 * Recorded in data sets and checkpoints, so that `predict` does the same.
 *
 * As text, in attributes: "invert=no fit=pad background=border range=full".
 */
#ifndef LOCKSTEP_DATA_TREATMENT_H
#define LOCKSTEP_DATA_TREATMENT_H

#include <stdbool.h>

/* invert: x becomes 255 - x. EACH: for each image whose border is brighter than middle
   grey, as import-dir and predict did before treatments were recorded. */
enum treatment_invert { TREATMENT_KEEP, TREATMENT_INVERT, TREATMENT_INVERT_EACH };
/* How a picture of another size becomes h x w; in the order of enum image_fit. */
enum treatment_fit { TREATMENT_PAD, TREATMENT_CROP, TREATMENT_STRETCH };
/* Which values of 16-bit files become 0..255. */
enum treatment_range { TREATMENT_FULL, TREATMENT_AUTO, TREATMENT_LIMITS };

#define TREATMENT_BORDER (-1) /* background: the mean colour of the border */
#define TREATMENT_TEXT   160  /* bytes of the longest text */

struct dataset_treatment {
    bool recorded; /* false: nothing is known, and the other fields are as in old files */
    enum treatment_invert invert;
    enum treatment_fit fit;
    int background; /* of padding: 0..255, or TREATMENT_BORDER */
    enum treatment_range range;
    double low, high; /* of TREATMENT_LIMITS */
};

/* The treatment of files that record none: each image inverted by its border, padded with
   black. */
struct dataset_treatment treatment_unrecorded(void);

/* "no", "yes" or "each". */
const char *treatment_invert_word(const struct dataset_treatment *treatment);

void treatment_text(const struct dataset_treatment *treatment, char text[TREATMENT_TEXT]);

/* The inverse; false if the text is no treatment. "" is treatment_unrecorded. Unknown
   words are ignored, so that later programs may add some. */
bool treatment_parse(struct dataset_treatment *treatment, const char *text);

#endif
