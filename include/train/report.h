/*
 * report: results as people read them, printed with log_out.
 */
#ifndef LOCKSTEP_TRAIN_REPORT_H
#define LOCKSTEP_TRAIN_REPORT_H

#include <stdint.h>

/* The pairs of classes that are most often taken for each other; confusion is (classes,
   classes), [true][predicted]. Prints nothing if there are none. */
void report_confusions(char *const *class_name, int classes, const uint64_t *confusion);

#endif
