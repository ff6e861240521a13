#include "io/image.h"

#include <stdlib.h>

#include "base/mem.h"

#define ORIENT_TILE 32 /* pixels: rows and columns of a tile stay in the cache */

static size_t image_samples(const struct image *image)
{
    return (size_t)image->h * (size_t)image->w * (size_t)image->c;
}

void image_release(struct image *image)
{
    free(image->pixel);
    *image = (struct image){0};
}

void image_to_channels(struct image *image, int c)
{
    size_t n = (size_t)image->h * (size_t)image->w;
    ASSERT(c == 1 || c == 3);
    if (c == image->c)
        return;
    const uint8_t *in = image->pixel;
    uint8_t *out = mem_resize(NULL, n * (size_t)c, 1);
    for (size_t i = 0; i < n; i++) {
        if (c == 3)
            out[3 * i] = out[3 * i + 1] = out[3 * i + 2] = in[i];
        else
            out[i] = (uint8_t)((299u * in[3 * i] + 587u * in[3 * i + 1] +
                                114u * in[3 * i + 2] + 500) /
                               1000);
    }
    free(image->pixel);
    image->pixel = out;
    image->c = c;
}

/* Pixel (y, x) of the upright image is the stored pixel (y, x), or (x, y) from
   orientation 5 on, with its row or column or both counted from the other end. */
static void image_orient_tile(const struct image *in, struct image *out, int orientation,
                              int top, int left)
{
    bool transposed = orientation >= 5;
    bool from_bottom =
        orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    bool from_right =
        orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    int bottom = top + ORIENT_TILE < out->h ? top + ORIENT_TILE : out->h;
    int right = left + ORIENT_TILE < out->w ? left + ORIENT_TILE : out->w;
    size_t c = (size_t)out->c;
    for (int y = top; y < bottom; y++) {
        for (int x = left; x < right; x++) {
            int row = transposed ? x : y, column = transposed ? y : x;
            row = from_bottom ? in->h - 1 - row : row;
            column = from_right ? in->w - 1 - column : column;
            const uint8_t *from =
                in->pixel + ((size_t)row * (size_t)in->w + (size_t)column) * c;
            uint8_t *to = out->pixel + ((size_t)y * (size_t)out->w + (size_t)x) * c;
            for (size_t k = 0; k < c; k++)
                to[k] = from[k];
        }
    }
}

void image_orient(struct image *image, int orientation)
{
    if (orientation < 2 || orientation > 8)
        return;
    struct image out = *image;
    if (orientation >= 5) {
        out.h = image->w;
        out.w = image->h;
    }
    out.pixel = mem_resize(NULL, image_samples(image), 1);
    for (int top = 0; top < out.h; top += ORIENT_TILE)
        for (int left = 0; left < out.w; left += ORIENT_TILE)
            image_orient_tile(image, &out, orientation, top, left);
    image_release(image);
    *image = out;
}

bool image_is_dark_on_light(const struct image *image)
{
    long long sum = 0, n = 0;
    for (int y = 0; y < image->h; y++) {
        bool edge = y == 0 || y == image->h - 1;
        for (int x = 0; x < image->w; x += edge || image->w < 2 ? 1 : image->w - 1) {
            size_t at = (size_t)y * (size_t)image->w + (size_t)x;
            for (int k = 0; k < image->c; k++, n++)
                sum += image->pixel[at * (size_t)image->c + (size_t)k];
        }
    }
    return sum > 127 * n;
}

void image_invert(struct image *image)
{
    for (size_t i = 0; i < image_samples(image); i++)
        image->pixel[i] = (uint8_t)(255 - image->pixel[i]);
}
