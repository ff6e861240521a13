/*
 * eval_scores: what `lockstep eval` says about its answers: one figure for each measure,
 * and a row for each class.
 */
#ifndef LOCKSTEP_APP_CLI_EVAL_SCORES_H
#define LOCKSTEP_APP_CLI_EVAL_SCORES_H

#include "eval_answers.h"

/* Prints them; of many classes those with the lowest F1. */
void eval_scores_print(const struct eval_answers *answers);

/* Tables for other programs, by the heads below; ST_FAIL: not written. */
#define EVAL_MEASURES_HEAD "measure,value"
#define EVAL_CLASSES_HEAD  "class,images,answers,correct,precision,recall,f1"
enum status eval_write_measures(const struct eval_answers *answers,
                                const char *path) MUST_CHECK;
enum status eval_write_classes(const struct eval_answers *answers,
                               const char *path) MUST_CHECK;

#endif
