/*
 * output: files that commands write at the user's request.
 */
#ifndef LOCKSTEP_APP_RUN_OUTPUT_H
#define LOCKSTEP_APP_RUN_OUTPUT_H

#include <stdbool.h>

#include "base/status.h"

struct dataset_builder;
struct target_kind;

/* Before the work begins: is `out` given (not NULL), and may it become a file of this
   kind (target.h)? force: it may exist. */
enum status output_check(const char *out, bool force, const struct target_kind *kind,
                         const char *const *input, int inputs) MUST_CHECK;

/* Writes the data set, prints what it holds, releases the builder. Nothing is written
   after an interruption. */
enum status output_dataset(struct dataset_builder *builder, const char *out,
                           bool allow_empty) MUST_CHECK;

#endif
