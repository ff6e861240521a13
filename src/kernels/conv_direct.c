#include "conv_direct.h"

#include <string.h>

#include "kernels/kernels.h"
#include "share.h"

#define DIRECT_TAPS 32 /* larger patches use im2col and sgemm */

/* Images over whose pixels one sum of the weight gradient runs: as many as stay in the
   first-level cache of a core. */
#define DIRECT_BLOCK_BYTES (32 * 1024)

/* The operands of the inner loops, in scratch: weights, or their gradient, as panels of
   KERNELS_PANEL output channels with a row for each tap; images framed by their padding.
 */
struct direct {
    struct conv_shape framed;
    int panels, taps;
    float *weight; /* (panels, taps, KERNELS_PANEL) */
    float *bias;   /* (panels, KERNELS_PANEL) */
    float *images; /* (n, framed.h, framed.w, c); only with padding */
    size_t image;  /* floats of one */
};

static struct direct direct_of(const struct conv_shape *shape, void *scratch)
{
    struct direct d = {.framed = *shape, .weight = scratch};
    d.framed.h = window_padded(&shape->r, shape->h);
    d.framed.w = window_padded(&shape->s, shape->w);
    d.framed.r.pad = d.framed.r.extra = d.framed.s.pad = d.framed.s.extra = 0;
    d.panels = (shape->k + KERNELS_PANEL - 1) / KERNELS_PANEL;
    d.taps = (int)conv_taps(shape);
    d.bias = d.weight + (size_t)d.panels * (size_t)d.taps * KERNELS_PANEL;
    d.images = d.bias + (size_t)d.panels * KERNELS_PANEL;
    d.image = (size_t)d.framed.h * (size_t)d.framed.w * (size_t)shape->c;
    return d;
}

static bool direct_pads(const struct conv_shape *shape)
{
    return shape->r.pad > 0 || shape->r.extra > 0 || shape->s.pad > 0 ||
           shape->s.extra > 0;
}

bool conv_direct_applies(const struct conv_shape *shape)
{
    return conv_taps(shape) <= DIRECT_TAPS && conv_groups(shape) == 1 &&
           window_dilation(&shape->r) == 1 && window_dilation(&shape->s) == 1;
}

size_t conv_direct_scratch(const struct conv_shape *shape)
{
    struct direct d = direct_of(shape, NULL);
    size_t floats = (size_t)d.panels * (size_t)(d.taps + 1) * KERNELS_PANEL;
    if (direct_pads(shape))
        floats += (size_t)shape->n * d.image;
    return floats * sizeof(float);
}

static int direct_panel_channels(const struct direct *d, int panel)
{
    int left = d->framed.k - panel * KERNELS_PANEL;
    return left < KERNELS_PANEL ? left : KERNELS_PANEL;
}

static float *direct_panel_weight(const struct direct *d, int panel)
{
    return d->weight + (size_t)panel * (size_t)d->taps * KERNELS_PANEL;
}

/* Copies this member's images into their frames; without padding x is used as it is. */
static void direct_frame_images(const struct direct *d, const struct team *team,
                                const struct conv_shape *shape, const float *x)
{
    if (!direct_pads(shape))
        return;
    int begin, end, top = shape->r.pad, left = shape->s.pad, c = shape->c;
    team_split(team, shape->n, &begin, &end);
    for (int i = begin; i < end; i++) {
        float *to = d->images + (size_t)i * d->image;
        const float *from = x + (size_t)i * (size_t)(shape->h * shape->w * c);
        memset(to, 0, d->image * sizeof *to);
        for (int h = 0; h < shape->h; h++)
            memcpy(to + ((size_t)(h + top) * (size_t)d->framed.w + (size_t)left) *
                            (size_t)c,
                   from + (size_t)h * (size_t)(shape->w * c),
                   (size_t)(shape->w * c) * sizeof *to);
    }
}

static const float *direct_framed_images(const struct direct *d,
                                         const struct conv_shape *shape, const float *x)
{
    return direct_pads(shape) ? d->images : x;
}

static void direct_pack_weight(const struct direct *d, const struct team *team,
                               const float *weight, const float *bias)
{
    int begin, end;
    team_split(team, d->panels, &begin, &end);
    for (int panel = begin; panel < end; panel++) {
        int channels = direct_panel_channels(d, panel), first = panel * KERNELS_PANEL;
        float *to = direct_panel_weight(d, panel), *b = d->bias + first;
        memset(to, 0, (size_t)d->taps * KERNELS_PANEL * sizeof *to);
        memset(b, 0, KERNELS_PANEL * sizeof *b);
        if (bias)
            memcpy(b, bias + first, (size_t)channels * sizeof *b);
        for (int k = 0; k < channels; k++)
            for (int t = 0; t < d->taps; t++)
                to[t * KERNELS_PANEL + k] = weight[(first + k) * d->taps + t];
    }
}

void conv_direct_forward(const struct team *team, const struct conv_shape *shape,
                         float *y, const float *x, const float *weight, const float *bias,
                         void *scratch)
{
    struct direct d = direct_of(shape, scratch);
    struct span rows = {0, shape->n * shape->p}, own = {0, shape->k};
    direct_frame_images(&d, team, shape, x);
    direct_pack_weight(&d, team, weight, bias);
    team_barrier(team);
    if (team->split == SPLIT_CHANNEL)
        own = share_panels(team, shape->k, CONV_DIRECT_CHANNELS);
    else
        rows = share_panels(team, rows.end, 1);
    for (int first = own.begin, last; first < own.end; first = last) {
        int panel = first / KERNELS_PANEL;
        last =
            (panel + 1) * KERNELS_PANEL < own.end ? (panel + 1) * KERNELS_PANEL : own.end;
        kernels()->direct_forward(
            &d.framed, rows, last - first, y + first, direct_framed_images(&d, shape, x),
            direct_panel_weight(&d, panel) + first % KERNELS_PANEL, d.bias + first);
    }
    team_barrier(team);
}

/* Images in a block. Depends on the shape alone, because it orders the sums. */
static int direct_block_images(const struct direct *d)
{
    size_t out = (size_t)d->framed.p * (size_t)d->framed.q * KERNELS_PANEL;
    size_t images = DIRECT_BLOCK_BYTES / ((d->image + out) * sizeof(float));
    return images < 1 ? 1 : (int)images;
}

/* The gradient of some taps of one panel: sums over all images, in order. */
static void direct_weight_taps(const struct direct *d, int panel, struct span taps,
                               const float *images, const float *dy)
{
    float *to = direct_panel_weight(d, panel);
    size_t out = (size_t)d->framed.p * (size_t)d->framed.q * (size_t)d->framed.k;
    struct conv_shape block = d->framed;
    memset(to + (size_t)taps.begin * KERNELS_PANEL, 0,
           (size_t)(taps.end - taps.begin) * KERNELS_PANEL * sizeof *to);
    block.n = direct_block_images(d);
    for (int i = 0; i < d->framed.n; i += block.n) {
        if (block.n > d->framed.n - i)
            block.n = d->framed.n - i;
        kernels()->direct_backward_weight(&block, direct_panel_channels(d, panel), taps,
                                          to, images + (size_t)i * d->image,
                                          dy + (size_t)i * out +
                                              (size_t)panel * KERNELS_PANEL);
    }
}

void conv_direct_backward_weight(const struct team *team, const struct conv_shape *shape,
                                 float *dweight, const float *x, const float *dy,
                                 void *scratch)
{
    struct direct d = direct_of(shape, scratch);
    direct_frame_images(&d, team, shape, x);
    if (direct_pads(shape))
        team_barrier(team);
    int next, end;
    team_split(team, d.panels * d.taps, &next, &end);
    while (next < end) {
        int panel = next / d.taps;
        struct span taps = {next % d.taps, next % d.taps + end - next};
        if (taps.end > d.taps)
            taps.end = d.taps;
        direct_weight_taps(&d, panel, taps, direct_framed_images(&d, shape, x), dy);
        for (int k = 0; k < direct_panel_channels(&d, panel); k++)
            for (int t = taps.begin; t < taps.end; t++)
                dweight[(panel * KERNELS_PANEL + k) * d.taps + t] =
                    direct_panel_weight(&d, panel)[t * KERNELS_PANEL + k];
        next += taps.end - taps.begin;
    }
}
