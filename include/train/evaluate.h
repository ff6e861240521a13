/*
 * evaluate: a network's answers over a whole split, each sample counted exactly once for
 * any number of ranks and threads, with the same bits.
 */
#ifndef LOCKSTEP_TRAIN_EVALUATE_H
#define LOCKSTEP_TRAIN_EVALUATE_H

#include <stdint.h>

#include "base/status.h"
#include "data/loader.h"
#include "train/crew.h"

struct comm;

struct evaluation {
    uint64_t count, correct;
    double loss;         /* mean negative log-likelihood */
    uint64_t *confusion; /* owned: (classes, classes), [true][predicted] */
};
void evaluation_release(struct evaluation *evaluation);

/* Where the log-probabilities of the samples go that the rank answers, in file order: in
   a pipeline the last stage does. */
struct evaluation_rows {
    uint64_t first, count; /* samples */
    float *logprobs;       /* owned: (count, classes) */
};
void evaluation_rows_release(struct evaluation_rows *rows);

/* Collective; the result is on every rank. rows may be NULL. loader is in file order;
   crew has the model and the threads. ST_AGAIN, without a result: some rank was asked to
   stop, or was not done at `latest` of its clock (timer_now; INFINITY: no limit). */
enum status evaluate(struct comm *comm, struct crew *crew, struct loader *loader,
                     const float *params, double latest, struct evaluation *result,
                     struct evaluation_rows *rows) MUST_CHECK;

/* What a rank that does nothing else takes for it: its stage's weights, and workspaces,
   or while the weights are read, a tensor of any stage. Of the stage: count, index, whole
   and model. */
size_t evaluation_bytes(const struct stage *stage, int lanes);

#endif
