/*
 * network: a trained network, read from a checkpoint with its weights or without.
 */
#ifndef LOCKSTEP_APP_RUN_NETWORK_H
#define LOCKSTEP_APP_RUN_NETWORK_H

#include <stdbool.h>

#include "app/config/config.h"
#include "base/fs.h"
#include "data/dataset.h"
#include "data/loader.h"
#include "train/checkpoint.h"

struct network {
    char checkpoint[FS_PATH]; /* the file */
    struct checkpoint_info info;
    struct config config;
    struct model model;
    float *params; /* owned: (model.params), or those of a stage; NULL: not loaded */
    bool averaged; /* the file has averaged weights, which params then are */
};

/* "grey" or "RGB". */
const char *network_colour(struct shape shape);

/* How an image is turned into the input of the network. */
struct loader_input network_input(const struct network *network);

/* The temperature of its probabilities (train/calibration.h); 0: there is none. */
double network_temperature(const struct network *network);

/* Reads everything. `path` may be a run's folder, as for network_find; if its checkpoint
   is damaged, network_tell_whole is called. None of these functions is collective. */
enum status network_open(struct network *network, const char *path) MUST_CHECK;
void network_close(struct network *network);

/* The same without the weights, for a process that loads a part of them, or none.
   network_describe does not read the weights: the file may yet turn out to be damaged.
   network_check reads them all, one array at a time, and keeps none. */
enum status network_describe(struct network *network, const char *path) MUST_CHECK;
enum status network_check(struct network *network, const char *path) MUST_CHECK;

/* How a loader makes the samples of a data set those of the network: classes are matched
   by name, images are fitted as those of the training were. The caller frees
   match->class_of and sets with network_match_release. ST_FAIL if the network does not
   know a class of the data set, or the data set has no images of this split; ST_USAGE if
   images have one class in the one, and several in the other, or if the network has two
   classes of one name. name: the network, in messages. */
enum status network_match(const struct network *network, const char *name,
                          const struct dataset *dataset, enum dataset_split split,
                          struct loader_match *match) MUST_CHECK;
void network_match_release(struct loader_match *match);

/* Does the network have an option --threshold? Negative: it is not given. ST_USAGE. */
enum status network_check_threshold(const struct network *network, const char *name,
                                    double threshold) MUST_CHECK;

/* Prints notes if the data set differs from that of the training, or has images of the
   training. One rank calls it. */
void network_note_match(const struct network *network, const char *name,
                        const struct dataset *data, enum dataset_split split);

/* Which running statistics the averaged weights of a checkpoint have if it was saved
   between two evaluations, as text that follows "averaged weights"; "": those of the
   weights. */
#define NETWORK_STATISTICS 64
void network_statistics_text(const struct progress *progress,
                             char text[NETWORK_STATISTICS]);
/* Prints a note on that, and what to do. One rank calls it. */
void network_note_statistics(const char *checkpoint, const struct progress *progress);

/* The checkpoint that `path` means: itself if it is a file; of a run's folder the best,
   or the newest if the run keeps no best. */
enum status network_find(char checkpoint[FS_PATH], const char *path) MUST_CHECK;

/* A damaged checkpoint is never replaced by another one without asking. If network_find's
   checkpoint of `folder` is damaged, prints a note that names a whole one. */
void network_tell_whole(const char *folder);

#endif
