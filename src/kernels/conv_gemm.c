/*
 * The convolution as matrix products: im2col and sgemm, group by group.
 *
 * The N*P output rows are cut into blocks whose col matrix stays in a core's second-level
 * cache; the products of a block are cut into panels of the result. Blocks and panels
 * depend on the shape alone, and so does the order in which blocks add to a gradient.
 *
 * A few blocks are a wave, for whose col matrices there is scratch. A team makes them
 * together, waits, shares the products, waits, and goes on with the next wave. The wave
 * of a thread alone is one block.
 */
#include "conv_gemm.h"

#include <cblas.h>
#include <stdbool.h>
#include <string.h>

#include "base/div.h"
#include "kernels/kernels.h"
#include "share.h"

#define GEMM_BLOCK_BYTES  (256 * 1024)
#define GEMM_WAVE         16  /* blocks: enough for the members of a team */
#define GEMM_COLUMN_PANEL 128 /* columns of col, in gradients */

static int gemm_block_rows(const struct conv_shape *shape)
{
    size_t row = (size_t)shape->q * conv_taps(shape) * sizeof(float);
    size_t rows = GEMM_BLOCK_BYTES / row, all = (size_t)shape->n * (size_t)shape->p;
    return (int)(rows < 1 ? 1 : rows > all ? all : rows);
}

static struct span gemm_span(int index, int size, int extent)
{
    int begin = index * size, end = begin + size;
    return (struct span){begin, end < extent ? end : extent};
}

static bool gemm_is_point(const struct window *window)
{
    return window->size == 1 && window->stride == 1 && window->pad == 0 &&
           window->extra == 0;
}

/* One group of a convolution, as one member of a team sees it. */
struct gemm {
    const struct conv_shape *shape;
    int rows;     /* in a full block */
    int count;    /* of blocks */
    int wave;     /* blocks in a full wave */
    bool matrix;  /* x is its own col matrix, and dx */
    float *col;   /* of the wave */
    int taps;     /* columns of col */
    int channels; /* input channels of the group */
    int filters;
    int panels;  /* of CONV_GEMM_PANEL filters */
    int columns; /* panels of GEMM_COLUMN_PANEL taps */
    int group;
    size_t weight; /* offset of the group's weights */
};

static struct gemm gemm_of(const struct team *team, const struct conv_shape *shape,
                           void *scratch)
{
    int groups = conv_groups(shape);
    struct gemm g = {.shape = shape, .rows = gemm_block_rows(shape), .col = scratch};
    g.count = div_up(shape->n * shape->p, g.rows);
    g.matrix = gemm_is_point(&shape->r) && gemm_is_point(&shape->s);
    g.wave = g.matrix ? g.count : team->size == 1 ? 1 : GEMM_WAVE;
    g.taps = (int)conv_taps(shape);
    g.channels = shape->c / groups;
    g.filters = shape->k / groups;
    g.panels = div_up(g.filters, CONV_GEMM_PANEL);
    g.columns = div_up(g.taps, GEMM_COLUMN_PANEL);
    return g;
}

static void gemm_set_group(struct gemm *g, int group)
{
    g->group = group;
    g->weight = (size_t)group * (size_t)g->filters * (size_t)g->taps;
}

static struct span gemm_channels(const struct gemm *g)
{
    return gemm_span(g->group, g->channels, g->shape->c);
}

static struct span gemm_wave(const struct gemm *g, int first)
{
    return gemm_span(first / g->wave, g->wave, g->count);
}

/* Output rows of a block, and of the blocks of a wave. */
static struct span gemm_block(const struct gemm *g, int block)
{
    return gemm_span(block, g->rows, g->shape->n * g->shape->p);
}

static struct span gemm_wave_rows(const struct gemm *g, struct span wave)
{
    return (struct span){gemm_block(g, wave.begin).begin,
                         gemm_block(g, wave.end - 1).end};
}

/* Offset of an output row's first pixel in a matrix with `columns` columns. */
static size_t gemm_row_offset(const struct gemm *g, int row, int columns)
{
    return (size_t)row * (size_t)g->shape->q * (size_t)columns;
}

/* Of the group's channels in y. */
static size_t gemm_out(const struct gemm *g, int row)
{
    return gemm_row_offset(g, row, g->shape->k) + (size_t)g->group * (size_t)g->filters;
}

/* Where a block is in the col matrices of its wave, or in x. */
static size_t gemm_col(const struct gemm *g, int block)
{
    if (g->matrix)
        return gemm_row_offset(g, block * g->rows, g->shape->c) +
               (size_t)gemm_channels(g).begin;
    return gemm_row_offset(g, block % g->wave * g->rows, g->taps);
}

static int gemm_col_width(const struct gemm *g)
{
    return g->matrix ? g->shape->c : g->taps;
}

/* This member's panels of the blocks of a wave; share.image is the block. */
static struct share gemm_share(const struct team *team, struct span wave, int panels)
{
    struct team by_blocks = *team;
    if (team->split == SPLIT_SPATIAL)
        by_blocks.split = SPLIT_BATCH;
    const struct share_extent extent = {wave.end - wave.begin, 1, panels};
    return share_begin(&by_blocks, &extent, 1);
}

/* Makes the col matrices of a wave, each member some rows; ends with a barrier. */
static void gemm_gather(const struct gemm *g, const struct team *team, struct span wave,
                        const float *x)
{
    if (g->matrix)
        return;
    struct span rows = gemm_wave_rows(g, wave), mine;
    team_split(team, rows.end - rows.begin, &mine.begin, &mine.end);
    float *to = g->col + gemm_row_offset(g, mine.begin, g->taps);
    mine.begin += rows.begin;
    mine.end += rows.begin;
    kernels()->im2col(g->shape, mine, gemm_channels(g), to, x);
    team_barrier(team);
}

/* Before the next wave overwrites col. */
static void gemm_wave_end(const struct gemm *g, const struct team *team)
{
    if (!g->matrix)
        team_barrier(team);
}

static void gemm_forward_product(const struct gemm *g, int block, int panel, float *y,
                                 const float *col, const float *weight, const float *bias)
{
    struct span rows = gemm_block(g, block),
                k = gemm_span(panel, CONV_GEMM_PANEL, g->filters);
    int pixels = (rows.end - rows.begin) * g->shape->q, width = k.end - k.begin;
    y += gemm_out(g, rows.begin) + (size_t)k.begin;
    if (bias)
        bias += g->group * g->filters + k.begin;
    kernels()->fill_rows(y, bias, pixels, width, g->shape->k);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, pixels, width, g->taps, 1.0f,
                col + gemm_col(g, block), gemm_col_width(g),
                weight + g->weight + (size_t)k.begin * (size_t)g->taps, g->taps, 1.0f, y,
                g->shape->k);
}

void conv_gemm_forward(const struct team *team, const struct conv_shape *shape, float *y,
                       const float *x, const float *weight, const float *bias,
                       void *scratch)
{
    struct gemm g = gemm_of(team, shape, scratch);
    for (int group = 0; group < conv_groups(shape); group++) {
        gemm_set_group(&g, group);
        for (int first = 0; first < g.count; first += g.wave) {
            struct span wave = gemm_wave(&g, first);
            gemm_gather(&g, team, wave, x);
            struct share share = gemm_share(team, wave, g.panels);
            while (share_next(&share))
                for (int p = share.channels.begin; p < share.channels.end; p++)
                    gemm_forward_product(&g, first + share.image, p, y,
                                         g.matrix ? x : g.col, weight, bias);
            gemm_wave_end(&g, team);
        }
    }
    team_barrier(team);
}

/* One panel of dweight: CONV_GEMM_PANEL filters times GEMM_COLUMN_PANEL taps. */
static void gemm_weight_product(const struct gemm *g, int block, int panel,
                                float *dweight, const float *col, const float *dy)
{
    struct span rows = gemm_block(g, block);
    struct span k = gemm_span(panel / g->columns, CONV_GEMM_PANEL, g->filters);
    struct span t = gemm_span(panel % g->columns, GEMM_COLUMN_PANEL, g->taps);
    int pixels = (rows.end - rows.begin) * g->shape->q;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, k.end - k.begin, t.end - t.begin,
                pixels, 1.0f, dy + gemm_out(g, rows.begin) + (size_t)k.begin, g->shape->k,
                col + gemm_col(g, block) + t.begin, gemm_col_width(g),
                block == 0 ? 0.0f : 1.0f,
                dweight + g->weight + (size_t)k.begin * (size_t)g->taps + (size_t)t.begin,
                g->taps);
}

void conv_gemm_backward_weight(const struct team *team, const struct conv_shape *shape,
                               float *dweight, const float *x, const float *dy,
                               void *scratch)
{
    struct gemm g = gemm_of(team, shape, scratch);
    /* The panels of a filter follow each other; the channel split keeps them together. */
    int width = team->split == SPLIT_CHANNEL ? g.columns : 1;
    struct span own = share_panels(team, g.panels * g.columns, width);
    for (int group = 0; group < conv_groups(shape); group++) {
        gemm_set_group(&g, group);
        for (int first = 0; first < g.count; first += g.wave) {
            struct span wave = gemm_wave(&g, first);
            gemm_gather(&g, team, wave, x);
            for (int block = wave.begin; block < wave.end; block++)
                for (int panel = own.begin; panel < own.end; panel++)
                    gemm_weight_product(&g, block, panel, dweight, g.matrix ? x : g.col,
                                        dy);
            gemm_wave_end(&g, team);
        }
    }
}

static void gemm_data_product(const struct gemm *g, int block, int panel, float *col,
                              const float *dy, const float *weight)
{
    struct span rows = gemm_block(g, block),
                t = gemm_span(panel, GEMM_COLUMN_PANEL, g->taps);
    int pixels = (rows.end - rows.begin) * g->shape->q, width = gemm_col_width(g);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, pixels, t.end - t.begin,
                g->filters, 1.0f, dy + gemm_out(g, rows.begin), g->shape->k,
                weight + g->weight + t.begin, g->taps, 0.0f,
                col + gemm_col(g, block) + t.begin, width);
}

static int gemm_clamp(int h, int most)
{
    return h < 0 ? 0 : h < most ? h : most;
}

/* The first of the N*H rows of dx that no output row before `row` adds to. */
static int gemm_untouched(const struct conv_shape *shape, int row)
{
    int image = row / shape->p, p = row % shape->p;
    int behind = window_first(&shape->r, p - 1) + window_reach(&shape->r);
    return image * shape->h + (p == 0 ? 0 : gemm_clamp(behind, shape->h));
}

/* The first row of dx that it adds to. */
static int gemm_touched(const struct conv_shape *shape, int row)
{
    int image = row / shape->p, top = window_first(&shape->r, row % shape->p);
    return image * shape->h + gemm_clamp(top, shape->h);
}

static void gemm_zero_rows(const struct gemm *g, struct span rows, float *dx)
{
    const struct conv_shape *shape = g->shape;
    size_t c = (size_t)shape->c, channels = (size_t)g->channels;
    size_t line = (size_t)shape->w * c;
    if (channels == c && rows.end > rows.begin) {
        memset(dx + (size_t)rows.begin * line, 0,
               (size_t)(rows.end - rows.begin) * line * sizeof *dx);
        return;
    }
    for (size_t i = (size_t)rows.begin * (size_t)shape->w;
         i < (size_t)rows.end * (size_t)shape->w; i++)
        memset(dx + i * c + (size_t)g->group * channels, 0, channels * sizeof *dx);
}

/* Adds the col matrices of a wave to dx, each member to some of its rows, so that no sum
   is split. A row is set to zero in the first wave that adds to it. */
static void gemm_scatter(const struct gemm *g, const struct team *team, struct span wave,
                         float *dx)
{
    const struct conv_shape *shape = g->shape;
    struct span rows = gemm_wave_rows(g, wave), own;
    int fresh = gemm_untouched(shape, rows.begin), end = gemm_untouched(shape, rows.end);
    int begin = gemm_touched(shape, rows.begin);
    begin = begin < fresh ? begin : fresh;
    team_split(team, end - begin, &own.begin, &own.end);
    own.begin += begin;
    own.end += begin;
    gemm_zero_rows(g, (struct span){own.begin > fresh ? own.begin : fresh, own.end}, dx);
    kernels()->col2im(shape, rows, own, gemm_channels(g), dx, g->col);
}

void conv_gemm_backward_data(const struct team *team, const struct conv_shape *shape,
                             float *dx, const float *dy, const float *weight,
                             void *scratch)
{
    struct gemm g = gemm_of(team, shape, scratch);
    for (int group = 0; group < conv_groups(shape); group++) {
        gemm_set_group(&g, group);
        for (int first = 0; first < g.count; first += g.wave) {
            struct span wave = gemm_wave(&g, first);
            struct share share = gemm_share(team, wave, g.columns);
            while (share_next(&share))
                for (int p = share.channels.begin; p < share.channels.end; p++)
                    gemm_data_product(&g, first + share.image, p, g.matrix ? dx : g.col,
                                      dy, weight);
            if (g.matrix)
                continue;
            team_barrier(team);
            gemm_scatter(&g, team, wave, dx);
            team_barrier(team);
        }
    }
    team_barrier(team);
}

size_t conv_gemm_scratch(const struct conv_shape *shape)
{
    size_t rows = (size_t)gemm_block_rows(shape) * GEMM_WAVE;
    size_t all = (size_t)shape->n * (size_t)shape->p;
    return (rows < all ? rows : all) * (size_t)shape->q * conv_taps(shape) *
           sizeof(float);
}
