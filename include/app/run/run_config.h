/*
 * run_config: the config of a run, as the command line names and changes it.
 */
#ifndef LOCKSTEP_APP_RUN_RUN_CONFIG_H
#define LOCKSTEP_APP_RUN_RUN_CONFIG_H

#include "app/cli/cli.h"
#include "app/config/config.h"

struct comm;

struct run_config_request {
    const char *path, *data;     /* data: instead of data.file; may be NULL */
    long long threads;           /* instead of parallel.threads; 0: as it says */
    const struct cli_texts *set; /* the --set options */
};

/* Collective. Read by rank 0 alone: other nodes need not see the file. config is
   initialised. config_check is the caller's. */
enum status run_config_read(struct config *config, struct comm *comm,
                            const struct run_config_request *request) MUST_CHECK;

#endif
