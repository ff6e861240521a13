/*
 * features: what the frozen part of a network makes of the images of a split
 * (feature in nn/model.h), computed once and kept, so that a pass begins with them.
 *
 * The bits are those of passes that begin with the images, for the frozen part runs as in
 * evaluation: what it makes of an image depends on nothing but the image and the view of
 * it. There is one feature for each image and view: in training, one of the `train.views`
 * views that augmentation draws (data/loader.h); in evaluation, one of a set
 * (data/view.h).
 */
#ifndef LOCKSTEP_TRAIN_FEATURES_H
#define LOCKSTEP_TRAIN_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "data/loader.h"
#include "train/crew.h"
#include "train/trainer.h"

struct comm;
struct comm_shared;

struct features {
    int value;  /* of the model's ops, feature in nn/model.h */
    int views;  /* of each image */
    size_t row; /* floats of a feature */
    uint64_t count;
    float *data;                /* (views, count, row) */
    struct comm_shared *window; /* that data lies in */
};

/* Everything is borrowed. */
struct features_setup {
    struct comm *comm;
    const struct crew *crew; /* its weights are packed from op 0 on */
    const float *params;
    struct loader *loader;   /* in file order */
    const struct view *view; /* (views); NULL: those that augmentation draws */
    int views;
    int value;
    double latest; /* timer_now seconds by which this rank must be done; INFINITY: none */
};

/* Bytes on each node. */
size_t features_bytes(const struct model *model, int value, uint64_t count, int views);

/* Collective. Memory for the features of the loader's split, one copy on each node;
   false: a node has no room. */
bool features_init(struct features *features, const struct features_setup *setup);
void features_release(struct features *features); /* collective; all zero is fine */

/* Collective: of one view each rank computes its share, and all get all. ST_AGAIN: some
   rank was asked to stop, or was too late. */
enum status features_compute(struct features *features,
                             const struct features_setup *setup, int view) MUST_CHECK;

/* The feature of an image becomes that of the workspace's sample i. */
void features_copy(const struct features *features, uint32_t view, uint64_t number,
                   struct workspace *ws, int i);

/* --- files --- */

/* The file with the features of one view. `text` says all that they depend on; a file
   with another text is not used. It holds `/features`, float (count, row), and two
   attributes: `of`, the text, and `hash`, the XXH3 of the floats. */
struct features_file {
    const char *folder;
    const char *text;
    int view;
};

/* Collective. False: the folder has no such file, or, with a note, a damaged one. */
bool features_load(struct features *features, struct comm *comm,
                   const struct features_file *file);
/* Rank 0 writes into the folder, which exists; not collective. What cannot be written is
   computed again by the next run: a note says so. */
void features_save(const struct features *features, const struct features_file *file);

/* --- whether a run keeps them --- */

enum features_reason {
    FEATURES_KEPT,
    FEATURES_OFF,       /* nothing is frozen, or the config says so */
    FEATURES_STAGES,    /* a pipeline */
    FEATURES_BLAS,      /* bits that depend on how many images pass together */
    FEATURES_AUGMENTED, /* images are augmented anew in every epoch */
    FEATURES_MIXED,     /* images are mixed with others */
    FEATURES_ONCE,      /* no view of an image is used twice; not if balanced */
    FEATURES_MEMORY,    /* there is no room for them beside the images */
};

/* Collective: the same on all ranks. *bytes: of all splits, on each node. */
enum features_reason features_choose(const struct trainer_setup *setup, size_t *bytes);

/* Views of each training image that differ. */
int features_train_views(const struct run_options *options);

#endif
