/*
 * dataset_store: one split of an open data set on one rank. dataset.c opens the splits,
 * dataset_store.c loads them, dataset_fetch.c reads images of those not resident.
 */
#ifndef LOCKSTEP_DATA_DATASET_STORE_H
#define LOCKSTEP_DATA_DATASET_STORE_H

#include "dataset_impl.h"

struct comm_shared;

struct dataset_store {
    struct comm_shared *image_window; /* NULL: not resident */
    struct comm_shared *label_window;
    struct comm_shared *hash_window;   /* NULL: resident, or nothing is compared */
    struct comm_shared *offset_window; /* NULL: pixels */
    struct dataset_extent extent;
    uint8_t *images;
    uint16_t *labels;
    uint64_t *hashes;          /* of the images that are fetched; or NULL */
    struct h5file *file;       /* not resident: images are fetched from it */
    struct dataset_pick *pick; /* owned: (picks); used by a fetch */
    size_t picks;              /* capacity */
    uint8_t *run;              /* owned: (run_room), images read at once; by a fetch */
    size_t run_room;
};

/* Collective over comm. After a failure the store must still be closed. */
enum status dataset_store_open(struct dataset_store **store, struct comm *comm,
                               const struct dataset_info *info, enum dataset_split split,
                               bool resident) MUST_CHECK;
void dataset_store_close(struct dataset_store *store); /* collective; NULL is fine */

#endif
