/* checkpoint_impl: what the sources of checkpoint share among themselves. */
#ifndef LOCKSTEP_TRAIN_CHECKPOINT_IMPL_H
#define LOCKSTEP_TRAIN_CHECKPOINT_IMPL_H

#include "io/h5file.h"
#include "train/checkpoint.h"

/* The root attributes, content_hash apart. */
enum status checkpoint_info_write(struct h5file *file,
                                  const struct checkpoint_info *info) MUST_CHECK;
enum status checkpoint_info_read(struct h5file *file,
                                 struct checkpoint_info *info) MUST_CHECK;
/* Of what a resume takes from the attributes. */
uint64_t checkpoint_info_hash(const struct checkpoint_info *info);

/* A hash as an attribute: 16 hex digits, for people to compare with the log. */
enum status checkpoint_put_hash(struct h5file *file, const char *name,
                                uint64_t hash) MUST_CHECK;
enum status checkpoint_get_hash(struct h5file *file, const char *name,
                                uint64_t *hash) MUST_CHECK;

#endif
