/*
 * conv_pool's forward by F(2x2, 3x3) (kernels/winograd.h): a tile of 2 x 2 results is a
 * window, so the last stage pools it in registers and the tensor before the pooling is
 * never stored. Blocks of windows and the sharing by a team are as in conv_winograd.c.
 */
#include "conv_pool_scratch.h"
#include "conv_winograd.h"
#include "share.h"

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

/* The operands of all blocks. */
struct conv_pool_tiles {
    struct winograd w;
    const struct conv_pool_shape *shape;
    const struct conv_pool_result *result;
    const float *x, *packed, *bias;
};

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

/* Some windows, block by block, by a team that shares one block. */
static void conv_pool_winograd_windows(const struct team *team,
                                       const struct conv_pool_tiles *tiles,
                                       struct span windows,
                                       const struct winograd_buffers *b)
{
    const struct winograd *w = &tiles->w;
    int panels = product_panels(&w->filters);
    if (team->index == 0)
        winograd_set_offsets(w, b);
    for (int first = windows.begin; first < windows.end; first += w->block) {
        struct span own, items;
        int left = windows.end - first, count = left < w->block ? left : w->block;
        team_split(team, count, &own.begin, &own.end);
        const struct span mine = {first + own.begin, first + own.end};
        w->transforms->input(&w->in, mine, b->v + own.begin * w->in.ld, tiles->x);
        team_barrier(team);
        team_split(team, w->frequencies * panels, &items.begin, &items.end);
        for (int i = items.begin; i < items.end; i++)
            winograd_product(w, b, i / panels, i % panels, count, tiles->packed);
        team_barrier(team);
        kernels()->conv_pool->finish(tiles->shape, &w->out, mine, tiles->result,
                                     b->m + own.begin * w->out.ld, tiles->bias);
        /* Without a barrier: the next block's patches go to V, which nobody reads now,
           and its products wait for the barrier behind them. */
    }
}

void conv_pool_winograd(const struct team *team, const struct conv_pool_shape *shape,
                        const struct conv_pool_result *result, const float *x,
                        const float *packed, const float *bias, void *scratch)
{
    struct conv_pool_tiles tiles = {
        .shape = shape, .result = result, .x = x, .packed = packed, .bias = bias};
    struct winograd_buffers b;
    conv_pool_winograd_init(&tiles.w, shape);
    size_t bytes = winograd_lay_out(&tiles.w, NULL, &b);
    const struct winograd *w = &tiles.w;
    if (team->split == SPLIT_CHANNEL || w->tiles < team->size * w->block) {
        winograd_lay_out(w, scratch, &b);
        conv_pool_winograd_windows(team, &tiles, (struct span){0, w->tiles}, &b);
    } else {
        winograd_lay_out(w, (char *)scratch + (size_t)team->index * bytes, &b);
        conv_pool_winograd_windows(&(struct team){.size = 1}, &tiles,
                                   share_panels(team, w->tiles, 1), &b);
    }
    team_barrier(team);
}
