/*
 * flow: the messages between the stages of a replica: activations to the next stage,
 * their gradients back, straight from and to the workspaces. Called by thread 0 only, in
 * the order of stage_pass_at. A stage without neighbours does nothing here.
 *
 * The input of a round is requested as soon as its slot of workspaces is free, the
 * gradient of its output as soon as the round has gone forward: messages arrive while
 * other rounds are computed.
 */
#ifndef LOCKSTEP_TRAIN_FLOW_H
#define LOCKSTEP_TRAIN_FLOW_H

#include <stdbool.h>

#include "base/grain.h"
#include "comm/message.h"
#include "train/crew.h"

struct flow {
    const struct crew *crew; /* borrowed; with its stage */
    struct messages *messages;

    /* --- of the current batch --- */
    struct grain_range grains; /* the replica's */
    int lanes, rounds;
    bool train; /* gradients come back */
};

void flow_init(struct flow *flow, const struct crew *crew);
void flow_release(struct flow *flow);

/* Call first: the replica's grains, taken by `lanes` lanes. Any thread. */
void flow_plan(struct flow *flow, const struct grain_range *grains, int lanes,
               bool train);

void flow_open(struct flow *flow);
void flow_before_forward(struct flow *flow, int round); /* the round's input is there */
void flow_after_forward(struct flow *flow, int round);
void flow_before_backward(struct flow *flow, int round); /* its output's gradient is */
void flow_after_backward(struct flow *flow, int round);
void flow_close(struct flow *flow); /* the neighbours have taken everything */

#endif
