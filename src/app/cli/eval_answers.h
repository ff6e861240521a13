/*
 * eval_answers: the answers of `lockstep eval`, and a file of all of them.
 */
#ifndef LOCKSTEP_APP_CLI_EVAL_ANSWERS_H
#define LOCKSTEP_APP_CLI_EVAL_ANSWERS_H

#include "app/run/network.h"
#include "io/target.h"
#include "train/evaluate.h"

extern const struct target_kind eval_predictions;

/* Everything is borrowed. */
struct eval_answers {
    const char *checkpoint, *data; /* as the user called them */
    const struct network *network;
    const struct loader *loader; /* of the split, in the classes of the network */
    size_t count;                /* images */
    double threshold;            /* of images with several classes */
    const struct evaluation *result;
    const struct answer *answer; /* (count), of images with one class; or NULL */
};

/* logprobs (count, classes). Writes /logprobs, /predicted and /labels or, of images with
   several classes, /probabilities, /predicted and /labels (count, classes). */
enum status eval_write_answers(const struct eval_answers *answers, const char *path,
                               const float *logprobs) MUST_CHECK;
/* What that takes besides logprobs, in bytes. */
size_t eval_write_bytes(const struct model *model, size_t count);

#endif
