#include "data/view.h"

#include <stdlib.h>

#include "data/dataset.h"

bool input_crop_shape(const struct input_crop *crop, struct shape image, struct shape *in)
{
    *in = image;
    if (crop->h > image.h || crop->w > image.w)
        return false;
    if (crop->h > 0) {
        in->h = crop->h;
        in->w = crop->w;
    }
    return true;
}

enum status input_crop_of_dataset(const struct input_crop *crop,
                                  const struct dataset_info *info, struct shape *in)
{
    if (!input_crop_shape(crop, info->shape, in))
        FAIL(ST_USAGE,
             "data.input = %dx%d is larger than the images of '%s', which are %dx%d; "
             "import them at a larger size, or lower data.input",
             crop->h, crop->w, info->path, info->shape.h, info->shape.w);
    return ST_OK;
}

int view_centre(int extent, int size)
{
    int room = extent - size, half = room / 2;
    return room % 2 ? half + half % 2 : half;
}

void view_cut(struct shape image, struct shape in, const uint8_t *pixels, float *x)
{
    size_t line = (size_t)(image.w * image.c), run = (size_t)(in.w * in.c);
    ASSERT(in.h <= image.h && in.w <= image.w && in.c == image.c);
    pixels += (size_t)view_centre(image.h, in.h) * line +
              (size_t)(view_centre(image.w, in.w) * image.c);
    for (int row = 0; row < in.h; row++, pixels += line, x += run)
        for (size_t i = 0; i < run; i++)
            x[i] = (float)pixels[i];
}

/* --- views --- */

const char *const view_set_words[] = {
    [VIEW_SET_NONE] = "none",
    [VIEW_SET_MIRROR] = "mirror",
    [VIEW_SET_MIRROR_SHIFT] = "mirror+shift",
    NULL,
};

struct views views_of_set(int set)
{
    static const struct view none[] = {{.weight = 1}},
                             mirror[] = {{.weight = 0.5f},
                                         {.weight = 0.5f, .mirror = true}},
                             shift[] = {{.weight = 0.25f},
                                        {.weight = 0.25f, .mirror = true},
                                        {-1, -1, false, 0.125f},
                                        {-1, -1, true, 0.125f},
                                        {1, 1, false, 0.125f},
                                        {1, 1, true, 0.125f}};
    static const struct views views[] = {
        [VIEW_SET_NONE] = {sizeof none / sizeof *none, none},
        [VIEW_SET_MIRROR] = {sizeof mirror / sizeof *mirror, mirror},
        [VIEW_SET_MIRROR_SHIFT] = {sizeof shift / sizeof *shift, shift},
    };
    return views[set];
}

int view_reflect(int x, int size)
{
    int period = size > 1 ? 2 * (size - 1) : 1;
    x = abs(x) % period;
    return x < size ? x : period - x;
}

void view_cut_moved(struct shape image, struct shape in, const struct view *view,
                    const uint8_t *pixels, float *x)
{
    int top = view_centre(image.h, in.h) + view->dy;
    int left = view_centre(image.w, in.w) + view->dx;
    for (int row = 0; row < in.h; row++) {
        const uint8_t *line = pixels + (size_t)view_reflect(top + row, image.h) *
                                           (size_t)(image.w * image.c);
        for (int i = 0; i < in.w; i++, x += in.c) {
            int column = view->mirror ? in.w - 1 - i : i;
            int at = view_reflect(left + column, image.w) * image.c;
            for (int k = 0; k < in.c; k++)
                x[k] = (float)line[at + k];
        }
    }
}
