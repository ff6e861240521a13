/*
 * predict: a network's answers to pictures, by all ranks. Each round, rank 0 hands out
 * the next names, every rank decodes and classifies its part, and rank 0 puts the answers
 * in the order of the names: the output does not depend on ranks and threads.
 */
#ifndef LOCKSTEP_APP_PREDICT_PREDICT_H
#define LOCKSTEP_APP_PREDICT_PREDICT_H

#include <stdbool.h>

#include "app/run/network.h"

struct comm;

#define PREDICT_TOP 3 /* most likely classes, unless another number is asked for */

struct predict_ask {
    bool crop;        /* to the ink (predict_ink.h), instead of as the import did */
    int views;        /* enum view_set; -1: the config's */
    int top;          /* most likely classes; 0: PREDICT_TOP */
    double threshold; /* the least probability of an answer; negative: the config's, or
                         none if images have one class each */
};

/* Everything is borrowed. */
struct predict_request {
    const char *checkpoint;     /* or a run */
    const char *const *picture; /* (pictures) */
    int pictures;
    const char *from; /* picture_names_open */
    const char *out;  /* a file of predictions (io/predictions.h); NULL: printed */
    bool force;       /* replaces `out`, and what another network has begun */
    int threads;      /* of each rank; 0: its share of the CPUs */
    struct predict_ask ask;
};

/* Collective; the same status on every rank. With `out`: ST_PARTIAL if a picture could
   not be read; ST_AGAIN if it was asked to stop: the same request goes on. Without
   `out`: ST_FAIL if a picture could not be read. */
enum status predict_run(struct comm *comm,
                        const struct predict_request *request) MUST_CHECK;

#endif
