/*
 * letters: the built-in letters (data/synth.h) as a data set.
 */
#ifndef LOCKSTEP_DATA_LETTERS_H
#define LOCKSTEP_DATA_LETTERS_H

#include <stddef.h>
#include <stdint.h>

#include "data/dataset_writer.h"

/* Everything but the images and labels, which are zeroed; builder->count is given, the
   rest is zero. The caller releases the builder. */
void letters_init(struct dataset_builder *builder, uint64_t seed);

/* Draws images [begin, end) of a split. Several threads may draw different ranges. Ends
   early if the process is asked to stop. */
void letters_draw(struct dataset_builder *builder, uint64_t seed,
                  enum dataset_split split, size_t begin, size_t end);

#endif
