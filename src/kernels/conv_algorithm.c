#include "kernels/conv_algorithm.h"

#include <string.h>

#include "conv_depthwise.h"
#include "conv_im2col.h"
#include "conv_rows.h"
#include "conv_winograd.h"

static const struct conv_algorithm *const conv_algorithms[] = {
    &conv_rows_forward,      &conv_rows_data,      &conv_rows_weight,
    &conv_winograd2_forward, &conv_winograd2_data, &conv_winograd2_weight,
    &conv_winograd4_forward, &conv_winograd4_data, &conv_winograd4_weight,
    &conv_im2col_forward,    &conv_im2col_data,    &conv_im2col_weight,
    &conv_depthwise_forward, &conv_depthwise_data, &conv_depthwise_weight,
};

const struct conv_algorithm *conv_algorithm_row(int i)
{
    int rows = (int)(sizeof conv_algorithms / sizeof *conv_algorithms);
    return i < rows ? conv_algorithms[i] : NULL;
}

const struct conv_algorithm *conv_algorithm_named(enum conv_pass pass, const char *name,
                                                  const struct conv_shape *shape)
{
    const struct conv_algorithm *row;
    for (int i = 0; (row = conv_algorithm_row(i)) != NULL; i++)
        if (row->pass == pass && strcmp(row->name, name) == 0)
            return row->fits(shape) ? row : NULL;
    return NULL;
}

/* Few channels leave most of a tile of Winograd's products empty, and its transforms cost
   as much as they save: measured by `lockstep bench conv`. */
static const char *conv_winograd_wanted(const struct conv_shape *shape,
                                        const struct kernel_policy *policy)
{
    enum { WINOGRAD_CHANNELS = 16 };
    if (shape->c < WINOGRAD_CHANNELS || shape->k < WINOGRAD_CHANNELS ||
        policy->bits == POLICY_BLAS || policy->winograd == POLICY_WINOGRAD_OFF)
        return NULL;
    return policy->winograd == POLICY_WINOGRAD_2 ? "winograd2" : "winograd4";
}

const struct conv_algorithm *conv_algorithm_chosen(enum conv_pass pass,
                                                   const struct conv_shape *shape,
                                                   const struct kernel_policy *policy)
{
    const char *const wanted[] = {
        conv_winograd_wanted(shape, policy),
        policy->bits == POLICY_BLAS ? "im2col" : "direct",
        "depthwise",
        "im2col",
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const struct conv_algorithm *row =
            wanted[i] ? conv_algorithm_named(pass, wanted[i], shape) : NULL;
        if (row)
            return row;
    }
    return NULL;
}

double conv_flops(const struct conv_shape *shape)
{
    return 2.0 * shape->p * shape->q * shape->k * (double)conv_taps(shape);
}

double conv_algorithm_work(const struct conv_algorithm *row,
                           const struct conv_shape *shape)
{
    return row->work ? row->work(shape) : conv_flops(shape);
}

const char *conv_pass_name(enum conv_pass pass)
{
    static const char *const names[CONV_PASSES] = {"forward", "data", "weight"};
    return names[pass];
}
