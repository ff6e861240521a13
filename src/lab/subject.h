/* subject: a layer or block with data of its own. */
#ifndef LOCKSTEP_LAB_SUBJECT_H
#define LOCKSTEP_LAB_SUBJECT_H

#include "lab/measure.h"

struct subject {
    const struct layer *layer;
    bool first; /* nobody wants its dx */
    float *x, *y, *dy, *dx;
};

/* The subjects of a network in the order of its flow, with the data of one training step
   at its initial weights. */
struct subjects {
    struct model plain, fused;
    float *params, *grads;
    uint64_t *sample;
    int count;
    struct subject *subject;      /* owned: (count) */
    struct measure_subject *told; /* (count) what is known of them; the caller's */
};

enum status subjects_init(struct subjects *subjects,
                          const struct measure_request *request) MUST_CHECK;
void subjects_release(struct subjects *subjects);

struct strategy_task subject_task(const struct subjects *subjects, int index,
                                  enum strategy_pass pass, int batch);

#endif
