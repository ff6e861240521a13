#include "kernels/linear.h"

#include <cblas.h>

#include "kernels/kernels.h"

#define PANEL 128 /* features of a result that one product makes */

static struct span panel_span(int panel, int features)
{
    int begin = panel * PANEL, end = begin + PANEL;
    return (struct span){begin, end < features ? end : features};
}

static struct span panels_of(const struct team *team, int features)
{
    struct span mine;
    team_split(team, (features + PANEL - 1) / PANEL, &mine.begin, &mine.end);
    return mine;
}

void linear_forward(const struct team *team, const struct linear_shape *shape, float *y,
                    const float *x, const float *weight, const float *bias)
{
    struct span mine = panels_of(team, shape->out);
    for (int i = mine.begin; i < mine.end; i++) {
        struct span f = panel_span(i, shape->out);
        int width = f.end - f.begin;
        kernels()->fill_rows(y + f.begin, bias + f.begin, shape->n, width, shape->out);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, shape->n, width, shape->in,
                    1.0f, x, shape->in, weight + (size_t)f.begin * (size_t)shape->in,
                    shape->in, 1.0f, y + f.begin, shape->out);
    }
    team_barrier(team);
}

void linear_backward_weight(const struct team *team, const struct linear_shape *shape,
                            float *dweight, float *dbias, const float *x, const float *dy)
{
    struct span mine = panels_of(team, shape->out);
    for (int i = mine.begin; i < mine.end; i++) {
        struct span f = panel_span(i, shape->out);
        int width = f.end - f.begin;
        kernels()->sum_rows(dbias + f.begin, dy + f.begin, shape->n, width, shape->out);
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, width, shape->in, shape->n,
                    1.0f, dy + f.begin, shape->out, x, shape->in, 0.0f,
                    dweight + (size_t)f.begin * (size_t)shape->in, shape->in);
    }
    team_barrier(team);
}

void linear_backward_data(const struct team *team, const struct linear_shape *shape,
                          float *dx, const float *dy, const float *weight)
{
    struct span mine = panels_of(team, shape->in);
    for (int i = mine.begin; i < mine.end; i++) {
        struct span f = panel_span(i, shape->in);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, shape->n, f.end - f.begin,
                    shape->out, 1.0f, dy, shape->out, weight + f.begin, shape->in, 0.0f,
                    dx + f.begin, shape->in);
    }
    team_barrier(team);
}
