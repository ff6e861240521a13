/*
 * dataset_store: one split of an open data set on one rank. dataset.c opens the splits,
 * dataset_store.c loads them, dataset_fetch.c reads images of those not resident.
 */
#ifndef LOCKSTEP_DATA_DATASET_STORE_H
#define LOCKSTEP_DATA_DATASET_STORE_H

#include "dataset_impl.h"

struct comm_shared;

struct dataset_store {
    struct comm_shared *image_window;  /* NULL: not resident */
    struct comm_shared *label_window;  /* NULL: not resident, and labels are private */
    struct comm_shared *weight_window; /* NULL: private, or none are used */
    struct comm_shared *hash_window; /* NULL: resident, private, or nothing is compared */
    struct comm_shared *offset_window; /* NULL: private, or pixels */
    struct dataset_extent extent;
    uint64_t *offsets; /* those of extent; or NULL */
    uint8_t *images;
    struct dataset_labels labels; /* borrowed */
    float *weights;               /* or NULL */
    uint64_t *hashes;             /* of the images that are fetched; or NULL */
    void *private_labels;         /* owned; NULL: shared by the ranks of the node */
    float *private_weights;       /* owned; the same */
    uint64_t *private_hashes;     /* owned; the same */
    uint64_t *private_offsets;    /* owned; the same */
    struct h5file *file;          /* not resident: images are fetched from it */
    struct dataset_pick *pick;    /* owned: (picks); used by a fetch */
    size_t picks;                 /* capacity */
    uint8_t *run;                 /* owned: (run_room), images read at once; by a fetch */
    size_t run_room;
};

/* All are collective over comm; together the first ones open a split. */

/* Memory for images that are resident; false, with errno, if some node has no room. */
bool dataset_store_open_images(struct dataset_store *store, struct comm *comm,
                               size_t bytes);
void dataset_store_close_images(struct dataset_store *store); /* not open is fine */
/* Memory for labels; for weights, if they are used; for offsets, if the split holds
   files; for hashes, if images are fetched and compared. */
void dataset_store_open_labels(struct dataset_store *store, struct comm *comm,
                               const struct dataset_info *info, size_t count);
void dataset_store_open_weights(struct dataset_store *store, struct comm *comm,
                                size_t count);
void dataset_store_open_offsets(struct dataset_store *store, struct comm *comm,
                                size_t count);
void dataset_store_open_hashes(struct dataset_store *store, struct comm *comm,
                               size_t count);
/* Do the ranks of a node share what was opened? Otherwise images are not resident. */
bool dataset_store_shares(const struct dataset_store *store);
enum status dataset_store_load(struct dataset_store *store, struct comm *comm,
                               const struct dataset_info *info,
                               enum dataset_split split) MUST_CHECK;
void dataset_store_close(struct dataset_store *store); /* collective; NULL is fine */

#endif
