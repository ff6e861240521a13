/*
 * weights: the weights of a network as a file of named arrays, for other programs:
 * `lockstep weights export`, and `lockstep export` to .safetensors and .h5.
 */
#ifndef LOCKSTEP_APP_EXPORT_WEIGHTS_H
#define LOCKSTEP_APP_EXPORT_WEIGHTS_H

#include "app/export/notes.h"

#define EXPORT_NAMES_HELP                                                          \
    "whose names the tensors get, default lockstep: the network's own, which are " \
    "torchvision's where that has it"
#define EXPORT_NAMES "lockstep|timm|lukemelas"

struct target_kind;

/* What a file of this format is (io/target.h). */
const struct target_kind *export_weights_kind(enum arrays_output as);

/* Writes the tensors with PyTorch's shapes, and prints a line about them. names: of
   EXPORT_NAMES; NULL: lockstep. ST_USAGE if there are no such names for this network. */
enum status export_weights(const struct network *network,
                           const struct export_notes *notes, const char *names,
                           enum arrays_output as, const char *out) MUST_CHECK;

#endif
