/*
 * norm: the L2 norm of a flat gradient, the same bits however threads and ranks share it.
 *
 * Squares are summed in chunks of NORM_CHUNK floats, which begin anew at each unit of the
 * model (nn/model.h); a unit's sum is that of its chunks in their order, the norm that of
 * the units. So threads may share the chunks, and ranks that hold different units need
 * exchange but one number for each.
 */
#ifndef LOCKSTEP_TRAIN_NORM_H
#define LOCKSTEP_TRAIN_NORM_H

#include <stddef.h>

#include "kernels/team.h"
#include "nn/model.h"

#define NORM_CHUNK 4096 /* floats */

struct norm {
    int chunks, units;
    size_t *begin;               /* owned: (chunks + 1), in the flat vector */
    double *sum;                 /* owned: (chunks) */
    int first[MODEL_LAYERS + 1]; /* chunk of each unit; then `chunks` */
};

void norm_init(struct norm *norm, const struct model *model);
void norm_release(struct norm *norm);

/* A member's chunks [*first, *last): about as many floats as any other's. */
void norm_share(const struct norm *norm, const struct team *team, int *first, int *last);

/* Their sums. Any thread. */
void norm_square(struct norm *norm, const float *vector, int first, int last);

/* Of all chunks, to unit_sum[units]. */
void norm_unit_sums(const struct norm *norm, double *unit_sum);

#endif
