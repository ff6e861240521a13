/* conv_pool: the inner loops of backward, for the table in conv_pool.c. */
#ifndef LOCKSTEP_KERNELS_SIMD_CONV_POOL_H
#define LOCKSTEP_KERNELS_SIMD_CONV_POOL_H

#include "simd.h"

#define CONV_POOL_DECLARE(op) \
    extern __typeof__(*((struct conv_pool_kernels *)0)->op) SIMD(conv_pool_##op)

CONV_POOL_DECLARE(bias);
CONV_POOL_DECLARE(weight);
CONV_POOL_DECLARE(weight_thin);
CONV_POOL_DECLARE(find_places);
CONV_POOL_DECLARE(data);
CONV_POOL_DECLARE(gather);
CONV_POOL_DECLARE(scatter);

#endif
