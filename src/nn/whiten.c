#include "nn/whiten.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "eigen.h"
#include "layer_impl.h"

int whiten_next(const struct model *model, int layer)
{
    while (layer < model->layers && !layer_conv_whitens(model->layer[layer]))
        layer++;
    return layer;
}

/* In the order of the weights in memory: a patch is (R, S, C). */
struct whiten_patch {
    int r, s, n;       /* n: values */
    int rows, columns; /* places in an image */
};

static struct whiten_patch whiten_patch(const struct layer *layer)
{
    int r = layer->tensor[0].dim[2], s = layer->tensor[0].dim[3];
    return (struct whiten_patch){.r = r,
                                 .s = s,
                                 .n = r * s * layer->in.c,
                                 .rows = layer->in.h - r + 1,
                                 .columns = layer->in.w - s + 1};
}

size_t whiten_size(const struct layer *layer)
{
    size_t n = (size_t)whiten_patch(layer).n;
    return n * n;
}

/* The lower half of the sum; whiten_weights knows the other one. */
static void whiten_add_patch(int n, double *sum, const double *patch)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++)
            sum[i * n + j] += patch[i] * patch[j];
}

void whiten_add(const struct layer *layer, double *sum, const float *x)
{
    const struct whiten_patch of = whiten_patch(layer);
    int line = layer->in.w * layer->in.c, run = of.s * layer->in.c;
    double patch[WHITEN_MOST];
    for (int row = 0; row < of.rows; row++)
        for (int column = 0; column < of.columns; column++) {
            const float *from = x + row * line + column * layer->in.c;
            for (int i = 0; i < of.n; i++)
                patch[i] = (double)from[i / run * line + i % run];
            whiten_add_patch(of.n, sum, patch);
        }
}

void whiten_weights(const struct layer *layer, const double *sum, uint64_t images,
                    float *params)
{
    const struct whiten_patch of = whiten_patch(layer);
    int n = of.n, pairs = layer->tensor[0].dim[0] / 2, half = pairs < n ? pairs : n;
    size_t square = whiten_size(layer);
    double patches = (double)images * of.rows * of.columns;
    double *moment = mem_zeroed(2 * square + (size_t)n, sizeof *moment);
    double *vector = moment + square, *value = vector + square;
    float *weight = params + layer->tensor[0].offset;
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++)
            moment[i * n + j] = moment[j * n + i] = sum[i * n + j] / patches;
    eigen_symmetric(n, moment, value, vector);
    for (int k = 0; k < half; k++) {
        double scale = 1 / sqrt(fmax(value[k], 0) + WHITEN_EPSILON);
        for (int i = 0; i < n; i++) {
            float w = (float)(scale * vector[k * n + i]);
            weight[k * n + i] = w;
            weight[(half + k) * n + i] = -w;
        }
    }
    free(moment);
}
