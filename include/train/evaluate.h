/*
 * evaluate: a network's answers over a whole split. Each sample is counted exactly once
 * for any number of ranks and threads, with the same bits.
 */
#ifndef LOCKSTEP_TRAIN_EVALUATE_H
#define LOCKSTEP_TRAIN_EVALUATE_H

#include <stdint.h>

#include "base/status.h"
#include "data/loader.h"
#include "train/answers.h"
#include "train/confusion.h"
#include "train/crew.h"

struct comm;
struct features;

/* Everything is borrowed. */
struct evaluate_setup {
    struct comm *comm;
    const struct crew *crew; /* has the model and the threads */
    struct loader *loader;   /* in file order */
    const float *params;
    const struct features *features; /* instead of the images; NULL: none */
    int views; /* enum view_set: the views of an image whose answers are averaged */
    double threshold; /* least probability of an answer, for several classes per image */
    /* For images with one class: (samples of the split), answers_bytes of zeros, which
       become all answers on every rank; NULL: not wanted. */
    struct answer *answer;
    /* Divides the logits of the answers (train/calibration.h), not those of the loss; 0:
       none. */
    double temperature;
    double latest; /* timer_now seconds by which this rank must be done; INFINITY: none */
};

struct evaluation {
    uint64_t count, correct; /* correct: the class is right, or all classes are */
    double loss;             /* mean negative log-likelihood, or that of nn/loss_set.h */
    struct confusion confusion; /* owned */
    /* If images have several classes, or none (else NULL): owned, (classes), of each
       class (train/average_precision.h), NAN if no image has it; and the mean of the
       others. */
    double *average_precision;
    double mean_average_precision;
};
void evaluation_release(struct evaluation *evaluation);

/* The log-probabilities of the samples that this rank answers, in file order; in a
   pipeline the last stage answers. */
struct evaluation_rows {
    uint64_t first, count; /* samples */
    float *logprobs;       /* owned: (count, classes) */
};
void evaluation_rows_release(struct evaluation_rows *rows);

/* Collective; the result is on every rank. rows may be NULL. ST_AGAIN, without a result:
   some rank was asked to stop, or was too late. */
enum status evaluate(const struct evaluate_setup *setup, struct evaluation *result,
                     struct evaluation_rows *rows) MUST_CHECK;

/* The log-probability of the threshold. */
float evaluation_limit(double threshold);

/* Bytes of this rank's rows. stage: its count, peers and whole. */
size_t evaluation_rows_bytes(const struct stage *stage, uint64_t samples);

/* Bytes in which the answers to several views are added; not part of the others. */
size_t evaluation_views_bytes(const struct model *model, int lanes, int views);

/* Bytes that the answers to `samples` samples take while they are counted. stage: as for
   rows. */
size_t evaluation_answer_bytes(const struct stage *stage,
                               const struct parallel_plan *plan, uint64_t samples);

/* What a process that does nothing else needs: the weights of its stage, the answers, and
   a folded crew (train/folded_crew.h) or, while the weights are read, one tensor of any
   stage. Of the stage: count, index, whole and model. */
size_t evaluation_bytes(const struct stage *stage, const struct parallel_plan *plan,
                        uint64_t samples);

#endif
