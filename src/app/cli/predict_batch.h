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

#define PREDICT_TOP 3 /* most likely classes, unless another number is asked for */

/* A class that is an answer. */
struct predicted {
    int class;
    float logprob;
};

struct prediction {
    char *path;    /* owned */
    char *problem; /* owned: why there is no answer; NULL: there is one */
    enum status status;
    bool inverted;
    int answers;
    struct predicted *answer; /* owned: (answers), the most likely one first */
};

/* What is asked for. */
struct predict_ask {
    bool crop;        /* to the ink (predict_ink.h), instead of as the import did */
    int views;        /* enum view_set; -1: the config's */
    int top;          /* most likely classes; 0: PREDICT_TOP or, of a network for images
                         with several classes, all with the threshold */
    double threshold; /* negative: the config's */
};

struct predict_batch {
    const struct network *network; /* borrowed */
    struct fold fold;              /* the network in use */
    struct dataset_treatment treatment;
    struct predict_ask ask; /* of which nothing is the config's any more */
    int threads;
    struct prediction *answer; /* owned: (most) */
    int count, most;
    uint8_t *pixels;      /* owned: (most, h, w, c) */
    float *packed;        /* owned: the weights, packed */
    struct workspace *ws; /* owned: (threads) */
};

/* `threads` at most: as many as there is memory for. ST_USAGE if there is not enough for
   one. */
enum status predict_batch_init(struct predict_batch *batch, const struct network *network,
                               const struct predict_ask *ask, int threads) MUST_CHECK;
void predict_batch_release(struct predict_batch *batch);

/* Takes over the path. Returns whether the batch is full. */
bool predict_batch_add(struct predict_batch *batch, char *path);

/* Answers all. */
void predict_batch_run(struct predict_batch *batch);
void predict_batch_clear(struct predict_batch *batch);

#endif
