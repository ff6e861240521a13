/*
 * The convolution as matrix products: im2col and sgemm.
 *
 * The N*P output rows are cut into blocks whose col matrix stays in a core's second-level
 * cache; the products of a block are cut into panels of the result. A thread alone goes
 * through the blocks one by one with one buffer. A team makes the col matrices of all
 * blocks, waits, and shares the products: by blocks (spatial), by panels (channel), or
 * both. Their shapes, and the order in which blocks add to the weight gradient, are the
 * same.
 */
#include "conv_gemm.h"

#include <cblas.h>
#include <stdbool.h>

#include "base/div.h"
#include "kernels/kernels.h"
#include "share.h"

#define GEMM_BLOCK_BYTES  (256 * 1024)
#define GEMM_COLUMN_PANEL 128 /* columns of col, in gradients */

static int gemm_taps(const struct conv_shape *shape)
{
    return (int)conv_taps(shape);
}

static int gemm_block_rows(const struct conv_shape *shape)
{
    size_t row = (size_t)shape->q * (size_t)gemm_taps(shape) * sizeof(float);
    size_t rows = GEMM_BLOCK_BYTES / row, all = (size_t)shape->n * (size_t)shape->p;
    return (int)(rows < 1 ? 1 : rows > all ? all : rows);
}

static int gemm_count(int extent, int size)
{
    return div_up(extent, size);
}

static struct span gemm_span(int index, int size, int extent)
{
    int begin = index * size, end = begin + size;
    return (struct span){begin, end < extent ? end : extent};
}

/* Is x its own col matrix? */
static bool gemm_is_matrix(const struct conv_shape *shape)
{
    const struct window *r = &shape->r, *s = &shape->s;
    return r->size * s->size * r->stride * s->stride == 1 && r->pad == 0 && s->pad == 0;
}

/* One im2col convolution, as one member of a team sees it. */
struct gemm {
    const struct conv_shape *shape;
    int rows;  /* in a full block */
    int count; /* of blocks */
    int taps;
    float *col;
};

static struct gemm gemm_of(const struct conv_shape *shape, void *scratch)
{
    int rows = gemm_block_rows(shape);
    return (struct gemm){.shape = shape,
                         .rows = rows,
                         .count = gemm_count(shape->n * shape->p, rows),
                         .taps = gemm_taps(shape),
                         .col = scratch};
}

static struct span gemm_block(const struct gemm *g, int block)
{
    return gemm_span(block, g->rows, g->shape->n * g->shape->p);
}

/* Offset of an output row's first pixel in a matrix with `columns` columns. */
static size_t gemm_row_offset(const struct gemm *g, int row, int columns)
{
    return (size_t)row * (size_t)g->shape->q * (size_t)columns;
}

/* The col matrix of a block: a thread alone uses one buffer for all. */
static float *gemm_block_col(const struct gemm *g, const struct team *team, int block)
{
    return g->col + (team->size == 1 ? 0 : gemm_row_offset(g, block * g->rows, g->taps));
}

/* Shares `panels` panels of each block; share.image is the block. */
static struct share gemm_share(const struct gemm *g, const struct team *team, int panels)
{
    struct team by_blocks = *team;
    if (team->split == SPLIT_SPATIAL)
        by_blocks.split = SPLIT_BATCH;
    const struct share_extent extent = {g->count, 1, panels};
    return share_begin(&by_blocks, &extent, 1);
}

/* Makes the col matrices of all blocks, each member some rows; ends with a barrier. */
static void gemm_gather(const struct gemm *g, const struct team *team, const float *x)
{
    struct span mine;
    team_split(team, g->shape->n * g->shape->p, &mine.begin, &mine.end);
    kernels()->im2col(g->shape, mine, g->col + gemm_row_offset(g, mine.begin, g->taps),
                      x);
    team_barrier(team);
}

static void gemm_forward_product(const struct gemm *g, int block, int panel, float *y,
                                 const float *col, const float *weight, const float *bias)
{
    struct span rows = gemm_block(g, block),
                k = gemm_span(panel, CONV_GEMM_PANEL, g->shape->k);
    int pixels = (rows.end - rows.begin) * g->shape->q, width = k.end - k.begin;
    y += gemm_row_offset(g, rows.begin, g->shape->k) + (size_t)k.begin;
    kernels()->fill_rows(y, bias ? bias + k.begin : NULL, pixels, width, g->shape->k);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, pixels, width, g->taps, 1.0f,
                col, g->taps, weight + (size_t)k.begin * (size_t)g->taps, g->taps, 1.0f,
                y, g->shape->k);
}

void conv_gemm_forward(const struct team *team, const struct conv_shape *shape, float *y,
                       const float *x, const float *weight, const float *bias,
                       void *scratch)
{
    struct gemm g = gemm_of(shape, scratch);
    bool alone = team->size == 1, matrix = gemm_is_matrix(shape);
    if (!alone && !matrix)
        gemm_gather(&g, team, x);
    struct share share = gemm_share(&g, team, gemm_count(shape->k, CONV_GEMM_PANEL));
    while (share_next(&share)) {
        struct span rows = gemm_block(&g, share.image);
        const float *col = matrix ? x + gemm_row_offset(&g, rows.begin, g.taps)
                                  : gemm_block_col(&g, team, share.image);
        if (alone && !matrix)
            kernels()->im2col(shape, rows, g.col, x);
        for (int panel = share.channels.begin; panel < share.channels.end; panel++)
            gemm_forward_product(&g, share.image, panel, y, col, weight, bias);
    }
    team_barrier(team);
}

/* One panel of dweight: CONV_GEMM_PANEL filters times GEMM_COLUMN_PANEL taps. */
static void gemm_weight_product(const struct gemm *g, int block, int panel,
                                float *dweight, const float *col, const float *dy)
{
    int columns = gemm_count(g->taps, GEMM_COLUMN_PANEL);
    struct span rows = gemm_block(g, block);
    struct span k = gemm_span(panel / columns, CONV_GEMM_PANEL, g->shape->k);
    struct span t = gemm_span(panel % columns, GEMM_COLUMN_PANEL, g->taps);
    int pixels = (rows.end - rows.begin) * g->shape->q;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, k.end - k.begin, t.end - t.begin,
                pixels, 1.0f,
                dy + gemm_row_offset(g, rows.begin, g->shape->k) + (size_t)k.begin,
                g->shape->k, col + t.begin, g->taps, block == 0 ? 0.0f : 1.0f,
                dweight + (size_t)k.begin * (size_t)g->taps + (size_t)t.begin, g->taps);
}

void conv_gemm_backward_weight(const struct team *team, const struct conv_shape *shape,
                               float *dweight, const float *x, const float *dy,
                               void *scratch)
{
    struct gemm g = gemm_of(shape, scratch);
    bool alone = team->size == 1, matrix = gemm_is_matrix(shape);
    if (!alone && !matrix)
        gemm_gather(&g, team, x);
    /* The panels of a filter follow each other; the channel split keeps them together. */
    int columns = gemm_count(g.taps, GEMM_COLUMN_PANEL),
        panels = gemm_count(shape->k, CONV_GEMM_PANEL);
    int width = team->split == SPLIT_CHANNEL ? columns : 1;
    struct span own = share_panels(team, panels * columns, width);
    for (int block = 0; block < g.count; block++) {
        struct span rows = gemm_block(&g, block);
        const float *col = matrix ? x + gemm_row_offset(&g, rows.begin, g.taps)
                                  : gemm_block_col(&g, team, block);
        if (alone && !matrix)
            kernels()->im2col(shape, rows, g.col, x);
        for (int panel = own.begin; panel < own.end; panel++)
            gemm_weight_product(&g, block, panel, dweight, col, dy);
    }
}

static void gemm_data_product(const struct gemm *g, int block, int panel, float *col,
                              const float *dy, const float *weight)
{
    struct span rows = gemm_block(g, block),
                t = gemm_span(panel, GEMM_COLUMN_PANEL, g->taps);
    int pixels = (rows.end - rows.begin) * g->shape->q;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, pixels, t.end - t.begin,
                g->shape->k, 1.0f, dy + gemm_row_offset(g, rows.begin, g->shape->k),
                g->shape->k, weight + t.begin, g->taps, 0.0f, col + t.begin, g->taps);
}

/* Shares images and channels, never rows: patches overlap in dx, and no sum is split. */
static void gemm_scatter(const struct gemm *g, const struct team *team, float *dx)
{
    enum { CHANNELS = 16 };
    const struct conv_shape *shape = g->shape;
    struct team by_images = *team;
    if (team->split == SPLIT_SPATIAL)
        by_images.split = SPLIT_BATCH;
    const struct share_extent extent = {shape->n, shape->p, shape->c};
    struct share share = share_begin(&by_images, &extent, CHANNELS);
    while (share_next(&share)) {
        struct span rows = {share.image * shape->p, (share.image + 1) * shape->p};
        kernels()->col2im(shape, rows, share.channels, dx,
                          g->col + gemm_row_offset(g, rows.begin, g->taps));
    }
}

void conv_gemm_backward_data(const struct team *team, const struct conv_shape *shape,
                             float *dx, const float *dy, const float *weight,
                             void *scratch)
{
    struct gemm g = gemm_of(shape, scratch);
    bool alone = team->size == 1, matrix = gemm_is_matrix(shape);
    struct share share = gemm_share(&g, team, gemm_count(g.taps, GEMM_COLUMN_PANEL));
    while (share_next(&share)) {
        struct span rows = gemm_block(&g, share.image);
        float *col = matrix ? dx + gemm_row_offset(&g, rows.begin, g.taps)
                            : gemm_block_col(&g, team, share.image);
        for (int panel = share.channels.begin; panel < share.channels.end; panel++)
            gemm_data_product(&g, share.image, panel, col, dy, weight);
        if (alone && !matrix)
            kernels()->col2im(shape, rows, (struct span){0, shape->c}, dx, col);
    }
    if (!alone && !matrix) {
        team_barrier(team);
        gemm_scatter(&g, team, dx);
    }
    team_barrier(team);
}

size_t conv_gemm_scratch(const struct conv_shape *shape)
{
    size_t rows = (size_t)shape->n * (size_t)shape->p;
    return rows * (size_t)shape->q * (size_t)gemm_taps(shape) * sizeof(float);
}
