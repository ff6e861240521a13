/*
 * predict_batch: a network's answers to many pictures. Pictures are decoded by all
 * threads, then classified by all threads, a grain each. The answers do not depend on the
 * number of threads; memory does not depend on the number of pictures.
 */
#ifndef LOCKSTEP_APP_CLI_PREDICT_BATCH_H
#define LOCKSTEP_APP_CLI_PREDICT_BATCH_H

#include <stdbool.h>

#include "app/run/network.h"
#include "nn/fold.h"

#define PREDICT_TOP 3 /* most likely classes that are kept */

struct prediction {
    char *path;    /* owned */
    char *problem; /* owned: why there is no answer; NULL: there is one */
    enum status status;
    bool inverted;
    int classes[PREDICT_TOP]; /* the most likely one first */
    double share[PREDICT_TOP];
};

struct predict_batch {
    const struct network *network; /* borrowed */
    struct fold fold;              /* the network in use */
    struct dataset_treatment treatment;
    bool crop; /* to the ink */
    int views; /* enum view_set; at first the config's */
    int threads;
    struct prediction *answer; /* owned: (most) */
    int count, most;
    uint8_t *pixels;      /* owned: (most, h, w, c) */
    float *packed;        /* owned: the weights, packed */
    struct workspace *ws; /* owned: (threads) */
};

/* `threads` at most: as many as there is memory for. ST_USAGE if there is not enough for
   one. crop: pictures are cut to their ink (predict_ink.h), instead of being treated as
   the import did. */
enum status predict_batch_init(struct predict_batch *batch, const struct network *network,
                               bool crop, int threads) MUST_CHECK;
void predict_batch_release(struct predict_batch *batch);

/* Takes over the path. Returns whether the batch is full. */
bool predict_batch_add(struct predict_batch *batch, char *path);

/* Answers all. */
void predict_batch_run(struct predict_batch *batch);
void predict_batch_clear(struct predict_batch *batch);

#endif
