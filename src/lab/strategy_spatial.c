/* strategy: spatial. Tiles of a convolution's rows, one for each thread. A tile is a
   convolution of its own, on the input rows that its output rows depend on, with zeros
   where there is padding. Neighbouring tiles share some input rows; their gradients are
   added afterwards. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/timer.h"
#include "kernels/lab.h"
#include "kernels/vector.h"
#include "strategy_impl.h"

struct spatial_tile {
    struct conv_shape shape; /* no padding: h and w include it */
    int row;                 /* its first row of y */
    int top;                 /* its first row of x; negative within the padding */
    float *x, *y;            /* y: of backward, dy */
    float *dx, *grads;
    void *scratch;
};

struct strategy_spatial {
    struct conv_shape shape;
    int tiles;
    struct spatial_tile *tile;
};

static size_t spatial_input_floats(const struct conv_shape *shape)
{
    return (size_t)shape->n * (size_t)shape->h * (size_t)shape->w * (size_t)shape->c;
}

static size_t spatial_output_floats(const struct conv_shape *shape)
{
    return (size_t)shape->n * (size_t)shape->p * (size_t)shape->q * (size_t)shape->k;
}

static void spatial_tile_init(struct spatial_tile *tile, const struct strategy *s,
                              const struct conv_shape *shape, const struct team *tiles)
{
    int end;
    team_split(tiles, shape->p, &tile->row, &end);
    tile->top = window_first(&shape->r, tile->row);
    tile->shape = *shape;
    tile->shape.r.pad = tile->shape.r.extra = 0;
    tile->shape.s.pad = tile->shape.s.extra = 0;
    tile->shape.p = end - tile->row;
    tile->shape.h = (tile->shape.p - 1) * shape->r.stride + window_reach(&shape->r);
    tile->shape.w = window_padded(&shape->s, shape->w);
    if (tile->shape.p == 0)
        return;
    tile->x = mem_aligned(spatial_input_floats(&tile->shape), sizeof(float));
    tile->y = mem_aligned(spatial_output_floats(&tile->shape), sizeof(float));
    tile->dx = mem_aligned(spatial_input_floats(&tile->shape), sizeof(float));
    tile->grads = mem_aligned(strategy_weights(s->layer), sizeof(float));
    tile->scratch = mem_aligned(conv_scratch(&tile->shape, 1) + 1, 1);
}

/* Copies the tile's rows of all images, with zeros around them. */
static void spatial_tile_gather_x(const struct spatial_tile *tile,
                                  const struct conv_shape *shape, const float *x)
{
    size_t row = (size_t)tile->shape.w * (size_t)shape->c;
    size_t pad = (size_t)shape->s.pad * (size_t)shape->c;
    size_t inner = (size_t)shape->w * (size_t)shape->c;
    float *to = tile->x;
    for (int i = 0; i < shape->n; i++) {
        for (int h = tile->top; h < tile->top + tile->shape.h; h++, to += row) {
            if (h < 0 || h >= shape->h) {
                memset(to, 0, row * sizeof *to);
                continue;
            }
            memset(to, 0, pad * sizeof *to);
            memcpy(to + pad, x + ((size_t)i * (size_t)shape->h + (size_t)h) * inner,
                   inner * sizeof *to);
            memset(to + pad + inner, 0, (row - pad - inner) * sizeof *to);
        }
    }
}

/* Where the tile's rows of image i begin in y. */
static size_t spatial_tile_offset(const struct spatial_tile *tile,
                                  const struct conv_shape *shape, int i)
{
    return ((size_t)i * (size_t)shape->p + (size_t)tile->row) * (size_t)shape->q *
           (size_t)shape->k;
}

static void spatial_tile_forward(const struct strategy *s,
                                 const struct strategy_spatial *spatial,
                                 struct spatial_tile *tile)
{
    const struct layer *layer = s->layer;
    const struct team alone = {.size = 1};
    size_t image = spatial_output_floats(&tile->shape) / (size_t)tile->shape.n;
    spatial_tile_gather_x(tile, &spatial->shape, s->task.x);
    conv_forward(&alone, &tile->shape, tile->y, tile->x, s->params,
                 layer_bias(layer, s->params), tile->scratch);
    for (int i = 0; i < tile->shape.n; i++)
        memcpy(s->task.y + spatial_tile_offset(tile, &spatial->shape, i),
               tile->y + (size_t)i * image, image * sizeof(float));
}

static void spatial_tile_backward(const struct strategy *s,
                                  const struct strategy_spatial *spatial,
                                  struct spatial_tile *tile)
{
    const struct team alone = {.size = 1};
    size_t image = spatial_output_floats(&tile->shape) / (size_t)tile->shape.n;
    spatial_tile_gather_x(tile, &spatial->shape, s->task.x);
    for (int i = 0; i < tile->shape.n; i++)
        memcpy(tile->y + (size_t)i * image,
               s->task.dy + spatial_tile_offset(tile, &spatial->shape, i),
               image * sizeof(float));
    conv_backward_weight(&alone, &tile->shape, tile->grads,
                         layer_dbias(s->layer, tile->grads), tile->x, tile->y,
                         tile->scratch);
    if (s->task.dx)
        conv_backward_data(&alone, &tile->shape, tile->dx, tile->y, s->params,
                           tile->scratch);
}

static void spatial_sum_weights(const struct strategy *s,
                                const struct strategy_spatial *spatial,
                                const struct team *team)
{
    size_t begin, end;
    strategy_share(team, strategy_weights(s->layer), &begin, &end);
    if (begin >= end)
        return;
    memset(s->grads + begin, 0, (end - begin) * sizeof *s->grads);
    for (int t = 0; t < spatial->tiles; t++)
        if (spatial->tile[t].shape.p > 0)
            vector_add(s->grads + begin, spatial->tile[t].grads + begin, end - begin);
}

/* Row h of image i of dx: the sum over the tiles that contain it. */
static void spatial_sum_row(const struct strategy *s,
                            const struct strategy_spatial *spatial, int i, int h)
{
    const struct conv_shape *shape = &spatial->shape;
    size_t row = (size_t)shape->w * (size_t)shape->c;
    size_t pad = (size_t)shape->s.pad * (size_t)shape->c;
    float *to = s->task.dx + ((size_t)i * (size_t)shape->h + (size_t)h) * row;
    memset(to, 0, row * sizeof *to);
    for (int t = 0; t < spatial->tiles; t++) {
        const struct spatial_tile *tile = &spatial->tile[t];
        int at = h - tile->top;
        if (tile->shape.p == 0 || at < 0 || at >= tile->shape.h)
            continue;
        size_t from = (size_t)i * (size_t)tile->shape.h + (size_t)at;
        vector_add(to, tile->dx + from * (size_t)(tile->shape.w * shape->c) + pad, row);
    }
}

static void spatial_run(struct strategy *s, const struct team *team)
{
    const struct strategy_spatial *spatial = s->own;
    struct spatial_tile *mine = &spatial->tile[team->index];
    bool forward = s->task.pass == STRATEGY_FORWARD;
    if (mine->shape.p > 0 && forward)
        spatial_tile_forward(s, spatial, mine);
    else if (mine->shape.p > 0)
        spatial_tile_backward(s, spatial, mine);
    team_barrier(team);
    if (forward)
        return;
    double since = timer_now();
    spatial_sum_weights(s, spatial, team);
    int begin = 0, end = 0;
    if (s->task.dx)
        team_split(team, spatial->shape.n * spatial->shape.h, &begin, &end);
    for (int row = begin; row < end; row++)
        spatial_sum_row(s, spatial, row / spatial->shape.h, row % spatial->shape.h);
    team_barrier(team);
    if (team->index == 0)
        s->sum_seconds += timer_now() - since;
}

static void spatial_free(void *own)
{
    struct strategy_spatial *spatial = own;
    for (int t = 0; t < spatial->tiles; t++) {
        free(spatial->tile[t].x);
        free(spatial->tile[t].y);
        free(spatial->tile[t].dx);
        free(spatial->tile[t].grads);
        free(spatial->tile[t].scratch);
    }
    free(spatial->tile);
    free(spatial);
}

void strategy_spatial_setup(struct strategy *s)
{
    struct strategy_spatial *spatial = mem_zeroed(1, sizeof *spatial);
    struct team tiles = {.size = s->threads};
    ASSERT(strategy_conv(&s->task, &spatial->shape));
    spatial->tiles = s->threads;
    spatial->tile = mem_zeroed((size_t)s->threads, sizeof *spatial->tile);
    for (; tiles.index < tiles.size; tiles.index++)
        spatial_tile_init(&spatial->tile[tiles.index], s, &spatial->shape, &tiles);
    s->own = spatial;
    s->own_free = spatial_free;
    s->run = spatial_run;
}
