#include "kernels/conv.h"

#include <cblas.h>
#include <stdbool.h>

#include "conv_direct.h"
#include "kernels/kernels.h"
#include "share.h"

/*
 * Large patches: im2col and sgemm. The N * P output rows are cut into blocks whose col
 * matrix stays in a core's second-level cache; the products of a block are cut into
 * panels of the result. A thread alone goes block by block through one buffer; a team
 * makes all blocks' col matrices, waits, and shares out the products: by blocks
 * (spatial), by panels (channel), or both. Their shapes, and the order in which blocks
 * add to the weight gradient, are the same.
 */
#define BLOCK_BYTES  (256 * 1024)
#define PANEL        64  /* output channels of a product */
#define COLUMN_PANEL 128 /* columns of col, in gradients */
#define SUM_PANEL    16  /* output channels of a bias sum */

void conv_shape_complete(struct conv_shape *shape)
{
    shape->p = (shape->h + 2 * shape->pad - shape->r) / shape->stride + 1;
    shape->q = (shape->w + 2 * shape->pad - shape->s) / shape->stride + 1;
}

static int patch_taps(const struct conv_shape *shape)
{
    return shape->r * shape->s * shape->c;
}

static int block_rows(const struct conv_shape *shape)
{
    size_t row = (size_t)shape->q * (size_t)patch_taps(shape) * sizeof(float);
    size_t rows = BLOCK_BYTES / row, all = (size_t)shape->n * (size_t)shape->p;
    return (int)(rows < 1 ? 1 : rows > all ? all : rows);
}

static int count_of(int extent, int piece)
{
    return (extent + piece - 1) / piece;
}

static struct span piece_span(int index, int piece, int extent)
{
    int begin = index * piece, end = begin + piece;
    return (struct span){begin, end < extent ? end : extent};
}

/* x is its own col matrix. */
static bool is_matrix(const struct conv_shape *shape)
{
    return shape->r == 1 && shape->s == 1 && shape->stride == 1 && shape->pad == 0;
}

/* One im2col convolution, as one member of a team sees it. */
struct blocks {
    const struct conv_shape *shape;
    int rows;  /* in a full block */
    int count; /* of blocks */
    int taps;
    float *col;
};

static struct blocks blocks_of(const struct conv_shape *shape, void *scratch)
{
    int rows = block_rows(shape);
    return (struct blocks){.shape = shape,
                           .rows = rows,
                           .count = count_of(shape->n * shape->p, rows),
                           .taps = patch_taps(shape),
                           .col = scratch};
}

static struct span block_span(const struct blocks *b, int block)
{
    return piece_span(block, b->rows, b->shape->n * b->shape->p);
}

/* Offset of an output row's first pixel in a matrix with `columns` columns. */
static size_t row_offset(const struct blocks *b, int row, int columns)
{
    return (size_t)row * (size_t)b->shape->q * (size_t)columns;
}

/* Where the col matrix of a block lies: a thread alone uses one buffer again and again.
 */
static float *block_col(const struct blocks *b, const struct team *team, int block)
{
    return b->col + (team->size == 1 ? 0 : row_offset(b, block * b->rows, b->taps));
}

/* The products of `panels` panels for each block; share.image is the block. */
static struct share share_products(const struct blocks *b, const struct team *team,
                                   int panels)
{
    struct team by_blocks = *team;
    if (team->split == SPLIT_SPATIAL)
        by_blocks.split = SPLIT_BATCH;
    const struct share_extent extent = {b->count, 1, panels};
    return share_begin(&by_blocks, &extent, 1);
}

/* All col matrices of a team, each member its rows; then wait. */
static void gather_all(const struct blocks *b, const struct team *team, const float *x)
{
    struct span mine;
    team_split(team, b->shape->n * b->shape->p, &mine.begin, &mine.end);
    kernels()->im2col(b->shape, mine, b->col + row_offset(b, mine.begin, b->taps), x);
    team_barrier(team);
}

static void forward_product(const struct blocks *b, int block, int panel, float *y,
                            const float *col, const float *weight, const float *bias)
{
    struct span rows = block_span(b, block), k = piece_span(panel, PANEL, b->shape->k);
    int pixels = (rows.end - rows.begin) * b->shape->q, width = k.end - k.begin;
    y += row_offset(b, rows.begin, b->shape->k) + (size_t)k.begin;
    kernels()->fill_rows(y, bias + k.begin, pixels, width, b->shape->k);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, pixels, width, b->taps, 1.0f,
                col, b->taps, weight + (size_t)k.begin * (size_t)b->taps, b->taps, 1.0f,
                y, b->shape->k);
}

static void forward_blocks(const struct team *team, const struct conv_shape *shape,
                           float *y, const float *x, const float *weight,
                           const float *bias, void *scratch)
{
    struct blocks b = blocks_of(shape, scratch);
    bool alone = team->size == 1, matrix = is_matrix(shape);
    if (!alone && !matrix)
        gather_all(&b, team, x);
    struct share share = share_products(&b, team, count_of(shape->k, PANEL));
    while (share_next(&share)) {
        struct span rows = block_span(&b, share.image);
        const float *col = matrix ? x + row_offset(&b, rows.begin, b.taps)
                                  : block_col(&b, team, share.image);
        if (alone && !matrix)
            kernels()->im2col(shape, rows, b.col, x);
        for (int panel = share.channels.begin; panel < share.channels.end; panel++)
            forward_product(&b, share.image, panel, y, col, weight, bias);
    }
    team_barrier(team);
}

/* One piece of dweight: PANEL filters times COLUMN_PANEL taps. */
static void weight_product(const struct blocks *b, int block, int piece, float *dweight,
                           const float *col, const float *dy)
{
    int columns = count_of(b->taps, COLUMN_PANEL);
    struct span rows = block_span(b, block);
    struct span k = piece_span(piece / columns, PANEL, b->shape->k);
    struct span t = piece_span(piece % columns, COLUMN_PANEL, b->taps);
    int pixels = (rows.end - rows.begin) * b->shape->q;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, k.end - k.begin, t.end - t.begin,
                pixels, 1.0f,
                dy + row_offset(b, rows.begin, b->shape->k) + (size_t)k.begin,
                b->shape->k, col + t.begin, b->taps, block == 0 ? 0.0f : 1.0f,
                dweight + (size_t)k.begin * (size_t)b->taps + (size_t)t.begin, b->taps);
}

static void weight_blocks(const struct team *team, const struct conv_shape *shape,
                          float *dweight, const float *x, const float *dy, void *scratch)
{
    struct blocks b = blocks_of(shape, scratch);
    bool alone = team->size == 1, matrix = is_matrix(shape);
    if (!alone && !matrix)
        gather_all(&b, team, x);
    /* a filter's columns follow each other: channel keeps them together */
    int columns = count_of(b.taps, COLUMN_PANEL), panels = count_of(shape->k, PANEL);
    int width = team->split == SPLIT_CHANNEL ? columns : 1;
    struct span own = share_pieces(team, panels * columns, width);
    for (int block = 0; block < b.count; block++) {
        struct span rows = block_span(&b, block);
        const float *col =
            matrix ? x + row_offset(&b, rows.begin, b.taps) : block_col(&b, team, block);
        if (alone && !matrix)
            kernels()->im2col(shape, rows, b.col, x);
        for (int piece = own.begin; piece < own.end; piece++)
            weight_product(&b, block, piece, dweight, col, dy);
    }
}

static void data_product(const struct blocks *b, int block, int panel, float *col,
                         const float *dy, const float *weight)
{
    struct span rows = block_span(b, block), t = piece_span(panel, COLUMN_PANEL, b->taps);
    int pixels = (rows.end - rows.begin) * b->shape->q;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, pixels, t.end - t.begin,
                b->shape->k, 1.0f, dy + row_offset(b, rows.begin, b->shape->k),
                b->shape->k, weight + t.begin, b->taps, 0.0f, col + t.begin, b->taps);
}

/* By images and channels, whatever the split's name: no sum is split, and a channel's
   rows overlap. */
static void scatter_all(const struct blocks *b, const struct team *team, float *dx)
{
    enum { CHANNELS = 16 };
    const struct conv_shape *shape = b->shape;
    struct team by_images = *team;
    if (team->split == SPLIT_SPATIAL)
        by_images.split = SPLIT_BATCH;
    const struct share_extent extent = {shape->n, shape->p, shape->c};
    struct share share = share_begin(&by_images, &extent, CHANNELS);
    while (share_next(&share)) {
        struct span rows = {share.image * shape->p, (share.image + 1) * shape->p};
        kernels()->col2im(shape, rows, share.channels, dx,
                          b->col + row_offset(b, rows.begin, b->taps));
    }
}

void conv_backward_data(const struct team *team, const struct conv_shape *shape,
                        float *dx, const float *dy, const float *weight, void *scratch)
{
    struct blocks b = blocks_of(shape, scratch);
    bool alone = team->size == 1, matrix = is_matrix(shape);
    struct share share = share_products(&b, team, count_of(b.taps, COLUMN_PANEL));
    while (share_next(&share)) {
        struct span rows = block_span(&b, share.image);
        float *col = matrix ? dx + row_offset(&b, rows.begin, b.taps)
                            : block_col(&b, team, share.image);
        for (int panel = share.channels.begin; panel < share.channels.end; panel++)
            data_product(&b, share.image, panel, col, dy, weight);
        if (alone && !matrix)
            kernels()->col2im(shape, rows, (struct span){0, shape->c}, dx, col);
    }
    if (!alone && !matrix) {
        team_barrier(team);
        scatter_all(&b, team, dx);
    }
    team_barrier(team);
}

static void sum_bias(const struct team *team, const struct conv_shape *shape,
                     float *dbias, const float *dy)
{
    struct span own = share_pieces(team, shape->k, SUM_PANEL);
    for (; own.begin < own.end; own.begin += SUM_PANEL) {
        int left = own.end - own.begin;
        kernels()->sum_rows(dbias + own.begin, dy + own.begin,
                            shape->n * shape->p * shape->q,
                            left < SUM_PANEL ? left : SUM_PANEL, shape->k);
    }
}

bool conv_takes_direct(const struct conv_shape *shape)
{
    return conv_direct_applies(shape);
}

size_t conv_ways_scratch(const struct conv_shape *shape)
{
    size_t direct = conv_direct_scratch(shape), any = conv_scratch(shape);
    return any > direct ? any : direct;
}

void conv_forward_direct(const struct team *team, const struct conv_shape *shape,
                         float *y, const float *x, const float *weight, const float *bias,
                         void *scratch)
{
    conv_direct_forward(team, shape, y, x, weight, bias, scratch);
}

void conv_forward_gemm(const struct team *team, const struct conv_shape *shape, float *y,
                       const float *x, const float *weight, const float *bias,
                       void *scratch)
{
    forward_blocks(team, shape, y, x, weight, bias, scratch);
}

void conv_forward(const struct team *team, const struct conv_shape *shape, float *y,
                  const float *x, const float *weight, const float *bias, void *scratch)
{
    if (conv_direct_applies(shape))
        conv_direct_forward(team, shape, y, x, weight, bias, scratch);
    else
        forward_blocks(team, shape, y, x, weight, bias, scratch);
}

void conv_backward_weight(const struct team *team, const struct conv_shape *shape,
                          float *dweight, float *dbias, const float *x, const float *dy,
                          void *scratch)
{
    sum_bias(team, shape, dbias, dy);
    if (conv_direct_applies(shape))
        conv_direct_backward_weight(team, shape, dweight, x, dy, scratch);
    else
        weight_blocks(team, shape, dweight, x, dy, scratch);
    team_barrier(team);
}

struct split_sets conv_splits(const struct conv_shape *shape)
{
    unsigned both = SPLIT_BIT(SPLIT_HYBRID), spatial = SPLIT_BIT(SPLIT_SPATIAL);
    unsigned channel = SPLIT_BIT(SPLIT_CHANNEL), filter = SPLIT_BIT(SPLIT_FILTER);
    if (conv_direct_applies(shape))
        return (struct split_sets){
            .forward = spatial | (shape->k > CONV_DIRECT_CHANNELS ? channel : 0),
            .backward = filter,
        };
    return (struct split_sets){
        .forward = spatial | both | (shape->k > PANEL ? channel : 0),
        .backward = filter | (shape->k > PANEL ? channel : 0),
    };
}

size_t conv_scratch(const struct conv_shape *shape)
{
    size_t rows = (size_t)shape->n * (size_t)shape->p;
    size_t col = rows * (size_t)shape->q * (size_t)patch_taps(shape) * sizeof(float);
    size_t direct = conv_direct_applies(shape) ? conv_direct_scratch(shape) : 0;
    return col > direct ? col : direct;
}
