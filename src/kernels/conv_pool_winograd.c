/*
 * conv_pool's forward by F(2x2, 3x3) (kernels/winograd.h): a tile of 2 x 2 results is a
 * window, so the last stage pools it in registers and the tensor before the pooling is
 * never stored. Blocks of windows and the sharing by a team are as in conv_winograd.c.
 */
#include "conv_pool_scratch.h"
#include "conv_winograd.h"

/* The convolution of the pixels that windows cover. */
static struct conv_shape conv_pool_conv(const struct conv_pool_shape *shape)
{
    return (struct conv_shape){.n = shape->n,
                               .h = shape->h,
                               .w = shape->w,
                               .c = shape->c,
                               .k = shape->k,
                               .r = {.size = 3, .stride = 1, .pad = shape->pad},
                               .s = {.size = 3, .stride = 1, .pad = shape->pad},
                               .p = 2 * shape->p,
                               .q = 2 * shape->q};
}

static void conv_pool_winograd_init(struct winograd *w,
                                    const struct conv_pool_shape *shape)
{
    const struct conv_shape conv = conv_pool_conv(shape);
    winograd_init(w, &conv, CONV_FORWARD, WINOGRAD_2);
}

size_t conv_pool_winograd_packed(const struct conv_pool_shape *shape)
{
    const struct conv_shape conv = conv_pool_conv(shape);
    return winograd_packed(&conv, CONV_FORWARD, WINOGRAD_2);
}

void conv_pool_winograd_pack(const struct team *team, const struct conv_pool_shape *shape,
                             float *packed, const float *weight)
{
    const struct conv_shape conv = conv_pool_conv(shape);
    winograd_pack(team, &conv, packed, weight, CONV_FORWARD, WINOGRAD_2);
}

size_t conv_pool_winograd_scratch(const struct conv_pool_shape *shape)
{
    struct winograd w;
    struct winograd_buffers b;
    conv_pool_winograd_init(&w, shape);
    return winograd_lay_out(&w, NULL, &b);
}

void conv_pool_winograd(const struct team *team, const struct conv_pool_shape *shape,
                        const struct conv_pool_result *result, const float *x,
                        const float *packed, const float *bias, void *scratch)
{
    struct winograd w;
    struct winograd_buffers b;
    conv_pool_winograd_init(&w, shape);
    winograd_lay_out(&w, scratch, &b);
    if (team->index == 0)
        winograd_set_offsets(&w, &b);
    int panels = product_panels(&w.filters);
    for (int first = 0; first < w.tiles; first += w.block) {
        struct span own, items;
        int count = w.tiles - first < w.block ? w.tiles - first : w.block;
        team_split(team, count, &own.begin, &own.end);
        const struct span mine = {first + own.begin, first + own.end};
        w.transforms->input(&w.in, mine, b.v + own.begin * w.in.ld, x);
        team_barrier(team);
        team_split(team, w.frequencies * panels, &items.begin, &items.end);
        for (int i = items.begin; i < items.end; i++)
            winograd_product(&w, &b, i / panels, i % panels, count, packed);
        team_barrier(team);
        kernels()->conv_pool->finish(shape, &w.out, mine, result,
                                     b.m + own.begin * w.out.ld, bias);
        team_barrier(team);
    }
}
