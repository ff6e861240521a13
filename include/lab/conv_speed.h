/*
 * conv_speed: each algorithm of kernels/conv_algorithm.h on one core, shape by shape and
 * pass by pass.
 */
#ifndef LOCKSTEP_LAB_CONV_SPEED_H
#define LOCKSTEP_LAB_CONV_SPEED_H

#include "lab/conv_trial.h"
#include "nn/model.h"

/* --- what is measured --- */

#define CONV_SUBJECT_NAME 64

/* A convolution; n is left 0. */
struct conv_subject {
    char name[CONV_SUBJECT_NAME]; /* "3x3, 28x28, 64->128" */
    char *users;                  /* owned: "conv1 conv2", or networks; NULL: unknown */
    struct conv_shape shape;
    struct kernel_policy policy;
    bool fused; /* every such layer is inside a block, which does not ask the table */
    bool wanted[CONV_PASSES]; /* in training: the gradient of images is not */
};

struct conv_subjects {
    struct conv_subject *subject; /* owned */
    int count;
};

/* Adds shapes of well-known networks. */
void conv_subjects_add_known(struct conv_subjects *subjects);
/* Adds the convolutions of a network, each shape once. users: its name, or, if that is
   NULL, those of the layers. */
void conv_subjects_add_model(struct conv_subjects *subjects, const struct model *model,
                             const char *name);
void conv_subjects_release(struct conv_subjects *subjects);

/* --- how fast it is --- */

struct conv_way_speed {
    const struct conv_algorithm *way;
    double seconds; /* per image, weights packed already */
    double pack;    /* seconds to pack them, once a step */
    bool chosen;    /* by conv_algorithm_chosen */
};

struct conv_speed {
    int images; /* that a run takes */
    int ways;   /* that fit */
    struct conv_way_speed way[CONV_WAYS];
};

/* One pass by all algorithms that fit, in turns: CPU time of this thread, the lower
   quartile of some rounds, because others may use the machine. A run takes `grain`
   images, or fewer where they are large. effort 1 is enough for a table. */
void conv_speed_measure(struct conv_speed *speed, const struct conv_subject *subject,
                        enum conv_pass pass, int grain, int effort);

#endif
