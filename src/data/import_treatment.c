#include "data/import_treatment.h"

#include <string.h>

struct image_options treatment_reader(const struct dataset_treatment *treatment)
{
    static const enum image_range range[] = {[TREATMENT_FULL] = IMAGE_RANGE_FULL,
                                             [TREATMENT_AUTO] = IMAGE_RANGE_AUTO,
                                             [TREATMENT_LIMITS] = IMAGE_RANGE_GIVEN};
    return (struct image_options){
        .range = range[treatment->range], .low = treatment->low, .high = treatment->high};
}

bool treatment_apply(const struct dataset_treatment *treatment, struct image *image,
                     struct shape shape, uint8_t *out)
{
    static const enum image_fit fit[] = {[TREATMENT_PAD] = IMAGE_PAD,
                                         [TREATMENT_CROP] = IMAGE_CROP,
                                         [TREATMENT_STRETCH] = IMAGE_STRETCH};
    uint8_t background[3];
    image_to_channels(image, shape.c);
    bool invert =
        treatment->invert == TREATMENT_INVERT ||
        (treatment->invert == TREATMENT_INVERT_EACH && image_is_dark_on_light(image));
    if (invert)
        image_invert(image);
    memset(background, treatment->background, sizeof background);
    image_fit(image, fit[treatment->fit],
              treatment->background == TREATMENT_BORDER ? NULL : background, shape.h,
              shape.w, out);
    return invert;
}
