/*
 * plan_print: the output of `lockstep plan`, and of `lockstep show` for its file.
 */
#ifndef LOCKSTEP_APP_PLAN_PRINT_H
#define LOCKSTEP_APP_PLAN_PRINT_H

#include "lab/scaling.h"

/* The run, the machine and the network of the prediction. */
void plan_print_header(const struct scaling *scaling);
void plan_print_measured(const struct scaling *scaling);

/* strong[i] and weak[i] have the same number of ranks. */
void plan_print_tables(const struct scaling *scaling, const struct scaling_row *strong,
                       const struct scaling_row *weak, int count);
void plan_print_findings(const struct scaling *scaling, const struct scaling_row *rows,
                         const struct scaling_row *weak, int count);

#endif
