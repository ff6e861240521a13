/*
 * loader: samples of a data set as the network's input, in an order, with or without
 * augmentation. What a position of an epoch holds depends on (seed, epoch, position)
 * alone.
 */
#ifndef LOCKSTEP_DATA_LOADER_H
#define LOCKSTEP_DATA_LOADER_H

#include <stdint.h>

#include "base/status.h"
#include "data/augment.h"
#include "data/dataset.h"
#include "data/sampler.h"

/* How an image becomes the network's input: moved, then (x / 255 - mean) / std. */
struct loader_input {
    double mean, std;
    int shift_x, shift_y; /* pixels to the right and down; what comes in is background */
};

/* In place: x (h, w) comes on the 0..255 scale. */
void loader_normalise(const struct loader_input *input, int h, int w, float *x);

struct loader {
    struct dataset *dataset; /* borrowed */
    enum dataset_split split;
    const struct augment_options *augment; /* borrowed; NULL: images as they are */
    uint64_t seed;
    bool shuffled; /* false: in file order */
    uint32_t epoch;
    struct sampler sampler;
    struct loader_input input; /* mean and std are the data set's unless set otherwise */
    uint64_t first; /* not resident: positions [first, first + count) are in images */
    uint64_t count, capacity;
    uint64_t *index;                 /* owned: (capacity) */
    uint8_t *images;                 /* owned: (capacity, h, w) */
    struct dataset_reading *reading; /* borrowed; NULL: nobody waits for a fetch */
};

/* In file order, unaugmented, unmoved. */
void loader_init(struct loader *loader, struct dataset *dataset,
                 enum dataset_split split);

/* Shuffled by (seed, epoch), and augmented if the options say so. */
void loader_shuffle(struct loader *loader, uint64_t seed,
                    const struct augment_options *augment);
void loader_release(struct loader *loader);

/* Before positions [first, first + count) of `epoch` are filled in: reads what is not in
   memory. One thread at a time for each split. At most `most` positions are ever asked
   for at once (allocated at the first call, or before: loader_reserve). */
enum status loader_prepare(struct loader *loader, uint32_t epoch, uint64_t first,
                           uint64_t count, uint64_t most) MUST_CHECK;

void loader_reserve(struct loader *loader, uint64_t most);

/* Sample at `position`: its label and its number. Any thread. */
void loader_label(const struct loader *loader, uint64_t position, int *label,
                  uint64_t *sample);

/* That, and x (h, w) floats. */
void loader_fill(const struct loader *loader, uint64_t position, float *x, int *label,
                 uint64_t *sample);

#endif
