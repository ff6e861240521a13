/*
 * eval_out: what `lockstep eval --out PATH` writes. PATH is a file of predictions (HDF5)
 * or, if it ends with '/', a folder of
 *
 *   report.csv        a row for each class
 *   measures.csv      accuracy with its interval, macro F1, ...
 *   predictions.csv   a row for each image
 *   predictions.h5    the file of predictions
 */
#ifndef LOCKSTEP_APP_CLI_EVAL_OUT_H
#define LOCKSTEP_APP_CLI_EVAL_OUT_H

#include "eval_answers.h"

/* Before the work: may it be written? force: files may be replaced by files of the same
   kind. input: files that may not. ST_USAGE or ST_FAIL, as io/target.h says. Makes
   nothing. Rank 0 alone, both. */
enum status eval_out_check(const struct network *network, const char *out, bool force,
                           const char *const *input, int inputs) MUST_CHECK;

/* Makes the folder if need be. logprobs: (count, classes). ST_FAIL: not written. */
enum status eval_out_write(const struct eval_answers *answers, const char *out,
                           const float *logprobs) MUST_CHECK;

#endif
