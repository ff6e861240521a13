#include "confusion_picture.h"

#include <math.h>

#include "base/mem.h"

#define PICTURE_SIDE 416 /* pixels, about; with more classes a pixel for each */
#define PICTURE_CELL 32  /* pixels of a cell, at most */

/* RGB of no image and of all images. */
static const uint8_t picture_none[3] = {255, 255, 255}, picture_all[3] = {8, 48, 107};

static void picture_fill(struct image *image, int row, int column, int cell,
                         const uint8_t colour[3])
{
    for (int y = row * cell; y < (row + 1) * cell; y++)
        for (int x = column * cell; x < (column + 1) * cell; x++)
            for (int c = 0; c < 3; c++)
                image->pixel[((size_t)y * (size_t)image->w + (size_t)x) * 3 + (size_t)c] =
                    colour[c];
}

static void picture_colour(uint8_t colour[3], int32_t count, int32_t all)
{
    double share = all > 0 ? sqrt((double)count / all) : 0;
    for (int c = 0; c < 3; c++)
        colour[c] =
            (uint8_t)lround(picture_none[c] + share * (picture_all[c] - picture_none[c]));
}

bool confusion_picture(struct image *image, const struct confusion *confusion)
{
    int classes = confusion->classes;
    if (!confusion->matrix || classes == 0)
        return false;
    int cell = PICTURE_SIDE / classes;
    cell = cell < 1 ? 1 : cell > PICTURE_CELL ? PICTURE_CELL : cell;
    *image = (struct image){.h = classes * cell, .w = classes * cell, .c = 3};
    image->pixel = mem_zeroed((size_t)image->h * (size_t)image->w, 3);
    for (int label = 0; label < classes; label++)
        for (int answer = 0; answer < classes; answer++) {
            uint8_t colour[3];
            picture_colour(
                colour,
                confusion->matrix[(size_t)label * (size_t)classes + (size_t)answer],
                confusion->support[label]);
            picture_fill(image, label, answer, cell, colour);
        }
    return true;
}
