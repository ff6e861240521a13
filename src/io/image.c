#include "io/image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void image_release(struct image *image)
{
    free(image->pixel);
    *image = (struct image){0};
}

/* Scales along one axis: in_n samples, in_step floats apart, become out_n samples.
   Shrinking averages over areas, growing interpolates linearly between centres. */
static void image_scale_axis(float *out, int out_n, int out_step, const float *in,
                             int in_n, int in_step)
{
    double ratio = (double)in_n / out_n;
    for (int i = 0; i < out_n; i++) {
        double lo = i * ratio, hi = (i + 1) * ratio, sum = 0;
        if (ratio <= 1) {
            double x = (i + 0.5) * ratio - 0.5;
            x = x < 0 ? 0 : x > in_n - 1 ? in_n - 1 : x;
            int left = (int)x, right = left + 1 < in_n ? left + 1 : left;
            double t = x - left;
            out[i * out_step] =
                (float)((1 - t) * in[left * in_step] + t * in[right * in_step]);
            continue;
        }
        for (int j = (int)lo; j < in_n && j < hi; j++) {
            double from = j > lo ? j : lo, to = j + 1 < hi ? j + 1 : hi;
            sum += (to - from) * in[j * in_step];
        }
        out[i * out_step] = (float)(sum / ratio);
    }
}

static int image_scaled_side(int n, double scale, int most)
{
    int m = (int)(n * scale + 0.5);
    return m < 1 ? 1 : m > most ? most : m;
}

void image_fit(const struct image *image, int h, int w, uint8_t background, uint8_t *out)
{
    double fit_h = (double)h / image->h, fit_w = (double)w / image->w;
    double scale = fit_h < fit_w ? fit_h : fit_w;
    int nh = image_scaled_side(image->h, scale, h),
        nw = image_scaled_side(image->w, scale, w);
    size_t ih = (size_t)image->h, iw = (size_t)image->w;
    float *line = mem_zeroed(iw, sizeof *line);
    float *wide = mem_zeroed(ih * (size_t)nw, sizeof *wide);
    float *small = mem_zeroed((size_t)nh * (size_t)nw, sizeof *small);
    for (size_t y = 0; y < ih; y++) {
        for (size_t x = 0; x < iw; x++)
            line[x] = image->pixel[y * iw + x];
        image_scale_axis(wide + y * (size_t)nw, nw, 1, line, image->w, 1);
    }
    for (int x = 0; x < nw; x++)
        image_scale_axis(small + x, nh, nw, wide + x, image->h, nw);
    memset(out, background, (size_t)h * (size_t)w);
    int top = (h - nh) / 2, left = (w - nw) / 2;
    for (int y = 0; y < nh; y++) {
        for (int x = 0; x < nw; x++)
            out[(top + y) * w + left + x] = (uint8_t)(small[y * nw + x] + 0.5f);
    }
    free(small);
    free(wide);
    free(line);
}

bool image_is_dark_on_light(const struct image *image)
{
    long sum = 0, n = 0;
    for (int y = 0; y < image->h; y++) {
        bool edge = y == 0 || y == image->h - 1;
        for (int x = 0; x < image->w; x += edge || image->w < 2 ? 1 : image->w - 1) {
            sum += image->pixel[y * image->w + x];
            n++;
        }
    }
    return sum > 127 * n;
}

void image_invert(struct image *image)
{
    for (int i = 0; i < image->h * image->w; i++)
        image->pixel[i] = (uint8_t)(255 - image->pixel[i]);
}
