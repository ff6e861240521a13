#include "predict_ink.h"

#include <stdlib.h>

#include "base/mem.h"

#define INK 64 /* the least value of a pixel that is not background */

/* Cuts a light on dark image to the rectangle of its light pixels. */
static void ink_crop(struct image *image)
{
    int top = image->h, bottom = -1, left = image->w, right = -1;
    for (int y = 0; y < image->h; y++) {
        for (int x = 0; x < image->w; x++) {
            if (image->pixel[y * image->w + x] < INK)
                continue;
            top = y < top ? y : top;
            bottom = y;
            left = x < left ? x : left;
            right = x > right ? x : right;
        }
    }
    if (bottom < 0)
        return;
    int h = bottom - top + 1, w = right - left + 1;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            image->pixel[y * w + x] = image->pixel[(top + y) * image->w + left + x];
    image->h = h;
    image->w = w;
}

/* Scales as the built-in letters and MNIST are: the longer side of the ink is 5/7 of the
   image (20 of 28 pixels). */
static void ink_fit(struct image *image, int h, int w, uint8_t *out)
{
    int inner_h = h * 5 / 7 > 0 ? h * 5 / 7 : 1, inner_w = w * 5 / 7 > 0 ? w * 5 / 7 : 1;
    uint8_t *inner = mem_zeroed((size_t)inner_h * (size_t)inner_w, 1);
    ink_crop(image);
    image_fit(image, IMAGE_PAD, &(const uint8_t){0}, inner_h, inner_w, inner);
    for (int i = 0; i < h * w; i++)
        out[i] = 0;
    int top = (h - inner_h) / 2, left = (w - inner_w) / 2;
    for (int y = 0; y < inner_h; y++)
        for (int x = 0; x < inner_w; x++)
            out[(top + y) * w + left + x] = inner[y * inner_w + x];
    free(inner);
}

bool predict_ink(const struct dataset_treatment *treatment, struct image *image,
                 struct shape shape, uint8_t *out)
{
    bool invert =
        treatment->invert == TREATMENT_INVERT ||
        (treatment->invert == TREATMENT_INVERT_EACH && image_is_dark_on_light(image));
    image_to_channels(image, 1);
    if (invert)
        image_invert(image);
    ink_fit(image, shape.h, shape.w, out);
    return invert;
}
