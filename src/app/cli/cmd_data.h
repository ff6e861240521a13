/*
 * cmd_data: what cmd_data.c and cmd_import.c share. The subcommands of `lockstep data`.
 */
#ifndef LOCKSTEP_APP_CMD_DATA_H
#define LOCKSTEP_APP_CMD_DATA_H

#include <stdbool.h>

#include "data/dataset.h"

enum status data_import_idx(int argc, char **argv) MUST_CHECK;
enum status data_import_csv(int argc, char **argv) MUST_CHECK;
enum status data_import_dir(int argc, char **argv) MUST_CHECK;

/* Before the work begins: is there a name, and may it be written? */
enum status data_check_out(const char *out, bool force) MUST_CHECK;

/* Write the data set, say what it is, release the builder. */
enum status data_finish(struct dataset_builder *builder, const char *out,
                        bool allow_empty) MUST_CHECK;

#endif
