#include "eigen.h"

#include <math.h>

#define EIGEN_SWEEPS 100 /* a dozen are enough for any matrix of this size */

/* What is left beside the diagonal is rounding. */
static int eigen_is_done(int n, const double *a)
{
    double beside = 0, on = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            *(i == j ? &on : &beside) += a[i * n + j] * a[i * n + j];
    return beside <= 1e-30 * on;
}

/* x, y = c x - s y, s x + c y, of `count` elements `stride` apart. */
static void eigen_turn(int count, int stride, double *x, double *y, double c, double s)
{
    for (int i = 0; i < count * stride; i += stride) {
        double before = x[i];
        x[i] = c * before - s * y[i];
        y[i] = s * before + c * y[i];
    }
}

/* The rotation of axes p and q that makes a[p][q] zero. */
static void eigen_rotate(int n, double *a, double *vector, int p, int q)
{
    double beside = a[p * n + q];
    if (beside == 0)
        return;
    double theta = (a[q * n + q] - a[p * n + p]) / (2 * beside);
    double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
    double c = 1 / sqrt(t * t + 1), s = t * c;
    eigen_turn(n, n, a + p, a + q, c, s);
    eigen_turn(n, 1, a + p * n, a + q * n, c, s);
    a[p * n + q] = a[q * n + p] = 0;
    eigen_turn(n, 1, vector + p * n, vector + q * n, c, s);
}

static void eigen_swap_rows(int n, double *vector, int i, int j)
{
    for (int k = 0; k < n; k++) {
        double keep = vector[i * n + k];
        vector[i * n + k] = vector[j * n + k];
        vector[j * n + k] = keep;
    }
}

static void eigen_sort(int n, double *value, double *vector)
{
    for (int i = 0; i < n; i++) {
        int largest = i;
        for (int j = i + 1; j < n; j++)
            if (value[j] > value[largest])
                largest = j;
        double keep = value[i];
        value[i] = value[largest];
        value[largest] = keep;
        eigen_swap_rows(n, vector, i, largest);
    }
}

static void eigen_fix_sign(int n, double *row)
{
    int largest = 0;
    for (int k = 1; k < n; k++)
        if (fabs(row[k]) > fabs(row[largest]))
            largest = k;
    for (int k = 0; k < n && row[largest] < 0; k++)
        if (k != largest)
            row[k] = -row[k];
    row[largest] = fabs(row[largest]);
}

void eigen_symmetric(int n, double *a, double *value, double *vector)
{
    for (int i = 0; i < n * n; i++)
        vector[i] = i / n == i % n;
    for (int sweep = 0; sweep < EIGEN_SWEEPS && !eigen_is_done(n, a); sweep++)
        for (int p = 0; p < n; p++)
            for (int q = p + 1; q < n; q++)
                eigen_rotate(n, a, vector, p, q);
    for (int i = 0; i < n; i++)
        value[i] = a[i * n + i];
    eigen_sort(n, value, vector);
    for (int i = 0; i < n; i++)
        eigen_fix_sign(n, vector + i * n);
}
