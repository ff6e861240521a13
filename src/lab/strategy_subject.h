/* strategy_subject: the layers and blocks of a table, with the data of a training
   step. */
#ifndef LOCKSTEP_LAB_STRATEGY_SUBJECT_H
#define LOCKSTEP_LAB_STRATEGY_SUBJECT_H

#include "lab/strategy_table.h"

struct subject_data {
    const struct layer *layer;
    float *x, *x2, *y, *dy; /* x2 NULL: the layer has one input */
    float *dx, *dx2;        /* NULL: not wanted */
};

/* The subjects of a network, from input to output, with the data of one training step at
   its initial weights. */
struct subjects {
    struct model plain, fused;
    float *params, *grads;
    uint64_t *sample;
    int count;
    struct subject_data *data;     /* owned: (count) */
    struct strategy_subject *info; /* the table's: (count) */
};

/* Fills in table->subjects and table->subject. subjects is zeroed; the caller releases
   it, also after a failure. */
enum status subjects_init(struct subjects *subjects,
                          const struct strategy_table_setup *setup,
                          struct strategy_table *table) MUST_CHECK;
void subjects_release(struct subjects *subjects);

struct strategy_task subject_task(const struct subjects *subjects, int index,
                                  enum strategy_pass pass, int batch);

#endif
