/* checkpoint_impl: what the sources of checkpoint share: the root attributes. */
#ifndef LOCKSTEP_TRAIN_CHECKPOINT_IMPL_H
#define LOCKSTEP_TRAIN_CHECKPOINT_IMPL_H

#include "io/h5file.h"
#include "train/checkpoint.h"

/* The attribute that is not content_hash's: it is given to a finished file. */
#define CHECKPOINT_TEMPERATURE "temperature"

/* All of them but content_hash. */
enum status checkpoint_info_write(struct h5file *file,
                                  const struct checkpoint_info *info) MUST_CHECK;
enum status checkpoint_info_read(struct h5file *file,
                                 struct checkpoint_info *info) MUST_CHECK;

/* A hash of the attributes that a resume needs. */
uint64_t checkpoint_info_hash(const struct checkpoint_info *info);

#endif
