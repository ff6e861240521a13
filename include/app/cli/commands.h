/*
 * commands: the subcommands of lockstep. argv[0] is the first word after the name.
 * The value returned is the program's exit code. Commands that run on several ranks get
 * the communicator; the others run on one, without MPI, and comm is NULL.
 */
#ifndef LOCKSTEP_APP_CLI_COMMANDS_H
#define LOCKSTEP_APP_CLI_COMMANDS_H

#include "base/status.h"

struct comm;

enum status cmd_train(struct comm *comm, int argc, char **argv) MUST_CHECK;
enum status cmd_eval(struct comm *comm, int argc, char **argv) MUST_CHECK;
enum status cmd_predict(struct comm *comm, int argc, char **argv) MUST_CHECK;
enum status cmd_show(struct comm *comm, int argc, char **argv) MUST_CHECK;
enum status cmd_bench(struct comm *comm, int argc, char **argv) MUST_CHECK;
enum status cmd_lab(struct comm *comm, int argc, char **argv) MUST_CHECK;
enum status cmd_tune(struct comm *comm, int argc, char **argv) MUST_CHECK;
enum status cmd_plan(struct comm *comm, int argc, char **argv) MUST_CHECK;
enum status cmd_data(struct comm *comm, int argc, char **argv) MUST_CHECK;

#endif
