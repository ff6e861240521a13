/*
 * cmd_weights: the subcommands of `lockstep weights`, one file each.
 */
#ifndef LOCKSTEP_APP_CMD_WEIGHTS_H
#define LOCKSTEP_APP_CMD_WEIGHTS_H

#include "base/status.h"

enum status cmd_weights_import(int argc, char **argv) MUST_CHECK;
enum status cmd_weights_export(int argc, char **argv) MUST_CHECK;

#endif
