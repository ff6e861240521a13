#include "kernels/conv.h"

#include <cblas.h>
#include <stdbool.h>

#include "conv_direct.h"
#include "kernels/kernels.h"

/*
 * Large patches: im2col and sgemm. The N * P output rows are cut into blocks whose col
 * matrix stays in a core's second-level cache; the products of a block are cut into
 * panels of the result. A thread alone goes block by block through one buffer; a team
 * makes all blocks' col matrices, waits, and shares out the products. Their shapes, and
 * the order in which blocks add to the weight gradient, are the same.
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
    int panels = count_of(shape->k, PANEL), begin, end;
    bool alone = team->size == 1, matrix = is_matrix(shape);
    if (!alone && !matrix)
        gather_all(&b, team, x);
    team_split(team, b.count * panels, &begin, &end);
    for (int i = begin; i < end; i++) {
        int block = i / panels, panel = i % panels;
        struct span rows = block_span(&b, block);
        const float *col =
            matrix ? x + row_offset(&b, rows.begin, b.taps) : block_col(&b, team, block);
        if (alone && !matrix && panel == 0)
            kernels()->im2col(shape, rows, b.col, x);
        forward_product(&b, block, panel, y, col, weight, bias);
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
    int begin, end;
    bool alone = team->size == 1, matrix = is_matrix(shape);
    if (!alone && !matrix)
        gather_all(&b, team, x);
    team_split(team, count_of(shape->k, PANEL) * count_of(b.taps, COLUMN_PANEL), &begin,
               &end);
    for (int block = 0; block < b.count; block++) {
        struct span rows = block_span(&b, block);
        const float *col =
            matrix ? x + row_offset(&b, rows.begin, b.taps) : block_col(&b, team, block);
        if (alone && !matrix)
            kernels()->im2col(shape, rows, b.col, x);
        for (int piece = begin; piece < end; piece++)
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

/* A member's share is a range of (image, 16 channels), so that no sum is split. */
static void scatter_all(const struct blocks *b, const struct team *team, float *dx)
{
    enum { CHANNELS = 16 };
    const struct conv_shape *shape = b->shape;
    int panels = count_of(shape->c, CHANNELS), next, end;
    team_split(team, shape->n * panels, &next, &end);
    while (next < end) {
        int image = next / panels, first = next % panels, last = first + end - next;
        if (last > panels)
            last = panels;
        struct span rows = {image * shape->p, (image + 1) * shape->p};
        struct span channels = {first * CHANNELS,
                                last == panels ? shape->c : last * CHANNELS};
        kernels()->col2im(shape, rows, channels, dx,
                          b->col + row_offset(b, rows.begin, b->taps));
        next += last - first;
    }
}

void conv_backward_data(const struct team *team, const struct conv_shape *shape,
                        float *dx, const float *dy, const float *weight, void *scratch)
{
    struct blocks b = blocks_of(shape, scratch);
    int panels = count_of(b.taps, COLUMN_PANEL), begin, end;
    bool alone = team->size == 1, matrix = is_matrix(shape);
    team_split(team, b.count * panels, &begin, &end);
    for (int i = begin; i < end; i++) {
        int block = i / panels, panel = i % panels;
        struct span rows = block_span(&b, block);
        float *col =
            matrix ? dx + row_offset(&b, rows.begin, b.taps) : block_col(&b, team, block);
        data_product(&b, block, panel, col, dy, weight);
        if (alone && !matrix && panel == panels - 1)
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
    int begin, end;
    team_split(team, count_of(shape->k, SUM_PANEL), &begin, &end);
    for (int i = begin; i < end; i++) {
        struct span k = piece_span(i, SUM_PANEL, shape->k);
        kernels()->sum_rows(dbias + k.begin, dy + k.begin, shape->n * shape->p * shape->q,
                            k.end - k.begin, shape->k);
    }
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

size_t conv_scratch(const struct conv_shape *shape)
{
    size_t rows = (size_t)shape->n * (size_t)shape->p;
    size_t col = rows * (size_t)shape->q * (size_t)patch_taps(shape) * sizeof(float);
    size_t direct = conv_direct_applies(shape) ? conv_direct_scratch(shape) : 0;
    return col > direct ? col : direct;
}
