/*
 * data_source: what --data names. A data set is used as it is; a folder or a list of
 * pictures is imported once, into a cache that later runs share:
 *
 *   $XDG_CACHE_HOME/lockstep/NAME-HASH.h5     (~/.cache without XDG_CACHE_HOME)
 *
 * The hash is that of import_fingerprint: after any change of the files or of the wanted
 * images the pictures are imported again. The cache must be on a file system that all
 * nodes share.
 */
#ifndef LOCKSTEP_APP_RUN_DATA_SOURCE_H
#define LOCKSTEP_APP_RUN_DATA_SOURCE_H

#include <stdbool.h>

#include "data/import_pictures.h"

struct comm;
struct data_options;

/* The options of an import as the command line's defaults are. */
struct import_options data_source_options(void);

/* Those of a training, which the config says. */
struct import_options data_source_training_options(const struct data_options *data);

/* Sets *file, which the caller frees, to the data set that `path` is or became, and *has
   as below. Not collective: for a process alone. */
enum status data_source_find(const char *path, const struct import_options *options,
                             char **file, bool has[DATASET_SPLITS]) MUST_CHECK;

/* Collective. Sets *file, which the caller frees, to the data set that `path` is or
   became. Only rank 0 imports. *has (of a folder or list): the splits that it has itself;
   all are true for a data set. */
enum status data_source_open(struct comm *comm, const char *path,
                             const struct import_options *options, char **file,
                             bool has[DATASET_SPLITS]) MUST_CHECK;

#endif
