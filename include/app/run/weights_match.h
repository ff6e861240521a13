/*
 * weights_match: which array of a file of another program is which tensor of a network.
 *
 * Names are tried first: those of the layers here (which are torchvision's), then those
 * of every table of nn/layer_names.h, each with one of the prefixes that programs put
 * before all names. If no name fits, as many arrays as there are tensors, in the order of
 * the file, are taken one by one.
 *
 * Names do not depend on the number of classes, but shapes do, and not only the head's.
 * So a file is matched in two steps: weights_match tells the number of classes of the
 * file; weights_match_shapes compares the shapes with the network for that number.
 *
 * Shapes fit if they are equal. A convolution of one pixel may stand for a linear layer,
 * and one over all of an image for a linear layer behind flatten: their values are in the
 * same order.
 */
#ifndef LOCKSTEP_APP_RUN_WEIGHTS_MATCH_H
#define LOCKSTEP_APP_RUN_WEIGHTS_MATCH_H

#include <stdbool.h>

#include "io/arrays.h"
#include "nn/model.h"

struct weights_match {
    char names[64]; /* whose names they are: "timm's", "their"; "": the order decided */
    int tensors;
    int *array;  /* owned: (tensors) number in the file, in the order of the model */
    int classes; /* rows of the head in the file: 2 to DATASET_CLASSES_MAX */
};

/* model: the network for any number of classes. network: its name, for tables; "" for a
   network without. ignore: names of arrays that are left out, patterns with commas
   between them; NULL: none. The counts of batches that PyTorch's norms have are always
   left out. ST_USAGE, with the names of what is missing or left over. */
enum status weights_match(struct weights_match *match, const struct arrays *file,
                          const char *path, const struct model *model,
                          const char *network, const char *ignore) MUST_CHECK;
/* model: the network for match->classes. ST_USAGE, with the first array of another shape.
   Before this, no array may be read for a tensor. */
enum status weights_match_shapes(const struct weights_match *match,
                                 const struct arrays *file, const char *path,
                                 const struct model *model) MUST_CHECK;
void weights_match_release(struct weights_match *match);

/* The name of tensor i of the network, "conv1.weight"; the caller frees. */
char *weights_tensor_name(const struct model *model, int i);
/* Its layer and number. */
const struct layer_tensor *weights_tensor(const struct model *model, int i,
                                          const struct layer **layer, int *number);
int weights_tensors(const struct model *model);

#endif
