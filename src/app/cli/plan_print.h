/*
 * plan_print: what `lockstep plan` prints, and `lockstep show` of its file.
 */
#ifndef LOCKSTEP_APP_PLAN_PRINT_H
#define LOCKSTEP_APP_PLAN_PRINT_H

#include "lab/scaling.h"

/* The run, the machine and the network that it is about. */
void plan_print_header(const struct scaling *scaling);
void plan_print_measured(const struct scaling *scaling);

/* strong[i] and weak[i] are of as many ranks. */
void plan_print_tables(const struct scaling *scaling, const struct scaling_row *strong,
                       const struct scaling_row *weak, int count);
void plan_print_findings(const struct scaling *scaling, const struct scaling_row *rows,
                         const struct scaling_row *weak, int count);

#endif
