#include "kernels/conv_algorithm.h"

#include <string.h>

#include "conv_im2col.h"
#include "conv_rows.h"
#include "conv_winograd.h"

static const struct conv_algorithm *const conv_algorithms[] = {
    &conv_rows_forward,      &conv_rows_data,      &conv_rows_weight,
    &conv_winograd2_forward, &conv_winograd2_data, &conv_winograd2_weight,
    &conv_winograd4_forward, &conv_winograd4_data, &conv_winograd4_weight,
    &conv_im2col_forward,    &conv_im2col_data,    &conv_im2col_weight,
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

/* The first that fits; measured by `lockstep bench conv`. Few channels leave most of a
   tile of Winograd's products empty, and its transforms cost as much as they save. */
const struct conv_algorithm *conv_algorithm_chosen(enum conv_pass pass,
                                                   const struct conv_shape *shape)
{
    enum { WINOGRAD_CHANNELS = 16 };
    if (shape->c >= WINOGRAD_CHANNELS && shape->k >= WINOGRAD_CHANNELS) {
        const struct conv_algorithm *row = conv_algorithm_named(pass, "winograd4", shape);
        if (row)
            return row;
    }
    const struct conv_algorithm *row = conv_algorithm_named(pass, "direct", shape);
    return row ? row : conv_algorithm_named(pass, "im2col", shape);
}

const char *conv_pass_name(enum conv_pass pass)
{
    static const char *const names[CONV_PASSES] = {"forward", "data", "weight"};
    return names[pass];
}
