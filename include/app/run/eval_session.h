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
    bool choosing; /* instead of it, the one that training evaluates on: val, or test */
    int views;     /* enum view_set; -1: the config's */
    double threshold; /* of images with several classes; negative: the config's */
    bool no_verify;
    bool raw;  /* without the network's temperature (train/calibration.h) */
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
    enum dataset_split split;           /* that is measured, after eval_session_open */
    struct network network;
    struct dataset dataset;
    struct placement placement;
    struct stages stages;
    struct folded_crew folded;
    struct loader_match match;
    struct loader loader;
    /* After eval_session_run; owned by the session. */
    struct evaluation result;
    struct evaluation_rows rows; /* of this rank, until they are gathered */
    /* (images), of images with one class, on every rank; or NULL. */
    struct answer *answer;
    float *logprobs; /* (images, classes) on rank 0, with rows; or NULL */
    double seconds;  /* that the answers took */
};

/* Collective, all of them; the same status on every rank. Each is called only if those
   before returned ST_OK. eval_session_find: ST_USAGE without a data set; ST_FAIL if the
   checkpoint cannot be read. eval_session_open: ST_FAIL if the data set cannot be read,
   has no image of the split or a class that the network does not know; ST_USAGE if it is
   of the other kind of labels. eval_session_run: ST_FAIL if an image cannot be read. */
enum status eval_session_find(struct eval_session *session) MUST_CHECK;
enum status eval_session_open(struct eval_session *session) MUST_CHECK;
enum status eval_session_run(struct eval_session *session) MUST_CHECK;
void eval_session_close(struct eval_session *session);

int eval_session_views(const struct eval_session *session); /* enum view_set */
double eval_session_threshold(const struct eval_session *session);
double eval_session_temperature(const struct eval_session *session); /* 0: none */

#endif
