/* trainer_impl: the parts of a trainer; only trainer.c, begin.c and measure.c see all of
   them. */
#ifndef LOCKSTEP_TRAIN_TRAINER_IMPL_H
#define LOCKSTEP_TRAIN_TRAINER_IMPL_H

#include "average.h"
#include "feature_use.h"
#include "saver.h"
#include "stepper.h"
#include "train/trainer.h"
#include "train_log.h"
#include "train_run.h"

struct trainer {
    struct train_run run;
    struct stepper stepper;
    struct train_log log;
    struct saver saver;
    struct loader chooser; /* of the split that training chooses by */
    struct average average;
    struct feature_use features;
    double slowest_step, slowest_evaluation; /* seconds, for deadlines */
};

/* Collective: the weights that come from training images (begin_data.c). */
enum status begin_from_data(struct trainer *trainer) MUST_CHECK;

#endif
