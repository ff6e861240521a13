/*
 * subcommand: commands of commands, such as `lockstep data import`.
 */
#ifndef LOCKSTEP_APP_SUBCOMMAND_H
#define LOCKSTEP_APP_SUBCOMMAND_H

#include "base/status.h"

struct subcommand {
    const char *name;
    enum status (*run)(int argc, char **argv);
    const char *summary;
};

/* A command and its subcommands. */
struct subcommands {
    const char *command; /* "data" */
    const char *summary; /* a sentence */
    int count;
    const struct subcommand *list; /* (count) */
};

/* Runs the one that argv[0] names, or prints the list for --help. ST_USAGE if there is no
   such one. */
enum status subcommand_run(const struct subcommands *commands, int argc,
                           char **argv) MUST_CHECK;

#endif
