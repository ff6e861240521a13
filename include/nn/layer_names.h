/*
 * layer_names: what other programs call the layers of a network by name.
 *
 * Layers here have torchvision's names where that has the network, those of
 * EfficientNet-PyTorch in efficientnet_lite0. A table for another program is a file
 * configs/networks/NETWORK.SOURCE.names, which lockstep contains:
 *
 *   THEIRS OURS          a layer, each line
 *   THEIRS OURS KIND     a block: each of its layers is THEIRS.A here OURS.B, for all
 *   [KIND]               lines "A B" of this section
 */
#ifndef LOCKSTEP_NN_LAYER_NAMES_H
#define LOCKSTEP_NN_LAYER_NAMES_H

#include <stdbool.h>

#define LAYER_NAMES_SOURCE 32

struct layer_names {
    char source[LAYER_NAMES_SOURCE]; /* "timm" */
    int count;
    char **theirs, **ours; /* owned: (count) */
};

/* Table i of a network (its name, not its alias); false: there are no more. */
bool layer_names_read(struct layer_names *names, const char *network, int i);
void layer_names_release(struct layer_names *names);

/* What they call a layer; NULL: the table lacks it. */
const char *layer_names_theirs(const struct layer_names *names, const char *ours);

#endif
