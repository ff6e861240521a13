#include "kernels/conv_pool.h"

#include <string.h>

#include "base/div.h"
#include "conv_pool_scratch.h"
#include "share.h"

#define WEIGHT_FLOATS  32768 /* of x that stay in the second-level cache for dweight */
#define WEIGHT_COLUMNS 96    /* of a panel of dweight */
#define DATA_IMAGES    8     /* images of dx for one pass over the weights */

struct conv_pool_job {
    const struct conv_pool_shape *shape;
    const struct conv_pool_gradient *gradient;
    struct conv_pool_buffers b;
    const float *g; /* b.g, or dy if all slopes are 1 */
    float *dbias;
};

static size_t conv_pool_windows(const struct conv_pool_shape *shape)
{
    return (size_t)shape->p * (size_t)shape->q;
}

/* Images that dweight goes through together. */
static int conv_pool_block_images(const struct conv_pool_shape *shape)
{
    size_t pixels =
        (size_t)(shape->h + 2 * shape->pad) * (size_t)(shape->w + 2 * shape->pad);
    int channels = shape->c < WEIGHT_COLUMNS / 3 ? shape->c : WEIGHT_COLUMNS / 3;
    size_t images = WEIGHT_FLOATS / (pixels * (size_t)channels);
    return images > 1 ? (int)images : 1;
}

static struct conv_pool_block conv_pool_block_of(const struct conv_pool_job *job,
                                                 int first, int count)
{
    const struct conv_pool_shape *shape = job->shape;
    size_t at = (size_t)first * conv_pool_output_size(shape);
    return (struct conv_pool_block){
        .windows = count * (int)conv_pool_windows(shape),
        .x = conv_pool_inputs(shape, &job->b, job->gradient->x) +
             (size_t)first * conv_pool_padded_size(shape),
        .corner = job->b.corner, /* the same for every block: counted from its x */
        .g = job->g + at,
        .argmax = job->gradient->argmax + at,
    };
}

static void conv_pool_find_corners(const struct team *team,
                                   const struct conv_pool_job *job)
{
    const struct conv_pool_shape *shape = job->shape;
    int row = (shape->w + 2 * shape->pad) * shape->c, begin, end;
    team_split(team, shape->n, &begin, &end);
    for (int i = begin; i < end; i++) {
        int32_t *corner = job->b.corner + (size_t)i * conv_pool_windows(shape);
        int image = i * (int)conv_pool_padded_size(shape);
        for (int p = 0; p < shape->p; p++)
            for (int q = 0; q < shape->q; q++)
                *corner++ = image + 2 * p * row + 2 * q * shape->c;
    }
}

/* g = dy * slope, which is gelu_backward's formula, for any activation. */
static void conv_pool_multiply_slopes(const struct conv_pool_job *job, struct span images)
{
    if (job->g != job->b.g)
        return;
    size_t size = conv_pool_output_size(job->shape), at = (size_t)images.begin * size;
    kernels()->gelu_backward(job->b.g + at, job->gradient->dy + at,
                             job->gradient->slope + at,
                             (size_t)(images.end - images.begin) * size);
}

/* A panel of the weight gradient: these filters, these columns of each of their rows of
   3 C floats. */
struct conv_pool_panel {
    struct span filters, columns;
};

static void conv_pool_add_weights(const struct conv_pool_job *job,
                                  const struct conv_pool_panel *panel, int first,
                                  int count)
{
    const struct conv_pool_block block = conv_pool_block_of(job, first, count);
    if (job->shape->c > CONV_POOL_THIN)
        kernels()->conv_pool->weight(job->shape, panel->filters, panel->columns,
                                     job->gradient->dweight, job->dbias, &block);
    else
        kernels()->conv_pool->weight_thin(job->shape, panel->filters, job->b.thin,
                                          job->dbias, &block);
}

/* Copies channels `inputs` of some pixels. */
static void conv_pool_copy_inputs(const struct conv_pool_shape *shape, struct span inputs,
                                  float *to, const float *from, size_t pixels)
{
    size_t c = (size_t)shape->c, width = (size_t)(inputs.end - inputs.begin);
    if (width == c) {
        memcpy(to, from, pixels * c * sizeof *to);
        return;
    }
    for (size_t i = 0, at = (size_t)inputs.begin; i < pixels; i++, at += c)
        memcpy(to + at, from + at, width * sizeof *to);
}

static void conv_pool_zero_inputs(const struct conv_pool_shape *shape, struct span inputs,
                                  float *dx, size_t pixels)
{
    size_t c = (size_t)shape->c, width = (size_t)(inputs.end - inputs.begin);
    if (width == c) {
        memset(dx, 0, pixels * c * sizeof *dx);
        return;
    }
    for (size_t i = 0, at = (size_t)inputs.begin; i < pixels; i++, at += c)
        memset(dx + at, 0, width * sizeof *dx);
}

static void conv_pool_cut_border(const struct conv_pool_shape *shape, struct span inputs,
                                 float *dx, const float *border)
{
    size_t row = (size_t)shape->w * (size_t)shape->c, pad = (size_t)shape->c;
    for (int h = 0; h < shape->h; h++)
        conv_pool_copy_inputs(shape, inputs, dx + (size_t)h * row,
                              border + (size_t)(h + 1) * (row + 2 * pad) + pad,
                              (size_t)shape->w);
}

static void conv_pool_make_data(const struct conv_pool_job *job, struct span images,
                                struct span inputs)
{
    const struct conv_pool_shape *shape = job->shape;
    size_t size = (size_t)shape->h * (size_t)shape->w * (size_t)shape->c;
    size_t padded = conv_pool_padded_size(shape);
    float *all = shape->pad ? job->b.dx : job->gradient->dx;
    for (int first = images.begin; first < images.end; first += DATA_IMAGES) {
        int left = images.end - first, count = left < DATA_IMAGES ? left : DATA_IMAGES;
        const struct conv_pool_block block = conv_pool_block_of(job, first, count);
        float *dx = all + (size_t)first * padded;
        conv_pool_zero_inputs(shape, inputs, dx,
                              (size_t)count * padded / (size_t)shape->c);
        kernels()->conv_pool->data(shape, inputs, dx, job->gradient->back, &block);
        for (int i = 0; shape->pad && i < count; i++)
            conv_pool_cut_border(shape, inputs,
                                 job->gradient->dx + (size_t)(first + i) * size,
                                 dx + (size_t)i * padded);
    }
}

/* This member's images, or its input channels. */
static void conv_pool_share_data(const struct team *team, const struct conv_pool_job *job)
{
    struct span images = {0, job->shape->n}, inputs = {0, job->shape->c};
    if (team->split == SPLIT_CHANNEL || team->split == SPLIT_FILTER)
        inputs = share_panels(team, inputs.end, KERNELS_GROUP);
    else
        images = share_panels(team, images.end, 1);
    if (inputs.end > inputs.begin)
        conv_pool_make_data(job, images, inputs);
}

/* Sets the sums of this panel to zero. */
static void conv_pool_zero_panel(const struct conv_pool_job *job,
                                 const struct conv_pool_panel *panel)
{
    const struct conv_pool_shape *shape = job->shape;
    const struct conv_pool_gradient *gradient = job->gradient;
    struct span filters = panel->filters;
    int padded = conv_pool_groups(shape->k) * KERNELS_GROUP;
    size_t count = (size_t)(filters.end - filters.begin), row = 9 * (size_t)shape->c;
    size_t columns = (size_t)(panel->columns.end - panel->columns.begin);
    if (panel->columns.begin == 0)
        memset(job->dbias + filters.begin, 0, count * sizeof(float));
    for (size_t i = 0; i < count * 3; i++)
        memset(gradient->dweight + (size_t)filters.begin * row + i * row / 3 +
                   panel->columns.begin,
               0, columns * sizeof(float));
    size_t width =
        (size_t)(conv_pool_groups(filters.end) * KERNELS_GROUP - filters.begin);
    for (size_t t = 0; shape->c <= CONV_POOL_THIN && t < row; t++)
        memset(job->b.thin + t * (size_t)padded + filters.begin, 0,
               width * sizeof(float));
}

/* thin (C, 9, K) to dweight (K, 9, C). */
static void conv_pool_turn_thin(const struct conv_pool_shape *shape, struct span channels,
                                float *dweight, const float *thin)
{
    int padded = conv_pool_groups(shape->k) * KERNELS_GROUP;
    for (int k = channels.begin; k < channels.end; k++)
        for (int t = 0; t < 9; t++)
            for (int c = 0; c < shape->c; c++)
                dweight[(k * 9 + t) * shape->c + c] = thin[(c * 9 + t) * padded + k];
}

/* A thread alone computes g block by block, so that it is in the first-level cache when
   it is used; a team has computed all of it before. */
static void conv_pool_make_weights(const struct team *team,
                                   const struct conv_pool_job *job,
                                   const struct conv_pool_panel *panel)
{
    int size = conv_pool_block_images(job->shape), n = job->shape->n;
    conv_pool_zero_panel(job, panel);
    for (int first = 0; first < n; first += size) {
        int last = first + size < n ? first + size : n;
        if (team->size == 1)
            conv_pool_multiply_slopes(job, (struct span){first, last});
        conv_pool_add_weights(job, panel, first, last - first);
    }
    if (job->shape->c <= CONV_POOL_THIN)
        conv_pool_turn_thin(job->shape, panel->filters, job->gradient->dweight,
                            job->b.thin);
}

/* Shares filters in whole groups, or pairs of such groups and panels of columns.
 */
static void conv_pool_share_weights(const struct team *team,
                                    const struct conv_pool_job *job)
{
    const struct conv_pool_shape *shape = job->shape;
    bool pairs = team->split == SPLIT_FILTER && team->size > 1;
    int columns = 3 * shape->c, width = pairs ? WEIGHT_COLUMNS : columns;
    struct team by_pairs = *team;
    by_pairs.split = SPLIT_HYBRID;
    const struct share_extent extent = {div_up(columns, width), 1, shape->k};
    struct share share = share_begin(&by_pairs, &extent, KERNELS_GROUP);
    while (share_next(&share)) {
        int first = share.image * width, left = columns - first;
        const struct conv_pool_panel panel = {
            .filters = share.channels,
            .columns = {first, first + (left < width ? left : width)},
        };
        conv_pool_make_weights(team, job, &panel);
    }
}

void conv_pool_backward(const struct team *team, const struct conv_pool_shape *shape,
                        const struct conv_pool_gradient *gradient, void *scratch)
{
    struct conv_pool_job job = {.shape = shape, .gradient = gradient};
    conv_pool_lay_out(shape, scratch, &job.b);
    job.g = gradient->slope ? job.b.g : gradient->dy;
    job.dbias = gradient->dbias ? gradient->dbias : job.b.bias;
    conv_pool_add_borders(team, shape, &job.b, gradient->x);
    conv_pool_find_corners(team, &job);
    if (team->size > 1)
        conv_pool_multiply_slopes(&job, share_panels(team, shape->n, 1));
    team_barrier(team);
    conv_pool_share_weights(team, &job);
    if (gradient->dx)
        conv_pool_share_data(team, &job);
    team_barrier(team);
}
