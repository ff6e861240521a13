/*
 * commands: the commands of lockstep. argv[0] is the first word after the command's name;
 * the returned value is the program's exit code. comm is NULL for the commands that run
 * in one process, without MPI (models, runs, show, data, weights, export, machine).
 */
#ifndef LOCKSTEP_APP_CLI_COMMANDS_H
#define LOCKSTEP_APP_CLI_COMMANDS_H

#include "base/status.h"

struct comm;

enum status cmd_train(struct comm *comm, int argc, char **argv) MUST_CHECK;
enum status cmd_eval(struct comm *comm, int argc, char **argv) MUST_CHECK;
enum status cmd_predict(struct comm *comm, int argc, char **argv) MUST_CHECK;
enum status cmd_models(struct comm *comm, int argc, char **argv) MUST_CHECK;
enum status cmd_show(struct comm *comm, int argc, char **argv) MUST_CHECK;
enum status cmd_bench(struct comm *comm, int argc, char **argv) MUST_CHECK;
enum status cmd_lab(struct comm *comm, int argc, char **argv) MUST_CHECK;
enum status cmd_tune(struct comm *comm, int argc, char **argv) MUST_CHECK;
enum status cmd_lrfind(struct comm *comm, int argc, char **argv) MUST_CHECK;
enum status cmd_runs(struct comm *comm, int argc, char **argv) MUST_CHECK;
enum status cmd_report(struct comm *comm, int argc, char **argv) MUST_CHECK;
enum status cmd_plan(struct comm *comm, int argc, char **argv) MUST_CHECK;
enum status cmd_machine(struct comm *comm, int argc, char **argv) MUST_CHECK;
enum status cmd_data(struct comm *comm, int argc, char **argv) MUST_CHECK;
enum status cmd_export(struct comm *comm, int argc, char **argv) MUST_CHECK;
enum status cmd_weights(struct comm *comm, int argc, char **argv) MUST_CHECK;

#endif
