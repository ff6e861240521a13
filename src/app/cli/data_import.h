/*
 * data_import: what the importing commands of `lockstep data` share.
 */
#ifndef LOCKSTEP_APP_DATA_IMPORT_H
#define LOCKSTEP_APP_DATA_IMPORT_H

#include "base/status.h"
#include "data/import.h"
#include "data/import_pictures.h"

/* "28" or "HxW" into h and w; NULL does not change them. */
enum status data_import_size(const char *text, int *h, int *w) MUST_CHECK;

/* Options of IDX files and tables as the command line has them; 0 and NULL: not given. */
struct data_import_table {
    const char *classes;
    bool transpose, allow_empty;
    long long label_base;
    double max_value;
};

/* Checks them before the work begins. */
enum status data_import_table_options(const struct data_import_table *request,
                                      struct import_table_options *options) MUST_CHECK;

/* Imports images that were read from the file `path` into memory, as folders of pictures
   are imported, and releases the builder. */
enum status data_import_memory(struct dataset_builder *builder, const char *path,
                               const char *out,
                               const struct import_options *options) MUST_CHECK;

#endif
