/*
 * loader: turns the samples of a data set, shuffled, balanced or in file order, augmented
 * or not, into the network's input. The sample at a position of an epoch depends on
 * (seed, epoch, position) alone.
 *
 * Random draws. The augmentation is keyed by the sample and by how often the order came
 * to it before: once an epoch in shuffled order, anything in a balanced one. What is
 * drawn for a step's samples later, as dropout does, is keyed by the step and
 * loader_sample.key.
 */
#ifndef LOCKSTEP_DATA_LOADER_H
#define LOCKSTEP_DATA_LOADER_H

#include <stdint.h>

#include "base/status.h"
#include "data/augment.h"
#include "data/balance.h"
#include "data/dataset.h"
#include "data/sampler.h"
#include "data/view.h"

/* How an image becomes the network's input: the part that the view says, shifted, then
   (x / 255 - mean) / std. */
struct loader_input {
    double mean[DATASET_CHANNELS], std[DATASET_CHANNELS]; /* of each channel */
    struct input_crop crop;
};

/* Normalised, x on the 0..255 scale is x scale + offset in each of `channels` channels,
   in floats. */
void loader_line(const struct loader_input *input, int channels,
                 float scale[DATASET_CHANNELS], float offset[DATASET_CHANNELS]);

/* In place: x (shape), the part of an image on the 0..255 scale, becomes the network's
   input. */
void loader_normalise(const struct loader_input *input, struct shape shape, float *x);

/* What makes the samples of a data set those of a network that was trained on another
   one. */
struct loader_match {
    struct shape shape; /* of the images that the network was trained on */
    struct dataset_treatment treatment; /* how images of another shape are fitted to it */
    const uint16_t *class_of;           /* borrowed: (classes of the data set) */
    /* For a multi-label set: borrowed, the label sets of all images of the split, in the
       classes of the network; NULL: those of the data set. */
    const uint8_t *sets;
    size_t set_bytes; /* of each */
};

struct loader {
    struct dataset *dataset; /* borrowed */
    enum dataset_split split;
    const struct augment_options *augment; /* borrowed; NULL: images as they are */
    uint64_t seed;
    uint32_t views; /* of each image that augmentation draws; 0: always new ones */
    bool shuffled;  /* false: in file order */
    const struct balance *balance; /* borrowed; NULL: each sample comes once an epoch.
                                      Only if shuffled, with the same seed */
    uint32_t epoch;
    struct sampler sampler;
    const struct view *view;   /* borrowed; NULL: as it is. Without augmentation */
    struct loader_input input; /* mean and std are the data set's unless set otherwise */
    const struct loader_match
        *match; /* borrowed; NULL: shape and classes are as wanted */
    /* Only if not resident: the images of positions [first, first + count), as they are
       stored. */
    uint64_t first, count, capacity;
    uint64_t *index; /* owned: (capacity), their numbers in the data set */
    size_t *at;      /* owned: (capacity + 1), where each begins in images */
    uint8_t *images; /* owned: (room) */
    size_t room;
    struct dataset_reading *reading; /* borrowed; NULL: no thread waits for a fetch */
};

/* In file order, without augmentation; the images as they are. */
void loader_init(struct loader *loader, struct dataset *dataset,
                 enum dataset_split split);

/* The shape of the network's input. */
struct shape loader_shape(const struct loader *loader);

/* From now on shuffled by (seed, epoch), and augmented if the options, which may be NULL,
   enable it. */
void loader_shuffle(struct loader *loader, uint64_t seed,
                    const struct augment_options *augment);
void loader_release(struct loader *loader);

/* Call before loader_fill and loader_look for positions [first, first + count) of
   `epoch`: reads their images, unless the data set is resident. count must not exceed
   `most`, for which memory is allocated at the first call. One thread at a time for each
   split; not collective. */
enum status loader_prepare(struct loader *loader, uint32_t epoch, uint64_t first,
                           uint64_t count, uint64_t most) MUST_CHECK;

/* Bytes that a position of a set that is not resident takes; files may take a little more
   or less. */
size_t loader_position_bytes(const struct loader *loader);

/* Allocates memory for `most` positions; otherwise loader_prepare does. */
void loader_reserve(struct loader *loader, uint64_t most);

/* The class of sample i of the data set, as the network counts them. Any thread. */
int loader_class(const struct loader *loader, uint64_t i);

/* All classes of an image of a multi-label set (base/label_set.h); NULL in another
   set. */
const uint8_t *loader_label_set(const struct loader *loader, uint64_t i);

/* The sample at a position. */
struct loader_sample {
    uint64_t number; /* in the data set */
    uint64_t key;    /* of draws for it: its number, or where a sample may come twice in a
                        step, the position */
    uint32_t view;   /* that augmentation draws; 0 without it */
    int label;       /* as the network counts classes */
    const uint8_t *set; /* loader_label_set */
    float weight;       /* of a training image: dataset_weight */
};

/* Any thread. */
struct loader_sample loader_look(const struct loader *loader, uint64_t position);

/* The same, and the network's input x (loader_shape). Any thread. false: the image cannot
   be decoded; see dataset_fail. */
bool loader_fill(const struct loader *loader, uint64_t position, float *x,
                 struct loader_sample *sample);

#endif
