/*
 * letters: the built-in data set of drawn letters (data/synth.h), in memory.
 */
#ifndef LOCKSTEP_APP_LETTERS_H
#define LOCKSTEP_APP_LETTERS_H

#include <stdint.h>

#include "data/dataset.h"

/* Fills in builder->count[] images of each split; the same for any number of threads. */
void letters_draw(struct dataset_builder *builder, uint64_t seed, int threads);

#endif
