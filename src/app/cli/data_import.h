/*
 * data_import: what the importing commands of `lockstep data` share.
 */
#ifndef LOCKSTEP_APP_DATA_IMPORT_H
#define LOCKSTEP_APP_DATA_IMPORT_H

#include "base/status.h"

/* "28" or "HxW" into h and w; NULL does not change them. */
enum status data_import_size(const char *text, int *h, int *w) MUST_CHECK;

/* Refuses a bad --classes before the work begins; NULL is fine. */
enum status data_import_check_classes(const char *text) MUST_CHECK;

#endif
