/*
 * norm: the L2 norm of a flat gradient, the same bits however threads and ranks share it.
 *
 * Squares are summed in chunks of NORM_CHUNK floats, which begin anew at each unit of the
 * model (nn/model.h). A unit's sum adds its chunks in order, the norm adds the units in
 * order. So threads may share the chunks, and ranks that hold different units exchange
 * one number per unit. Only trained ranges count (nn/range.h).
 */
#ifndef LOCKSTEP_TRAIN_NORM_H
#define LOCKSTEP_TRAIN_NORM_H

#include <stddef.h>

#include "kernels/team.h"
#include "nn/model.h"

#define NORM_CHUNK 4096 /* floats */

struct norm {
    int chunks, units;
    const struct ranges *ranges; /* borrowed: the model's */
    size_t *begin;               /* owned: (chunks + 1), in the flat vector */
    double *sum;                 /* owned: (chunks) */
    int *first; /* owned: (units + 1): the first chunk of each unit, then `chunks` */
};

void norm_init(struct norm *norm, const struct model *model);
void norm_release(struct norm *norm);

/* A member's chunks [*first, *last): about as many floats as any other member's. */
void norm_share(const struct norm *norm, const struct team *team, int *first, int *last);

/* Computes the sums of chunks [first, last). Any thread. */
void norm_square(struct norm *norm, const float *vector, int first, int last);

/* unit_sum[units] from the sums of all chunks. */
void norm_unit_sums(const struct norm *norm, double *unit_sum);

#endif
