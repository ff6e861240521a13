/*
 * run_config: the config of a run: a file, changed by options of the command line.
 */
#ifndef LOCKSTEP_APP_RUN_RUN_CONFIG_H
#define LOCKSTEP_APP_RUN_RUN_CONFIG_H

#include <stdbool.h>

#include "app/config/config.h"

struct comm;

struct run_config_request {
    const char *path;
    const char *data;              /* instead of data.file; NULL: as the file says */
    const char *image_size;        /* as --image-size; NULL: not given */
    const char *pretrained;        /* instead of finetune.pretrained; NULL: as above */
    const char *freeze;            /* instead of finetune.freeze; NULL: as above */
    long long threads;             /* instead of parallel.threads; 0: as the file says */
    bool no_verify;                /* data.verify = off */
    const char *const *assignment; /* (assignments) the --set options */
    int assignments;
    bool elsewhere; /* for other machines: the CPUs of this one do not count */
};

/* Collective. Rank 0 reads the file and sends it: other nodes need not see it. config is
   initialised by the caller, who also calls config_check. */
enum status run_config_read(struct config *config, struct comm *comm,
                            const struct run_config_request *request) MUST_CHECK;

#endif
