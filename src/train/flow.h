/*
 * flow: what passes between the stages of a replica: activations forward, their gradients
 * back, straight from and to the workspaces. Thread 0 only, in the order of stage_op;
 * without neighbours nothing is done.
 *
 * A round's input is asked for as soon as its slot's workspaces are free, its output's
 * gradient as soon as it has gone forward: messages arrive while others are computed.
 */
#ifndef LOCKSTEP_TRAIN_FLOW_H
#define LOCKSTEP_TRAIN_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/message.h"
#include "train/crew.h"

struct flow {
    const struct crew *crew; /* borrowed; with its stage */
    struct messages *messages;

    /* --- of the grains under way --- */
    int begin, end, lanes, rounds;
    uint64_t samples; /* of all grains from 0 on: the last may be short */
    bool train;       /* gradients come back */
};

void flow_init(struct flow *flow, const struct crew *crew);
void flow_release(struct flow *flow);

/* Grains [begin, end) in `lanes` lanes, of a batch or split of `samples` samples. Not
   only for thread 0, but before all else. */
void flow_plan(struct flow *flow, int begin, int end, int lanes, uint64_t samples,
               bool train);

void flow_open(struct flow *flow);
void flow_before_forward(struct flow *flow, int round); /* its input is there */
void flow_after_forward(struct flow *flow, int round);
void flow_before_backward(struct flow *flow, int round); /* its output's gradient is */
void flow_after_backward(struct flow *flow, int round);
void flow_close(struct flow *flow); /* all has been taken by the neighbours */

#endif
