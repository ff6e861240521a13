/*
 * plan_rows: for which numbers of ranks `lockstep plan` predicts the speed.
 */
#ifndef LOCKSTEP_APP_PLAN_ROWS_H
#define LOCKSTEP_APP_PLAN_ROWS_H

#include "lab/scaling.h"

#define PLAN_ROWS 64

struct plan_rows {
    int count, ranks[PLAN_ROWS]; /* ascending, each once */
};

/* asked: "N,N,..." of --ranks; NULL: powers of two, and the number of measured ranks.
   ST_USAGE with a message if the text is wrong, or if these ranks need a network that is
   not known. scaling: the run, the machine and what is known of the network. */
enum status plan_rows_choose(struct plan_rows *rows, const struct scaling *scaling,
                             const char *asked) MUST_CHECK;

#endif
