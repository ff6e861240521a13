/*
 * cmd_data: the subcommands of `lockstep data`, one file each.
 */
#ifndef LOCKSTEP_APP_CMD_DATA_H
#define LOCKSTEP_APP_CMD_DATA_H

#include <stdbool.h>

#include "base/status.h"

enum status cmd_data_synth(int argc, char **argv) MUST_CHECK;
enum status cmd_data_import(int argc, char **argv) MUST_CHECK;
enum status cmd_data_import_idx(int argc, char **argv) MUST_CHECK;
enum status cmd_data_import_csv(int argc, char **argv) MUST_CHECK;
enum status cmd_data_import_dir(int argc, char **argv) MUST_CHECK;
enum status cmd_data_export(int argc, char **argv) MUST_CHECK;
enum status cmd_data_info(int argc, char **argv) MUST_CHECK;
enum status cmd_data_rehash(int argc, char **argv) MUST_CHECK;
enum status cmd_data_sheet(int argc, char **argv) MUST_CHECK;
enum status cmd_data_split(int argc, char **argv) MUST_CHECK;

/* What `lockstep data info` prints. verify: also compares the content with its hash. */
enum status cmd_data_print_info(const char *path, bool verify) MUST_CHECK;

#endif
