/* cmd_lab: shared by the sources of `lockstep lab`. */
#ifndef LOCKSTEP_APP_CMD_LAB_H
#define LOCKSTEP_APP_CMD_LAB_H

#include "lab/results.h"

struct comm;

enum status lab_batch(struct comm *comm, int argc, char **argv) MUST_CHECK;
enum status lab_threads(struct comm *comm, int argc, char **argv) MUST_CHECK;

/* cmd_lab_print.c: with log_out. */
void lab_print_machine(const struct machine *machine);
void lab_print_speedups(const struct strategy_table *table, const struct machine *machine,
                        int threads);
void lab_print_rows(const struct strategy_table *table);

/* cmd_lab_microbench.c: the same */
void lab_print_microbench(const struct results *results);
void lab_print_claims(const struct claim *claims, int count);

#endif
