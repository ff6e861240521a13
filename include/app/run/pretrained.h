/*
 * pretrained: the weights that a run begins with: those of a checkpoint (--init), or, for
 * fine-tuning, of a file of `lockstep weights import` or of another run (--pretrained).
 *
 * The checkpoint's network must have the same layers with parameters, in the same order
 * and of the same shapes. Only the head, the last one, may be for other classes, or for
 * images with one class where they have several now: then it begins anew. All functions
 * are for one process and not collective.
 */
#ifndef LOCKSTEP_APP_RUN_PRETRAINED_H
#define LOCKSTEP_APP_RUN_PRETRAINED_H

#include "app/run/network.h"
#include "train/weights.h"

struct pretrained {
    struct network network; /* without weights */
    int *layer;             /* owned: see struct weights_source */
    int head;               /* the run's layer that begins anew; -1: none */
    int tensors;            /* that are taken */
};

/* Finds the checkpoint of `path` (network_find) and compares its network with that of the
   run, which is for the classes of the data set. Reads all weights once, and keeps none.
   ST_USAGE, with the first difference, if it is another network, or if a weight is not
   finite; ST_FAIL if it cannot be read. */
enum status pretrained_open(struct pretrained *pretrained, const char *path,
                            const struct model *model,
                            const struct dataset_info *data) MUST_CHECK;
void pretrained_close(struct pretrained *pretrained);

/* Borrows from it. seed: of the new head. */
struct weights_source pretrained_source(const struct pretrained *pretrained,
                                        uint64_t seed);

/* "134 tensors of 'W.h5', fc new for 12 classes"; the caller frees. */
char *pretrained_text(const struct pretrained *pretrained, const struct model *model);

#endif
