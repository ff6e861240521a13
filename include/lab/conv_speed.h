/*
 * conv_speed: each algorithm of kernels/conv_algorithm.h on one core, shape by shape and
 * pass by pass.
 */
#ifndef LOCKSTEP_LAB_CONV_SPEED_H
#define LOCKSTEP_LAB_CONV_SPEED_H

#include "kernels/conv_algorithm.h"

/* Shapes of well-known networks; n is left 0. */
struct conv_speed_shape {
    const char *name; /* "3x3 32x32 64" */
    struct conv_shape shape;
};
/* Shape i; NULL behind the last. */
const struct conv_speed_shape *conv_speed_shape(int i);

/* Seconds per image of one algorithm on shape->n images, weights packed already: CPU time
   of this thread, the lower quartile of some runs, because others may use the machine. */
double conv_speed_measure(const struct conv_algorithm *algorithm,
                          const struct conv_shape *shape);

/* Multiplications and additions of the definition, per image. */
double conv_speed_flops(const struct conv_shape *shape);

#endif
