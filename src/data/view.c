#include "data/view.h"

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
