/*
 * dataset_verify: is a data set as it was written? Four kinds of hashes say so: of each
 * image with its label (/SPLIT/hashes), of all content (the attribute hash), of the head:
 * size, classes, mean, std and treatment (head_hash), and of the weights of the training
 * images (weights_hash). Not collective.
 */
#ifndef LOCKSTEP_DATA_DATASET_VERIFY_H
#define LOCKSTEP_DATA_DATASET_VERIFY_H

#include "data/dataset_info.h"

/* Images that are not what their hashes say. */
struct dataset_damage {
    size_t count;
    size_t first; /* the least of their numbers, if there are any */
};

/* Computes the hash of the file's present content, to be compared with info->hash. If the
   two differ and hash_known is not set, another program made up the hash, and nothing is
   known about the content. damage, of each split, or NULL: all 0 unless has_hashes. */
enum status dataset_hash_file(const struct dataset_info *info, uint64_t *hash,
                              struct dataset_damage damage[DATASET_SPLITS]) MUST_CHECK;

/* Does the head have its hash, if the file holds one? dataset_check_head: ST_FAIL, with a
   message, if not, unless info is trusted. Every use of the images begins with it; those
   of dataset.h do so themselves. */
bool dataset_head_is_whole(const struct dataset_info *info);
enum status dataset_check_head(const struct dataset_info *info) MUST_CHECK;

/* Before all images are read: compares a set whose images have no hashes with its own
   hash, if this program made that and info is not trusted. */
enum status dataset_check_unhashed(const struct dataset_info *info) MUST_CHECK;

/* New hashes of everything in a set that was changed on purpose, images and attributes
   taken as they are; the file is replaced if there is anything to change. found: what had
   other hashes, or none, before. */
struct dataset_rehash {
    uint64_t hash; /* of the content */
    uint64_t weights_hash;
    bool content, head, images, weights;
    struct dataset_damage damage[DATASET_SPLITS];
};
enum status dataset_rehash(const struct dataset_info *info,
                           struct dataset_rehash *found) MUST_CHECK;

#endif
