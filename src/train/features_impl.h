/* features_impl: shared by the sources of features. */
#ifndef LOCKSTEP_TRAIN_FEATURES_IMPL_H
#define LOCKSTEP_TRAIN_FEATURES_IMPL_H

#include "train/features.h"

/* Collective: floats [first, first + count) of rank `owner` to the nodes that lack them;
   features_sync before others read. */
void features_send(struct features *features, struct comm *comm, int owner, size_t first,
                   size_t count);
void features_sync(const struct features *features);

#endif
