/* Augmentation whose output is as large as the image. */
#ifndef TESTS_AUGMENT_WHOLE_H
#define TESTS_AUGMENT_WHOLE_H

#include "data/augment.h"

static inline void whole_draw(const struct augment_options *options, uint64_t seed,
                              uint32_t epoch, uint64_t number, struct augment_draw *draw)
{
    const struct shape any = {1, 1, 1};
    const struct augment_sample sample = {.options = options,
                                          .seed = seed,
                                          .epoch = epoch,
                                          .sample = number,
                                          .shape = any,
                                          .out = any};
    augment_draw(&sample, draw);
}

static inline void whole_warp(const struct augment_draw *draw, struct shape shape,
                              const uint8_t *in, float *out)
{
    augment_warp(draw, shape, shape, in, out);
}

#endif
