/*
 * report: results as people read them, printed with log_out.
 */
#ifndef LOCKSTEP_TRAIN_REPORT_H
#define LOCKSTEP_TRAIN_REPORT_H

#include "train/confusion.h"

/* The pairs of classes that are most often taken for each other. Prints nothing if there
   are none. class_name: (confusion->classes). */
void report_confusions(char *const *class_name, const struct confusion *confusion);

#endif
