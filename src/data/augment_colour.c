/* augment: the colours. */
#include <math.h>

#include "data/augment.h"

/* The weights of luma, ITU-R BT.601. */
#define LUMA_R 0.299f
#define LUMA_G 0.587f
#define LUMA_B 0.114f

static float colour_clip(float x)
{
    return x > AUGMENT_WHITE ? AUGMENT_WHITE : x > 0 ? x : 0;
}

static float colour_luma(const float *x)
{
    return LUMA_R * x[0] + LUMA_G * x[1] + LUMA_B * x[2];
}

/* x = grey + factor (x - grey), with one grey for the image, or one for each pixel. */
static void colour_blend(float *x, int count, float grey, float factor)
{
    for (int i = 0; i < count; i++)
        x[i] = colour_clip(grey + factor * (x[i] - grey));
}

static float colour_mean_luma(struct shape shape, const float *x)
{
    double sum = 0;
    int pixels = shape.h * shape.w;
    for (int p = 0; p < pixels; p++)
        sum += (double)(shape.c == 1 ? x[p] : colour_luma(x + 3 * p));
    return (float)(sum / pixels);
}

/* The hue moves by so many turns; value and saturation (of HSV) stay. */
static void colour_turn(float *x, float turns)
{
    float r = x[0], g = x[1], b = x[2];
    float high = fmaxf(r, fmaxf(g, b)), low = fminf(r, fminf(g, b)), range = high - low;
    float sixth; /* the hue, in sixths of a turn */
    if (!(range > 0))
        return;
    if (high == r)
        sixth = (g - b) / range;
    else if (high == g)
        sixth = 2 + (b - r) / range;
    else
        sixth = 4 + (r - g) / range;
    sixth += 6 * turns;
    for (int k = 0; k < AUGMENT_CHANNELS; k++) {
        /* red is high about 0, green about 2, blue about 4 */
        float from = sixth - 2 * (float)k;
        from = fabsf(from - 6 * rintf(from / 6)); /* 0..3 */
        x[k] = from <= 1 ? high : from >= 2 ? low : high - (from - 1) * range;
    }
}

void augment_colour(const struct augment_draw *draw, struct shape shape, float *x)
{
    int size = shape_size(shape);
    bool colour = shape.c == AUGMENT_CHANNELS;
    if (draw->brightness > 0)
        colour_blend(x, size, 0, (float)draw->brightness);
    if (draw->contrast > 0)
        colour_blend(x, size, colour_mean_luma(shape, x), (float)draw->contrast);
    if (colour && draw->saturation > 0)
        for (int p = 0; p < size; p += AUGMENT_CHANNELS)
            colour_blend(x + p, AUGMENT_CHANNELS, colour_luma(x + p),
                         (float)draw->saturation);
    if (colour && draw->hue != 0)
        for (int p = 0; p < size; p += AUGMENT_CHANNELS)
            colour_turn(x + p, (float)draw->hue);
}
