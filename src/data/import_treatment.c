#include "data/import_treatment.h"

#include <string.h>

#define TREATMENT_ENLARGED 2 /* how much larger than wanted a decoded JPEG must be */

struct image_options treatment_reader(const struct dataset_treatment *treatment,
                                      const struct shape *shape)
{
    static const enum image_range range[] = {[TREATMENT_FULL] = IMAGE_RANGE_FULL,
                                             [TREATMENT_AUTO] = IMAGE_RANGE_AUTO,
                                             [TREATMENT_LIMITS] = IMAGE_RANGE_GIVEN};
    struct image_options options = {
        .range = range[treatment->range], .low = treatment->low, .high = treatment->high};
    if (shape && treatment->recorded) {
        options.least_h = TREATMENT_ENLARGED * shape->h;
        options.least_w = TREATMENT_ENLARGED * shape->w;
    }
    return options;
}

enum status treatment_decode(const struct dataset_treatment *treatment,
                             const uint8_t *data, size_t bytes, const char *name,
                             struct shape shape, uint8_t *out)
{
    const struct image_options options = treatment_reader(treatment, &shape);
    struct image image;
    TRY(image_decode(&image, data, bytes, name, &options, NULL));
    treatment_apply(treatment, &image, shape, out);
    image_release(&image);
    return ST_OK;
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
