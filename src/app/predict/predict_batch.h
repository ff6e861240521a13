/*
 * predict_batch: a network's answers to many pictures. Pictures are decoded by all
 * threads, then classified by all threads, a grain each. The answers do not depend on the
 * number of threads; memory does not depend on the number of pictures.
 */
#ifndef LOCKSTEP_APP_PREDICT_PREDICT_BATCH_H
#define LOCKSTEP_APP_PREDICT_PREDICT_BATCH_H

#include <stdbool.h>

#include "app/predict/predict.h"
#include "data/treatment.h"
#include "io/predictions.h"
#include "nn/fold.h"

/* A picture. Its answers are the most likely class alone, or none if that is not likely
   enough; of a network for images with several classes all that are likely enough. */
struct prediction {
    struct predictions_row row; /* path and error are set, too */
    bool inverted;
};

struct predict_batch {
    const struct network *network; /* borrowed */
    struct fold fold;              /* the network in use */
    struct dataset_treatment treatment;
    struct predict_ask ask; /* of which nothing is the config's any more */
    int threads, ranks;
    struct prediction *answer; /* owned: (most) */
    int count, most;           /* most: a multiple of the grain */
    uint8_t *pixels;           /* owned: (most, h, w, c) */
    float *packed;             /* owned: the weights, packed */
    struct workspace *ws;      /* owned: (threads) */
};

/* Collective: all ranks get the same number of threads, at most `threads`: as many as
   there is memory for. ST_USAGE if there is not enough for one. */
enum status predict_batch_init(struct predict_batch *batch, struct comm *comm,
                               const struct network *network,
                               const struct predict_ask *ask, int threads) MUST_CHECK;
void predict_batch_release(struct predict_batch *batch);

/* Takes over the path. There must be room. */
void predict_batch_add(struct predict_batch *batch, char *path);

/* Answers all. */
void predict_batch_run(struct predict_batch *batch);
void predict_batch_clear(struct predict_batch *batch);

#endif
