/*
 * dataset: the images of a file (data/dataset_info.h), used by all ranks of a run.
 */
#ifndef LOCKSTEP_DATA_DATASET_H
#define LOCKSTEP_DATA_DATASET_H

#include <stdatomic.h>

#include "data/dataset_info.h"

struct comm;

/* Some splits, readable by every rank. Resident: one copy of the images per node in
   shared memory, if they fit into memory_limit bytes (0: half of the node's memory). Not
   resident: images are fetched from the file. */
struct dataset {
    struct dataset_info info;
    size_t memory_left; /* bytes of the limit, on each node, that images do not use */
    /* private: */
    struct dataset_store *store[DATASET_SPLITS];
    _Atomic uint64_t failed; /* an image that could not be decoded */
};

struct dataset_use {
    size_t memory_limit;
    bool on_disk; /* leave images in the file, also if there is memory for them */
    bool trusted; /* use images as they are, damaged or not */
    bool weights; /* the training images have their weights, if the set holds any */
};

/* Opens the splits with want[split]. Rank 0 reads the description; ST_FAIL on every rank
   if any rank fails. Collective over comm. */
enum status dataset_open(struct dataset *dataset, struct comm *comm, const char *path,
                         const bool want[DATASET_SPLITS],
                         const struct dataset_use *use) MUST_CHECK;
/* The same for training: train, and the split of dataset_choosing. */
enum status dataset_open_training(struct dataset *dataset, struct comm *comm,
                                  const char *path,
                                  const struct dataset_use *use) MUST_CHECK;
void dataset_close(struct dataset *dataset); /* collective */

/* true: dataset_image is valid; false: images must be fetched. */
bool dataset_resident(const struct dataset *dataset, enum dataset_split split);

/* The stored bytes of sample i, only if resident: its pixels (h, w, c), or if
   info.encoded its file. Any thread, as the next two. */
const uint8_t *dataset_image(const struct dataset *dataset, enum dataset_split split,
                             size_t i);
size_t dataset_stored_bytes(const struct dataset *dataset, enum dataset_split split,
                            size_t i);
/* The class of sample i; of a multi-label set 0. */
int dataset_label(const struct dataset *dataset, enum dataset_split split, size_t i);
/* The classes of sample i in a multi-label set (base/label_set.h); NULL in another
   set. */
const uint8_t *dataset_label_set(const struct dataset *dataset, enum dataset_split split,
                                 size_t i);
/* Do all images of a split have the same labels? false if there are no images. */
bool dataset_is_uniform(const struct dataset *dataset, enum dataset_split split);
/* The labels of a split (count); of a multi-label set NULL. */
const uint16_t *dataset_labels(const struct dataset *dataset, enum dataset_split split);
/* The weight of training image i: 1 without dataset_use.weights. */
float dataset_weight(const struct dataset *dataset, size_t i);
/* A hash of all weights; 0 if none are used. */
uint64_t dataset_weights_hash(const struct dataset *dataset);

/* How many images of `split` are in the split `among`, too, with the same label: by the
   hashes of the file, or by the images if both splits are in memory; 0 if it is not
   known. Not collective. */
enum status dataset_count_twins(const struct dataset *dataset, enum dataset_split split,
                                enum dataset_split among, size_t *twins) MUST_CHECK;
/* The share of a split that is worth a note. */
#define DATASET_MANY_TWINS 0.1

/* Only if info.encoded: decodes the file of sample i into pixels (h, w, c). Any thread.
   false: it cannot be decoded. Who needs the image calls dataset_fail then, from any
   thread; dataset_failed remembers it; dataset_failure reports it, returns ST_FAIL and
   forgets it. */
bool dataset_decode_sample(struct dataset *dataset, enum dataset_split split, size_t i,
                           const uint8_t *data, uint8_t *pixels);
void dataset_fail(struct dataset *dataset, enum dataset_split split, uint64_t i);
bool dataset_failed(const struct dataset *dataset);
enum status dataset_failure(struct dataset *dataset) MUST_CHECK;

/* Progress of a fetch, shared with the threads that wait for it. */
struct dataset_reading {
    _Atomic uint64_t rows; /* read so far; changes as long as the fetch advances */
    atomic_bool quit;      /* set by a waiting thread: return soon, with ST_AGAIN */
};

/* Only if not resident: reads the stored bytes of samples index[0..n) into images, one
   after the other in that order; ST_FAIL if one is damaged. reading may be NULL. One
   thread at a time for each split; not collective. */
enum status dataset_fetch(struct dataset *dataset, enum dataset_split split,
                          const uint64_t *index, size_t n, uint8_t *images,
                          struct dataset_reading *reading) MUST_CHECK;
/* Allocates what a fetch of n samples needs; otherwise dataset_fetch does. */
void dataset_reserve(struct dataset *dataset, enum dataset_split split, size_t n);

#endif
