#include "kernels/conv_pool.h"

#include <string.h>

#include "base/div.h"
#include "conv_pool_scratch.h"
#include "share.h"

#define THIN_FLOATS  32768 /* of x that stay in the second-level cache for dweight */
#define PATCH_FLOATS 5120  /* of frames that stay in the first-level cache for dweight */
#define SUM_FLOATS   65536 /* of dweight that stay in the second-level cache */

struct conv_pool_job {
    const struct conv_pool_shape *shape;
    const struct conv_pool_gradient *gradient;
    struct conv_pool_buffers b;
    struct conv_pool_member own;
    struct conv_pool_frame frame;
    const float *g; /* b.g, or dy if all slopes are 1 */
    float *dbias;
};

static bool conv_pool_is_thin(const struct conv_pool_shape *shape)
{
    return shape->c <= CONV_POOL_THIN;
}

static size_t conv_pool_image_size(const struct conv_pool_shape *shape)
{
    return (size_t)shape->h * (size_t)shape->w * (size_t)shape->c;
}

/* Floats of one image's frame. */
static size_t conv_pool_frame_size(const struct conv_pool_frame *frame)
{
    return (size_t)frame->rows * (size_t)frame->columns * KERNELS_GROUP;
}

/* Channels of the panel that begins at c. */
static int conv_pool_lanes(const struct conv_pool_shape *shape, int c)
{
    int left = shape->c - c;
    return left < KERNELS_GROUP ? left : KERNELS_GROUP;
}

/* Pixels of a row of an image that its frame has. */
static int conv_pool_covered(const struct conv_pool_job *job)
{
    int room = job->frame.columns - job->shape->pad;
    return job->shape->w < room ? job->shape->w : room;
}

static struct conv_pool_block conv_pool_block_of(const struct conv_pool_job *job,
                                                 struct span images)
{
    const struct conv_pool_shape *shape = job->shape;
    size_t at = (size_t)images.begin * conv_pool_output_size(shape);
    return (struct conv_pool_block){
        .windows = (images.end - images.begin) * (int)conv_pool_windows(shape),
        .columns = job->frame.columns,
        .corner = job->b.corner, /* the same for every block: counted from its images */
        .g = job->g + at,
        .argmax = job->gradient->argmax + at,
    };
}

static void conv_pool_find_corners(const struct team *team,
                                   const struct conv_pool_job *job)
{
    const struct conv_pool_shape *shape = job->shape;
    int rows = job->frame.rows, columns = job->frame.columns, begin, end;
    team_split(team, shape->n, &begin, &end);
    for (int i = begin; i < end; i++) {
        int32_t *corner = job->b.corner + (size_t)i * conv_pool_windows(shape);
        for (int p = 0; p < shape->p; p++)
            for (int q = 0; q < shape->q; q++)
                *corner++ = (i * rows + 2 * p) * columns + 2 * q;
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

/* --- weights --- */

/* What the first panel of channels does with a block: a thread alone computes g block by
   block, so that it is in a cache when it is used; a team has computed all of it
   before. */
static void conv_pool_begin_block(const struct team *team,
                                  const struct conv_pool_job *job, struct span filters,
                                  struct span images)
{
    if (team->size == 1)
        conv_pool_multiply_slopes(job, images);
    if (images.begin == 0)
        memset(job->dbias + filters.begin, 0,
               (size_t)(filters.end - filters.begin) * sizeof *job->dbias);
    const struct conv_pool_block block = conv_pool_block_of(job, images);
    kernels()->conv_pool->bias(job->shape, filters, job->dbias, &block);
}

/* Copies the channels from c on of some images into frames. */
static void conv_pool_fill_frames(const struct conv_pool_job *job, struct span images,
                                  int c)
{
    const struct conv_pool_shape *shape = job->shape;
    const struct conv_pool_frame *frame = &job->frame;
    int lanes = conv_pool_lanes(shape, c), pad = shape->pad;
    int count = conv_pool_covered(job);
    size_t row = (size_t)frame->columns * KERNELS_GROUP;
    size_t left = (size_t)pad * KERNELS_GROUP,
           used = left + (size_t)count * KERNELS_GROUP;
    float *to = job->own.frames;
    for (int i = images.begin; i < images.end; i++) {
        const float *x = job->gradient->x + (size_t)i * conv_pool_image_size(shape) + c;
        for (int h = -pad; h < frame->rows - pad; h++, to += row) {
            bool inside = h >= 0 && h < shape->h;
            memset(to, 0, (inside ? left : row) * sizeof *to);
            if (!inside)
                continue;
            kernels()->conv_pool->gather(to + left,
                                         x + (size_t)(h * shape->w) * (size_t)shape->c,
                                         count, shape->c, lanes);
            memset(to + used, 0, (row - used) * sizeof *to);
        }
    }
}

static float *conv_pool_sums(const struct conv_pool_job *job, struct span filters, int c)
{
    size_t before = (size_t)c * (size_t)job->shape->k;
    return job->b.sum +
           (before + (size_t)(filters.begin * KERNELS_GROUP)) * CONV_POOL_TAPS;
}

/* The size of parts of `count`, `most` at most, so that they are nearly equal. */
static int conv_pool_even(int count, int most)
{
    return div_up(count, div_up(count, most));
}

/* Windows of `all` that go together: their patches stay in the first-level cache. */
static int conv_pool_block_windows(const struct conv_pool_job *job, int all)
{
    size_t most =
        PATCH_FLOATS * conv_pool_windows(job->shape) / conv_pool_frame_size(&job->frame);
    if (most > CONV_POOL_WINDOWS)
        most = CONV_POOL_WINDOWS;
    return conv_pool_even(all, most < 1 ? 1 : (int)most);
}

/* Adds images, whose frames hold the channels from c on. */
static void conv_pool_add_weights(const struct conv_pool_job *job, struct span filters,
                                  int c, struct span images)
{
    const struct conv_pool_shape *shape = job->shape;
    const struct conv_pool_kernels *wide = kernels()->conv_pool, *used = wide;
    int lanes = conv_pool_lanes(shape, c);
    if (wide->narrow && lanes <= wide->narrow->vector)
        used = wide->narrow;
    float *sum = conv_pool_sums(job, (struct span){0, shape->k}, c);
    struct conv_pool_block block = conv_pool_block_of(job, images);
    int step = conv_pool_block_windows(job, block.windows);
    for (int left = block.windows; left > 0; left -= step) {
        block.windows = left < step ? left : step;
        used->weight(shape, filters, lanes, sum, job->own.frames, &block);
        block.corner += step;
        block.g += (size_t)step * (size_t)shape->k;
        block.argmax += (size_t)step * (size_t)shape->k;
    }
}

/* dweight of some filters and channels, which begin at a multiple of KERNELS_GROUP. */
static void conv_pool_make_weights(const struct team *team,
                                   const struct conv_pool_job *job, struct span filters,
                                   struct span channels)
{
    const struct conv_pool_shape *shape = job->shape;
    int rows = (filters.end - filters.begin) * CONV_POOL_TAPS;
    float *dweight = job->gradient->dweight + filters.begin * CONV_POOL_TAPS * shape->c;
    for (int c = channels.begin; c < channels.end; c += KERNELS_GROUP)
        memset(conv_pool_sums(job, filters, c), 0,
               (size_t)(rows * KERNELS_GROUP) * sizeof(float));
    for (int first = 0; first < shape->n; first += job->frame.images) {
        int left = shape->n - first;
        const struct span images = {
            first, first + (left < job->frame.images ? left : job->frame.images)};
        if (channels.begin == 0)
            conv_pool_begin_block(team, job, filters, images);
        for (int c = channels.begin; c < channels.end; c += KERNELS_GROUP) {
            conv_pool_fill_frames(job, images, c);
            conv_pool_add_weights(job, filters, c, images);
        }
    }
    for (int c = channels.begin; c < channels.end; c += KERNELS_GROUP)
        kernels()->conv_pool->scatter(dweight + c, conv_pool_sums(job, filters, c), rows,
                                      shape->c, conv_pool_lanes(shape, c));
}

/* thin (C, 9, K) to dweight (K, 9, C). */
static void conv_pool_turn_thin(const struct conv_pool_shape *shape, struct span filters,
                                float *dweight, const float *thin)
{
    int padded = conv_pool_groups(shape->k) * KERNELS_GROUP;
    for (int k = filters.begin; k < filters.end; k++)
        for (int t = 0; t < CONV_POOL_TAPS; t++)
            for (int c = 0; c < shape->c; c++)
                dweight[(k * CONV_POOL_TAPS + t) * shape->c + c] =
                    thin[(c * CONV_POOL_TAPS + t) * padded + k];
}

/* dweight of some filters with few input channels. */
static void conv_pool_make_thin(const struct team *team, const struct conv_pool_job *job,
                                struct span filters)
{
    const struct conv_pool_shape *shape = job->shape;
    size_t padded = (size_t)conv_pool_groups(shape->k) * KERNELS_GROUP;
    size_t begin = (size_t)filters.begin;
    size_t width = (size_t)conv_pool_groups(filters.end) * KERNELS_GROUP - begin;
    size_t size = conv_pool_padded_size(shape);
    int most = (int)(THIN_FLOATS / size) + 1;
    for (int t = 0; t < CONV_POOL_TAPS * shape->c; t++)
        memset(job->b.sum + (size_t)t * padded + begin, 0, width * sizeof(float));
    for (int first = 0; first < shape->n; first += most) {
        int left = shape->n - first;
        const struct span images = {first, first + (left < most ? left : most)};
        conv_pool_begin_block(team, job, filters, images);
        const struct conv_pool_block block = conv_pool_block_of(job, images);
        kernels()->conv_pool->weight_thin(
            shape, filters, job->b.sum,
            conv_pool_inputs(shape, &job->b, job->gradient->x) + (size_t)first * size,
            &block);
    }
    conv_pool_turn_thin(shape, filters, job->gradient->dweight, job->b.sum);
}

/* Shares filters in whole groups, or pairs of such groups and panels of channels. */
static void conv_pool_share_weights(const struct team *team,
                                    const struct conv_pool_job *job)
{
    const struct conv_pool_shape *shape = job->shape;
    bool thin = conv_pool_is_thin(shape);
    bool pairs = team->split == SPLIT_FILTER && team->size > 1 && !thin;
    int width = pairs ? KERNELS_GROUP : shape->c;
    int together =
        SUM_FLOATS / (shape->k * CONV_POOL_TAPS * KERNELS_GROUP) * KERNELS_GROUP;
    if (together < KERNELS_GROUP)
        together = KERNELS_GROUP;
    struct team by_pairs = *team;
    by_pairs.split = SPLIT_HYBRID;
    const struct share_extent extent = {div_up(shape->c, width), 1, shape->k};
    struct share share = share_begin(&by_pairs, &extent, KERNELS_GROUP);
    while (share_next(&share)) {
        int first = share.image * width;
        const struct span filters = share.channels;
        if (thin)
            conv_pool_make_thin(team, job, filters);
        int end = first + width < shape->c ? first + width : shape->c;
        for (int c = first, next; !thin && c < end; c = next) {
            next = end - c > together ? c + together : end;
            conv_pool_make_weights(team, job, filters, (struct span){c, next});
        }
    }
}

/* --- inputs --- */

/* Copies the frames' channels to those from c on of some images of dx, and zeros to the
   pixels that no window covers. */
static void conv_pool_store_frames(const struct conv_pool_job *job, struct span images,
                                   int c)
{
    const struct conv_pool_shape *shape = job->shape;
    const struct conv_pool_frame *frame = &job->frame;
    int lanes = conv_pool_lanes(shape, c), pad = shape->pad;
    int count = conv_pool_covered(job);
    size_t row = (size_t)frame->columns * KERNELS_GROUP, step = (size_t)shape->c;
    float *dx =
        job->gradient->dx + (size_t)images.begin * conv_pool_image_size(shape) + c;
    const float *from = job->own.frames + (size_t)pad * (row + KERNELS_GROUP);
    for (int i = images.begin; i < images.end; i++, from += conv_pool_frame_size(frame))
        for (int h = 0; h < shape->h; h++, dx += (size_t)shape->w * step) {
            int covered = h < frame->rows - pad ? count : 0;
            if (covered)
                kernels()->conv_pool->scatter(dx, from + (size_t)h * row, covered,
                                              shape->c, lanes);
            for (int w = covered; w < shape->w; w++)
                memset(dx + (size_t)w * step, 0, (size_t)lanes * sizeof *dx);
        }
}

static void conv_pool_make_data(const struct conv_pool_job *job, struct span images,
                                struct span inputs)
{
    const struct conv_pool_shape *shape = job->shape;
    const struct conv_pool_kernels *used = conv_pool_data_kernels(shape);
    struct conv_pool_block block = conv_pool_block_of(job, images);
    size_t frames = (size_t)(images.end - images.begin);
    used->find_places(shape, job->own.place, &block);
    for (int c = inputs.begin; c < inputs.end; c += KERNELS_GROUP) {
        memset(job->own.frames, 0,
               frames * conv_pool_frame_size(&job->frame) * sizeof(float));
        used->data(shape, conv_pool_lanes(shape, c), job->own.frames,
                   job->gradient->back + (size_t)c * CONV_POOL_TAPS * (size_t)shape->k,
                   job->own.place, &block);
        conv_pool_store_frames(job, images, c);
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
    if (images.end == images.begin)
        return;
    int most = conv_pool_even(images.end - images.begin, job->frame.images);
    for (; images.begin < images.end; images.begin += most) {
        int left = images.end - images.begin;
        const struct span some = {images.begin,
                                  images.begin + (left < most ? left : most)};
        conv_pool_make_data(job, some, inputs);
    }
}

void conv_pool_backward(const struct team *team, const struct conv_pool_shape *shape,
                        const struct conv_pool_gradient *gradient, void *scratch)
{
    struct conv_pool_job job = {.shape = shape, .gradient = gradient};
    size_t shared = conv_pool_lay_out(shape, scratch, &job.b);
    size_t each = conv_pool_scratch_member(shape);
    conv_pool_lay_out_member(shape, (char *)scratch + shared + (size_t)team->index * each,
                             &job.own);
    job.frame = conv_pool_frame(shape);
    job.g = gradient->slope ? job.b.g : gradient->dy;
    job.dbias = gradient->dbias ? gradient->dbias : job.b.bias;
    if (conv_pool_is_thin(shape))
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
