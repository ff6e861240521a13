/*
 * conv_rule: the rule that chooses an algorithm for each pass of a convolution
 * (conv_algorithm_chosen), held against measurements.
 */
#ifndef LOCKSTEP_LAB_CONV_RULE_H
#define LOCKSTEP_LAB_CONV_RULE_H

#include "lab/conv_speed.h"

#define CONV_RULE_SLACK 1.10 /* times the best that the choice may take */
#define CONV_RULE_BATCH 64   /* images of a step, in which weights are packed once */

struct conv_verdict {
    struct conv_speed speed;
    int chosen, best;   /* of speed.way */
    double ratio;       /* of their times */
    const char *reason; /* of a listed exception; NULL: there is none */
};

/* Seconds per image, with the image's share of packing. */
double conv_rule_seconds(const struct conv_way_speed *speed);

/* Measures a pass; again, with more effort, what seems to break the rule. The ratio is
   the least one found. */
void conv_rule_check(struct conv_verdict *verdict, const struct conv_subject *subject,
                     enum conv_pass pass);

/* Is the choice too slow, without a reason? */
static inline bool conv_rule_broken(const struct conv_verdict *verdict)
{
    return verdict->ratio > CONV_RULE_SLACK && !verdict->reason;
}

#endif
