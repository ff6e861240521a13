/*
 * eval_session: a checkpoint is measured on a split of a data set, by all ranks.
 *
 *   struct eval_session session = {.comm = comm, .request = &request};
 *   eval_session_find(&session);       which checkpoint, which data set
 *   eval_session_open(&session);       reads them
 *   eval_session_run(&session);        the answers
 *   eval_session_close(&session);      also after a failure
 */
#ifndef LOCKSTEP_APP_RUN_EVAL_SESSION_H
#define LOCKSTEP_APP_RUN_EVAL_SESSION_H

#include <stdbool.h>

#include "app/run/network.h"
#include "app/run/placement.h"
#include "app/run/stages.h"
#include "train/evaluate.h"
#include "train/folded_crew.h"

/* Everything is borrowed. */
struct eval_request {
    const char *checkpoint; /* or a run */
    const char *data;       /* or a folder or list of pictures; NULL: as in training */
    enum dataset_split split;
    int views;        /* enum view_set; -1: the config's */
    double threshold; /* of images with several classes; negative: the config's */
    bool no_verify;
    bool rows; /* rank 0 gets the log-probabilities of all images */
    /* What the caller does with them takes on rank 0, in bytes; NULL: nothing. */
    size_t (*write_bytes)(const struct model *model, size_t count);
    int threads; /* of each rank; 0: its share of the CPUs */
    int stages;  /* of a pipeline; 1: none */
};

struct eval_session {
    struct comm *comm;                  /* borrowed */
    const struct eval_request *request; /* borrowed */
    const char *data;                   /* the request's, or the training's */
    enum dataset_split split; /* the request's; train if pictures are not divided */
    struct network network;
    struct dataset dataset;
    struct placement placement;
    struct stages stages;
    struct folded_crew folded;
    struct loader_match match;
    struct loader loader;
    struct evaluation result;
    struct evaluation_rows rows;
    struct answer *answer; /* owned: (images), of images with one class; or NULL */
    float *logprobs;       /* owned: (images, classes) on rank 0, with rows; or NULL */
    double seconds;        /* that the answers took */
};

/* Collective, all of them. The others are called only if those before returned ST_OK. */
enum status eval_session_find(struct eval_session *session) MUST_CHECK;
enum status eval_session_open(struct eval_session *session) MUST_CHECK;
enum status eval_session_run(struct eval_session *session) MUST_CHECK;
void eval_session_close(struct eval_session *session);

int eval_session_views(const struct eval_session *session); /* enum view_set */
double eval_session_threshold(const struct eval_session *session);

#endif
