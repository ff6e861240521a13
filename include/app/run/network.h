/*
 * network: a trained network taken from a checkpoint, ready to answer or only described.
 */
#ifndef LOCKSTEP_APP_RUN_NETWORK_H
#define LOCKSTEP_APP_RUN_NETWORK_H

#include <stdbool.h>

#include "app/config/config.h"
#include "base/fs.h"
#include "data/loader.h"
#include "train/checkpoint.h"

struct network {
    char checkpoint[FS_PATH]; /* the file */
    struct checkpoint_info info;
    struct config config;
    struct model model;
    float *params; /* owned: (model.params), or a stage's; NULL: not here */
    bool averaged; /* they are the averaged weights, or the file has them */
};

/* How an image becomes its input. */
struct loader_input network_input(const struct network *network);

/* Not collective. `path` may be a run's folder: its best checkpoint, or the newest if it
   keeps no best. If that is damaged, network_tell_whole. */
enum status network_open(struct network *network, const char *path) MUST_CHECK;
void network_close(struct network *network);

/* The same without the weights, of which this process may hold a part, or none. The file
   is not yet known to be whole; network_check: it is. */
enum status network_describe(struct network *network, const char *path) MUST_CHECK;
enum status network_check(struct network *network, const char *path) MUST_CHECK;

/* The checkpoint that `path` means: itself, or a run's best or newest. */
enum status network_find(char checkpoint[FS_PATH], const char *path) MUST_CHECK;

/* A run's other checkpoints are never taken for a damaged one: a note says which of them
   is whole. Nothing is said if `folder` is none, or if that is not what is wrong. */
void network_tell_whole(const char *folder);

#endif
