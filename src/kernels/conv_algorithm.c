#include "kernels/conv_algorithm.h"

#include <string.h>

#include "base/div.h"
#include "conv_blas.h"
#include "conv_depthwise.h"
#include "conv_rows.h"
#include "conv_winograd.h"

static const struct conv_algorithm *const conv_algorithms[] = {
    &conv_rows_forward,      &conv_rows_data,      &conv_rows_weight,
    &conv_winograd2_forward, &conv_winograd2_data, &conv_winograd2_weight,
    &conv_winograd4_forward, &conv_winograd4_data, &conv_winograd4_weight,
    &conv_blas_forward,      &conv_blas_data,      &conv_blas_weight,
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

/* --- the rule --- */

#define RULE_LANES 16 /* channels are computed as many at a time, full or not */
/* Multiply-adds for the time of a transformed value: of a patch or a tile of results,
   and, once a grain, of a filter's gradient. */
#define RULE_VALUE_2  10
#define RULE_VALUE_4  16
#define RULE_GRADIENT 0.25

static double rule_lanes(int channels)
{
    return (double)div_up(channels, RULE_LANES) * RULE_LANES;
}

/* Channels read and written by the product of a pass. */
static double rule_pairs(enum conv_pass pass, const struct conv_shape *shape)
{
    return pass == CONV_DATA ? shape->k * rule_lanes(shape->c)
                             : shape->c * rule_lanes(shape->k);
}

/* The definition, for 3 x 3 with stride 1. */
static double rule_direct(enum conv_pass pass, const struct conv_shape *shape)
{
    double results =
        pass == CONV_DATA ? (double)shape->h * shape->w : (double)shape->p * shape->q;
    return 9 * results * rule_pairs(pass, shape);
}

static double rule_winograd(enum conv_pass pass, const struct conv_shape *shape, int m)
{
    int h = pass == CONV_DATA ? shape->h : shape->p;
    int w = pass == CONV_DATA ? shape->w : shape->q;
    double frequencies = (m + 2) * (m + 2), tiles = (double)div_up(h, m) * div_up(w, m);
    double value = m == 2 ? RULE_VALUE_2 : RULE_VALUE_4;
    double pairs = rule_pairs(pass, shape);
    double values = rule_lanes(shape->c) + rule_lanes(shape->k);
    double gradient = pass == CONV_WEIGHT ? RULE_GRADIENT * pairs : 0;
    return frequencies * (tiles * (pairs + value * values) + gradient);
}

/* Of the algorithms for 3 x 3 with stride 1. */
static const char *rule_least(enum conv_pass pass, const struct conv_shape *shape,
                              const struct kernel_policy *policy)
{
    double direct = rule_direct(pass, shape), two = rule_winograd(pass, shape, 2);
    bool four = policy->winograd != POLICY_WINOGRAD_2 &&
                rule_winograd(pass, shape, 4) < (two < direct ? two : direct);
    return four ? "winograd4" : two < direct ? "winograd2" : "direct";
}

const struct conv_algorithm *conv_algorithm_chosen(enum conv_pass pass,
                                                   const struct conv_shape *shape,
                                                   const struct kernel_policy *policy)
{
    const char *name = policy->bits == POLICY_BLAS ? "blas" : "direct";
    if (conv_is_depthwise(shape))
        name = "depthwise";
    else if (policy->bits != POLICY_BLAS && policy->winograd != POLICY_WINOGRAD_OFF &&
             conv_algorithm_named(pass, "winograd2", shape))
        name = rule_least(pass, shape, policy);
    return conv_algorithm_named(pass, name, shape);
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
