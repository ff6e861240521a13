#include "kernels/reference.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* --- linear --- */

/* sum_i a[i * step_a] b[i * step_b] */
static float reference_dot(const float *a, int step_a, const float *b, int step_b, int n)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++)
        sum +=
            (double)a[(size_t)i * (size_t)step_a] * (double)b[(size_t)i * (size_t)step_b];
    return (float)sum;
}

void reference_linear_forward(const struct linear_shape *a, float *y, const float *x,
                              const float *weight, const float *bias)
{
    for (int n = 0; n < a->n; n++)
        for (int o = 0; o < a->out; o++)
            y[n * a->out + o] =
                bias[o] + reference_dot(x + n * a->in, 1, weight + o * a->in, 1, a->in);
}

void reference_linear_backward_weight(const struct linear_shape *a, float *dweight,
                                      float *dbias, const float *x, const float *dy)
{
    const float one = 1.0f;
    for (int o = 0; o < a->out; o++) {
        dbias[o] = reference_dot(dy + o, a->out, &one, 0, a->n);
        for (int i = 0; i < a->in; i++)
            dweight[o * a->in + i] = reference_dot(dy + o, a->out, x + i, a->in, a->n);
    }
}

void reference_linear_backward_data(const struct linear_shape *a, float *dx,
                                    const float *dy, const float *weight)
{
    for (int n = 0; n < a->n; n++)
        for (int i = 0; i < a->in; i++)
            dx[n * a->in + i] =
                reference_dot(dy + n * a->out, 1, weight + i, a->in, a->out);
}

/* --- pool --- */

/* The pixel of a window's position (r, s) in the image, or -1 if it is padding. */
static ptrdiff_t reference_pool_pixel(const struct pool_shape *a, int p, int q,
                                      int position)
{
    int h = p * a->r.stride - a->r.pad + position / a->s.size;
    int w = q * a->s.stride - a->s.pad + position % a->s.size;
    if (h < 0 || h >= a->h || w < 0 || w >= a->w)
        return -1;
    return (ptrdiff_t)h * a->w + w;
}

/* Output element i and its window. */
struct reference_pool_element {
    size_t out; /* index of the element */
    size_t in;  /* index of its channel in the image's first pixel */
    int p, q;
};

static bool reference_pool_element(const struct pool_shape *a, size_t i,
                                   struct reference_pool_element *e)
{
    size_t c = (size_t)a->c, p = (size_t)a->p, q = (size_t)a->q;
    if (i >= (size_t)a->n * p * q * c)
        return false;
    e->out = i;
    e->q = (int)(i / c % q);
    e->p = (int)(i / c / q % p);
    e->in = i / c / q / p * (size_t)a->h * (size_t)a->w * c + i % c;
    return true;
}

void reference_maxpool_forward(const struct pool_shape *a, float *y, uint8_t *argmax,
                               const float *x)
{
    struct reference_pool_element e;
    for (size_t i = 0; reference_pool_element(a, i, &e); i++) {
        int best = -1;
        for (int j = 0; j < a->r.size * a->s.size; j++) {
            ptrdiff_t pixel = reference_pool_pixel(a, e.p, e.q, j);
            if (pixel < 0)
                continue;
            float v = x[e.in + (size_t)pixel * (size_t)a->c];
            if (best < 0 || v > y[e.out] || isnan(v)) {
                y[e.out] = v;
                best = j;
            }
        }
        argmax[e.out] = (uint8_t)best;
    }
}

void reference_maxpool_backward(const struct pool_shape *a, float *dx, const float *dy,
                                const uint8_t *argmax)
{
    struct reference_pool_element e;
    memset(dx, 0, (size_t)a->n * (size_t)a->h * (size_t)(a->w * a->c) * sizeof *dx);
    for (size_t i = 0; reference_pool_element(a, i, &e); i++) {
        ptrdiff_t pixel = reference_pool_pixel(a, e.p, e.q, argmax[e.out]);
        dx[e.in + (size_t)pixel * (size_t)a->c] += dy[e.out];
    }
}

static double reference_pool_divisor(const struct pool_shape *a,
                                     const struct reference_pool_element *e)
{
    int count = 0, all = a->r.size * a->s.size;
    for (int j = 0; j < all; j++)
        count += reference_pool_pixel(a, e->p, e->q, j) >= 0;
    return a->inside ? count : all;
}

void reference_avgpool_forward(const struct pool_shape *a, float *y, const float *x)
{
    struct reference_pool_element e;
    for (size_t i = 0; reference_pool_element(a, i, &e); i++) {
        double sum = 0.0;
        for (int j = 0; j < a->r.size * a->s.size; j++) {
            ptrdiff_t pixel = reference_pool_pixel(a, e.p, e.q, j);
            if (pixel >= 0)
                sum += (double)x[e.in + (size_t)pixel * (size_t)a->c];
        }
        y[e.out] = (float)(sum / reference_pool_divisor(a, &e));
    }
}

void reference_avgpool_backward(const struct pool_shape *a, float *dx, const float *dy)
{
    struct reference_pool_element e;
    memset(dx, 0, (size_t)a->n * (size_t)a->h * (size_t)(a->w * a->c) * sizeof *dx);
    for (size_t i = 0; reference_pool_element(a, i, &e); i++) {
        for (int j = 0; j < a->r.size * a->s.size; j++) {
            ptrdiff_t pixel = reference_pool_pixel(a, e.p, e.q, j);
            if (pixel >= 0)
                dx[e.in + (size_t)pixel * (size_t)a->c] +=
                    (float)((double)dy[e.out] / reference_pool_divisor(a, &e));
        }
    }
}

/* --- activation --- */

double reference_gelu(double x)
{
    return x * 0.5 * erfc(-x * M_SQRT1_2);
}

double reference_gelu_slope(double x)
{
    const double root_2_pi = 2.5066282746310002;
    return 0.5 * erfc(-x * M_SQRT1_2) + x * exp(-0.5 * x * x) / root_2_pi;
}

void reference_logsoftmax_forward(float *y, const float *x, int rows, int classes)
{
    for (int i = 0; i < rows; i++, x += classes, y += classes) {
        double max = -INFINITY, sum = 0.0;
        for (int k = 0; k < classes; k++)
            max = (double)x[k] > max ? (double)x[k] : max;
        for (int k = 0; k < classes; k++)
            sum += exp((double)x[k] - max);
        for (int k = 0; k < classes; k++)
            y[k] = (float)((double)x[k] - max - log(sum));
    }
}

void reference_logsoftmax_backward(float *dx, const float *dy, const float *y, int rows,
                                   int classes)
{
    for (int i = 0; i < rows; i++, dx += classes, dy += classes, y += classes) {
        double sum = 0.0;
        for (int k = 0; k < classes; k++)
            sum += (double)dy[k];
        for (int k = 0; k < classes; k++)
            dx[k] = (float)((double)dy[k] - exp((double)y[k]) * sum);
    }
}

/* --- batchnorm --- */

static double reference_mean_of(const struct batchnorm_shape *a, const float *x, int c,
                                double about, int power)
{
    int rows = a->n * a->pixels;
    double sum = 0;
    for (int i = 0; i < rows; i++)
        sum += pow((double)x[(size_t)i * (size_t)a->c + (size_t)c] - about, power);
    return sum / rows;
}

void reference_batchnorm_moments(const struct batchnorm_shape *a, float *mean,
                                 float *variance, const float *x)
{
    for (int c = 0; c < a->c; c++) {
        double centre = reference_mean_of(a, x, c, 0, 1);
        mean[c] = (float)centre;
        variance[c] = (float)reference_mean_of(a, x, c, centre, 2);
    }
}

static double reference_inverse(const struct batchnorm_by *by, int c)
{
    return 1 / sqrt((double)by->variance[c] + (double)by->epsilon);
}

void reference_batchnorm_forward(const struct batchnorm_shape *a, float *y,
                                 const float *x, const struct batchnorm_by *by)
{
    size_t count = (size_t)a->n * (size_t)a->pixels * (size_t)a->c;
    for (size_t i = 0; i < count; i++) {
        int c = (int)(i % (size_t)a->c);
        double normal = ((double)x[i] - (double)by->mean[c]) * reference_inverse(by, c);
        double weight = by->weight ? (double)by->weight[c] : 1;
        y[i] = (float)(normal * weight + (by->bias ? (double)by->bias[c] : 0));
    }
}

void reference_batchnorm_backward(const struct batchnorm_shape *a,
                                  const struct batchnorm_gradient *gradient,
                                  const struct batchnorm_by *by)
{
    int rows = a->n * a->pixels;
    for (int c = 0; c < a->c; c++) {
        double inverse = reference_inverse(by, c), sum = 0, product = 0;
        double weight = by->weight ? (double)by->weight[c] : 1;
        for (int i = 0; i < rows; i++) {
            size_t at = (size_t)i * (size_t)a->c + (size_t)c;
            double normal = ((double)gradient->x[at] - (double)by->mean[c]) * inverse;
            sum += (double)gradient->dy[at];
            product += (double)gradient->dy[at] * normal;
        }
        gradient->dbias[c] = (float)sum;
        gradient->dweight[c] = (float)product;
        for (int i = 0; i < rows; i++) {
            size_t at = (size_t)i * (size_t)a->c + (size_t)c;
            double normal = ((double)gradient->x[at] - (double)by->mean[c]) * inverse;
            double through = gradient->given ? 0 : (sum + normal * product) / rows;
            gradient->dx[at] =
                (float)(weight * inverse * ((double)gradient->dy[at] - through));
        }
    }
}
