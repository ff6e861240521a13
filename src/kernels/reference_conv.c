#include "kernels/reference.h"

/* Index of [i, j, k, l] in an array of extents (any, nj, nk, nl). */
static size_t reference_index(int i, int j, int k, int l, const int extent[3])
{
    size_t n[3] = {(size_t)extent[0], (size_t)extent[1], (size_t)extent[2]};
    return (((size_t)i * n[0] + (size_t)j) * n[1] + (size_t)k) * n[2] + (size_t)l;
}

/* The input of a tap. */
static int reference_input(const struct window *window, int output, int tap)
{
    int dilation = window->dilation > 1 ? window->dilation : 1;
    return output * window->stride - window->pad + tap * dilation;
}

/* The output whose tap is at the input; -1: none. */
static int reference_output(const struct window *window, int input, int tap, int outputs)
{
    for (int i = 0; i < outputs; i++)
        if (reference_input(window, i, tap) == input)
            return i;
    return -1;
}

/* The first input channel of filter k's group. */
static int reference_conv_first(const struct conv_shape *a, int k)
{
    return k / (a->k / conv_groups(a)) * (a->c / conv_groups(a));
}

static size_t reference_conv_weight(const struct conv_shape *a, int k, int r, int s,
                                    int c)
{
    const int filter[3] = {a->r.size, a->s.size, a->c / conv_groups(a)};
    if (conv_is_depthwise(a))
        return reference_index(0, r, s, k, (const int[]){a->r.size, a->s.size, a->k});
    return reference_index(k, r, s, c, filter);
}

static double reference_conv_output(const struct conv_shape *a, const int i[4],
                                    const float *x, const float *weight)
{
    const int in[3] = {a->h, a->w, a->c};
    int first = reference_conv_first(a, i[3]);
    double sum = 0.0;
    for (int r = 0; r < a->r.size; r++) {
        for (int s = 0; s < a->s.size; s++) {
            int h = reference_input(&a->r, i[1], r), w = reference_input(&a->s, i[2], s);
            if (h < 0 || h >= a->h || w < 0 || w >= a->w)
                continue;
            for (int c = 0; c < a->c / conv_groups(a); c++)
                sum += (double)x[reference_index(i[0], h, w, first + c, in)] *
                       (double)weight[reference_conv_weight(a, i[3], r, s, c)];
        }
    }
    return sum;
}

void reference_conv_forward(const struct conv_shape *a, float *y, const float *x,
                            const float *weight, const float *bias)
{
    const int out[3] = {a->p, a->q, a->k};
    for (int n = 0; n < a->n; n++)
        for (int p = 0; p < a->p; p++)
            for (int q = 0; q < a->q; q++)
                for (int k = 0; k < a->k; k++)
                    y[reference_index(n, p, q, k, out)] =
                        (float)((double)bias[k] +
                                reference_conv_output(a, (const int[]){n, p, q, k}, x,
                                                      weight));
}

static double reference_conv_weight_gradient(const struct conv_shape *a, const int i[4],
                                             const float *x, const float *dy)
{
    const int in[3] = {a->h, a->w, a->c}, out[3] = {a->p, a->q, a->k};
    int first = reference_conv_first(a, i[0]);
    double sum = 0.0;
    for (int n = 0; n < a->n; n++) {
        for (int p = 0; p < a->p; p++) {
            int h = reference_input(&a->r, p, i[1]);
            if (h < 0 || h >= a->h)
                continue;
            for (int q = 0; q < a->q; q++) {
                int w = reference_input(&a->s, q, i[2]);
                if (w >= 0 && w < a->w)
                    sum += (double)x[reference_index(n, h, w, first + i[3], in)] *
                           (double)dy[reference_index(n, p, q, i[0], out)];
            }
        }
    }
    return sum;
}

void reference_conv_backward_weight(const struct conv_shape *a, float *dweight,
                                    float *dbias, const float *x, const float *dy)
{
    for (int k = 0; k < a->k; k++) {
        double sum = 0.0;
        for (int i = 0; i < a->n * a->p * a->q; i++)
            sum += (double)dy[(size_t)i * (size_t)a->k + (size_t)k];
        dbias[k] = (float)sum;
        for (int r = 0; r < a->r.size; r++)
            for (int s = 0; s < a->s.size; s++)
                for (int c = 0; c < a->c / conv_groups(a); c++)
                    dweight[reference_conv_weight(a, k, r, s, c)] =
                        (float)reference_conv_weight_gradient(
                            a, (const int[]){k, r, s, c}, x, dy);
    }
}

static double reference_conv_data_gradient(const struct conv_shape *a, const int i[4],
                                           const float *dy, const float *weight)
{
    const int out[3] = {a->p, a->q, a->k};
    int channels = a->c / conv_groups(a), filters = a->k / conv_groups(a);
    int first = i[3] / channels * filters;
    double sum = 0.0;
    for (int r = 0; r < a->r.size; r++) {
        for (int s = 0; s < a->s.size; s++) {
            int p = reference_output(&a->r, i[1], r, a->p);
            int q = reference_output(&a->s, i[2], s, a->q);
            if (p < 0 || q < 0)
                continue;
            for (int k = first; k < first + filters; k++)
                sum += (double)dy[reference_index(i[0], p, q, k, out)] *
                       (double)weight[reference_conv_weight(a, k, r, s, i[3] % channels)];
        }
    }
    return sum;
}

void reference_conv_backward_data(const struct conv_shape *a, float *dx, const float *dy,
                                  const float *weight)
{
    const int in[3] = {a->h, a->w, a->c};
    for (int n = 0; n < a->n; n++)
        for (int h = 0; h < a->h; h++)
            for (int w = 0; w < a->w; w++)
                for (int c = 0; c < a->c; c++)
                    dx[reference_index(n, h, w, c, in)] =
                        (float)reference_conv_data_gradient(a, (const int[]){n, h, w, c},
                                                            dy, weight);
}
