#include "data/view.h"

#include <stdlib.h>

#include "data/dataset.h"

bool view_shape(const struct view *view, struct shape image, struct shape *in)
{
    *in = image;
    if (view->h > image.h || view->w > image.w)
        return false;
    if (view->h > 0) {
        in->h = view->h;
        in->w = view->w;
    }
    return true;
}

enum status view_of_dataset(const struct view *view, const struct dataset_info *info,
                            struct shape *in)
{
    if (!view_shape(view, info->shape, in))
        FAIL(ST_USAGE,
             "data.input = %dx%d is larger than the images of '%s', which are %dx%d; "
             "import them at a larger size, or lower data.input",
             view->h, view->w, info->path, info->shape.h, info->shape.w);
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

/* --- looks --- */

const char *const view_set_words[] = {
    [VIEW_SET_NONE] = "none",
    [VIEW_SET_MIRROR] = "mirror",
    [VIEW_SET_MIRROR_SHIFT] = "mirror+shift",
    NULL,
};

struct view_looks view_looks(int set)
{
    static const struct view_look none[] = {{.weight = 1}},
                                  mirror[] = {{.weight = 0.5f},
                                              {.weight = 0.5f, .mirror = true}},
                                  shift[] = {{.weight = 0.25f},
                                             {.weight = 0.25f, .mirror = true},
                                             {-1, -1, false, 0.125f},
                                             {-1, -1, true, 0.125f},
                                             {1, 1, false, 0.125f},
                                             {1, 1, true, 0.125f}};
    static const struct view_looks looks[] = {
        [VIEW_SET_NONE] = {sizeof none / sizeof *none, none},
        [VIEW_SET_MIRROR] = {sizeof mirror / sizeof *mirror, mirror},
        [VIEW_SET_MIRROR_SHIFT] = {sizeof shift / sizeof *shift, shift},
    };
    return looks[set];
}

int view_reflect(int x, int size)
{
    int period = size > 1 ? 2 * (size - 1) : 1;
    x = abs(x) % period;
    return x < size ? x : period - x;
}

void view_cut_look(struct shape image, struct shape in, const struct view_look *look,
                   const uint8_t *pixels, float *x)
{
    int top = view_centre(image.h, in.h) + look->dy;
    int left = view_centre(image.w, in.w) + look->dx;
    for (int row = 0; row < in.h; row++) {
        const uint8_t *line = pixels + (size_t)view_reflect(top + row, image.h) *
                                           (size_t)(image.w * image.c);
        for (int i = 0; i < in.w; i++, x += in.c) {
            int column = look->mirror ? in.w - 1 - i : i;
            int at = view_reflect(left + column, image.w) * image.c;
            for (int k = 0; k < in.c; k++)
                x[k] = (float)line[at + k];
        }
    }
}
