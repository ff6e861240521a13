/* From a file's samples to an image: range, palette, transparency, orientation. */
#include <stdlib.h>

#include "base/mem.h"
#include "image_impl.h"

#define RASTER_WORD_MAX 65535
#define RASTER_DARK_MAX 4095 /* greatest sample of 12 bits */

struct raster_range {
    double low, high;
};

static size_t raster_pixels(const struct image_raster *raster)
{
    return (size_t)raster->h * (size_t)raster->w;
}

/* Least and greatest sample of the pixels that are not fully transparent. */
static void raster_find_range(const struct image_raster *raster, uint16_t *least,
                              uint16_t *greatest)
{
    size_t c = (size_t)raster->c, stride = c + raster->alpha;
    const uint16_t *sample = raster->word;
    *least = RASTER_WORD_MAX;
    *greatest = 0;
    for (size_t i = raster_pixels(raster); i > 0; i--, sample += stride) {
        if (raster->alpha && sample[c] == 0)
            continue;
        for (size_t k = 0; k < c; k++) {
            *least = sample[k] < *least ? sample[k] : *least;
            *greatest = sample[k] > *greatest ? sample[k] : *greatest;
        }
    }
}

static struct raster_range raster_range_of(const struct image_options *options,
                                           uint16_t least, uint16_t greatest)
{
    if (options->range == IMAGE_RANGE_GIVEN)
        return (struct raster_range){options->low, options->high};
    if (options->range == IMAGE_RANGE_AUTO && least < greatest)
        return (struct raster_range){least, greatest};
    return (struct raster_range){0, RASTER_WORD_MAX};
}

static uint8_t raster_full_byte(uint16_t sample)
{
    return (uint8_t)((sample * 255u + RASTER_WORD_MAX / 2) / RASTER_WORD_MAX);
}

static uint8_t raster_ranged_byte(uint16_t sample, const struct raster_range *range)
{
    double x = (sample - range->low) * 255 / (range->high - range->low);
    return (uint8_t)(x < 0 ? 0 : x > 255 ? 255 : x + 0.5);
}

/* 16 bits to 8: fills raster->byte. */
static void raster_narrow(struct image_raster *raster,
                          const struct image_options *options, struct image_facts *facts)
{
    uint16_t least, greatest;
    size_t c = (size_t)raster->c, stride = c + raster->alpha;
    size_t n = raster_pixels(raster) * stride;
    raster_find_range(raster, &least, &greatest);
    facts->dark_range = least <= greatest && greatest <= RASTER_DARK_MAX;
    const struct raster_range range = raster_range_of(options, least, greatest);
    bool full = range.low == 0 && range.high == RASTER_WORD_MAX;
    raster->byte = mem_resize(NULL, n, 1);
    for (size_t i = 0; i < n; i++) {
        bool is_alpha = raster->alpha && i % stride == c;
        raster->byte[i] = full || is_alpha ? raster_full_byte(raster->word[i])
                                           : raster_ranged_byte(raster->word[i], &range);
    }
    free(raster->word);
    raster->word = NULL;
}

/* If all pixels are grey: keeps one of three equal samples. */
static void raster_drop_colour(struct image_raster *raster)
{
    size_t n = raster_pixels(raster), stride = 3 + raster->alpha;
    const uint8_t *in = raster->byte;
    for (size_t i = 0; i < n; i++)
        if (in[i * stride] != in[i * stride + 1] || in[i * stride] != in[i * stride + 2])
            return;
    for (size_t i = 0; i < n; i++) {
        uint8_t grey = in[i * stride];
        if (raster->alpha) {
            raster->byte[2 * i + 1] = in[i * stride + 3];
            raster->byte[2 * i] = grey;
        } else {
            raster->byte[i] = grey;
        }
    }
    raster->c = 1;
}

/* One sample over a background. */
static uint8_t raster_over(uint8_t sample, uint8_t alpha, uint8_t background,
                           bool premultiplied)
{
    unsigned own = premultiplied ? sample * 255u : (unsigned)sample * alpha;
    unsigned sum = (own + background * (255u - alpha) + 127) / 255;
    return (uint8_t)(sum > 255 ? 255 : sum);
}

/* Returns whether all pixels have become the same. */
static bool raster_compose(const struct image_raster *raster, uint8_t background,
                           uint8_t *out)
{
    size_t n = raster_pixels(raster), c = (size_t)raster->c;
    const uint8_t *in = raster->byte;
    bool flat = true;
    for (size_t i = 0; i < n; i++, in += c + 1)
        for (size_t k = 0; k < c; k++) {
            out[i * c + k] = raster_over(in[k], in[c], background, raster->premultiplied);
            flat = flat && out[i * c + k] == out[k];
        }
    return flat;
}

static bool raster_is_opaque(const struct image_raster *raster)
{
    size_t n = raster_pixels(raster), c = (size_t)raster->c;
    for (size_t i = 0; i < n; i++)
        if (raster->byte[i * (c + 1) + c] != 255)
            return false;
    return true;
}

static void raster_remove_alpha(struct image_raster *raster, struct image_facts *facts)
{
    uint8_t *out = mem_resize(NULL, raster_pixels(raster) * (size_t)raster->c, 1);
    facts->was_transparent = !raster_is_opaque(raster);
    bool flat = raster_compose(raster, 255, out);
    if (flat && facts->was_transparent) {
        facts->laid_on_black = !raster_compose(raster, 0, out);
        if (!facts->laid_on_black) /* flat on black too */
            (void)raster_compose(raster, 255, out);
    }
    free(raster->byte);
    raster->byte = out;
    raster->alpha = false;
}

void image_cmyk_to_rgb(uint8_t *rgb, const uint8_t *cmyk, size_t n, bool inverted)
{
    unsigned flip = inverted ? 0 : 255;
    for (size_t i = 0; i < n; i++, rgb += 3, cmyk += 4)
        for (int k = 0; k < 3; k++)
            rgb[k] = (uint8_t)(((cmyk[k] ^ flip) * (cmyk[3] ^ flip) + 127) / 255);
}

void image_from_raster(struct image *image, struct image_raster *raster,
                       const struct image_options *options, struct image_facts *facts)
{
    if (raster->word)
        raster_narrow(raster, options, facts);
    if (raster->maybe_grey)
        raster_drop_colour(raster);
    if (raster->alpha)
        raster_remove_alpha(raster, facts);
    *image = (struct image){raster->h, raster->w, raster->c, raster->byte};
    raster->byte = NULL;
    facts->orientation_applied = raster->orientation > 1;
    image_orient(image, raster->orientation);
}
