/*
 * feature_use: the features that a run keeps (train/features.h): those of the training
 * images, which steps begin with, and those of the images that evaluations look at.
 */
#ifndef LOCKSTEP_TRAIN_FEATURE_USE_H
#define LOCKSTEP_TRAIN_FEATURE_USE_H

#include "stepper.h"
#include "train/features.h"
#include "train/folded_crew.h"

struct feature_use {
    struct stepper *stepper; /* borrowed */
    bool kept;
    struct features train, chosen; /* data NULL: not computed */
    bool chosen_tried;             /* or there is no such value in the folded network */
};

/* Collective, also below. */
void feature_use_init(struct feature_use *use, struct stepper *stepper);
void feature_use_release(struct feature_use *use);

/* Before the first step: computes or reads those of the training images, unless they are
   there, and steps begin with them from now on. latest: as in struct features_setup. */
enum status feature_use_train(struct feature_use *use, double latest) MUST_CHECK;

/* The value with which evaluations begin from now on, in the model that is trained; 0:
   none, or not yet known. */
int feature_use_value(const struct feature_use *use);

/* *features: what an evaluation by this crew begins with; NULL: the images. It begins
   with the images also if this fold does not make the value (feature in nn/model.h):
   whether a norm that learns can be folded through a pool depends on its weights. fold:
   what made the crew's model; NULL: it is the one that is trained. */
enum status feature_use_evaluation(struct feature_use *use, const struct crew *crew,
                                   const struct fold *fold, const float *params,
                                   struct loader *loader, double latest,
                                   const struct features **features) MUST_CHECK;

#endif
