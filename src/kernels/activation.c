#include "kernels/activation.h"

#include "elements.h"
#include "kernels/kernels.h"
#include "share.h"

#define ACTIVATION_CHANNELS 16 /* the smallest share of a sum: a cache line */

void relu_forward(const struct team *team, float *y, const float *x, size_t n)
{
    size_t count, first = elements_share(team, n, &count);
    kernels()->relu_forward(y + first, x + first, count);
    team_barrier(team);
}

void relu_backward(const struct team *team, float *dx, const float *dy, const float *y,
                   size_t n)
{
    size_t count, first = elements_share(team, n, &count);
    kernels()->relu_backward(dx + first, dy + first, y + first, count);
    team_barrier(team);
}

void gelu_forward(const struct team *team, float *y, float *slope, const float *x,
                  size_t n)
{
    size_t count, first = elements_share(team, n, &count);
    kernels()->gelu_forward(y + first, slope ? slope + first : NULL, x + first, count);
    team_barrier(team);
}

void gelu_backward(const struct team *team, float *dx, const float *dy,
                   const float *slope, size_t n)
{
    size_t count, first = elements_share(team, n, &count);
    kernels()->gelu_backward(dx + first, dy + first, slope + first, count);
    team_barrier(team);
}

void activation_forward(const struct team *team, enum activation kind, float *y,
                        float *slope, const float *x, size_t n)
{
    size_t count, first = elements_share(team, n, &count);
    kernels()->activate(kind, y + first, slope ? slope + first : NULL, x + first, count);
    team_barrier(team);
}

void activation_backward(const struct team *team, enum activation kind, float *dx,
                         const float *dy, const float *from, size_t n)
{
    size_t count, first = elements_share(team, n, &count);
    kernels()->activate_back(kind, dx + first, dy + first, from + first, count);
    team_barrier(team);
}

void activation_backward_sum(const struct team *team, enum activation kind,
                             const struct activation_shape *shape, float *dy,
                             const float *y, float *sum)
{
    struct span own = share_panels(team, shape->channels, ACTIVATION_CHANNELS);
    const struct matrix m = {shape->pixels, own.end - own.begin, shape->channels};
    size_t image = (size_t)shape->pixels * (size_t)shape->channels;
    for (int i = 0; i < shape->images && m.columns > 0; i++) {
        size_t first = (size_t)i * image + (size_t)own.begin;
        kernels()->activate_back_sum(kind, sum + own.begin, dy + first,
                                     kind == ACTIVATION_NONE ? NULL : y + first, &m);
    }
    team_barrier(team);
}

void dropout_apply(const struct team *team, float *y, const float *x, const uint8_t *keep,
                   float scale, size_t n)
{
    size_t count, first = elements_share(team, n, &count);
    kernels()->dropout_apply(y + first, x + first, keep + first, scale, count);
    team_barrier(team);
}

void logsigmoid_forward(const struct team *team, float *y, const float *x, size_t n)
{
    size_t count, first = elements_share(team, n, &count);
    kernels()->logsigmoid_forward(y + first, x + first, count);
    team_barrier(team);
}

void logsoftmax_forward(const struct team *team, float *y, const float *x, int rows,
                        int classes)
{
    int begin, end;
    team_split(team, rows, &begin, &end);
    size_t first = (size_t)begin * (size_t)classes;
    kernels()->logsoftmax_forward(y + first, x + first, end - begin, classes);
    team_barrier(team);
}

void logsoftmax_backward(const struct team *team, float *dx, const float *dy,
                         const float *y, int rows, int classes)
{
    int begin, end;
    team_split(team, rows, &begin, &end);
    size_t first = (size_t)begin * (size_t)classes;
    kernels()->logsoftmax_backward(dx + first, dy + first, y + first, end - begin,
                                   classes);
    team_barrier(team);
}
