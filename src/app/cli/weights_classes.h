/*
 * weights_classes: a text file with the names of the classes of imported weights.
 */
#ifndef LOCKSTEP_APP_WEIGHTS_CLASSES_H
#define LOCKSTEP_APP_WEIGHTS_CLASSES_H

#include "base/status.h"

/* One name a line, empty lines do not count; names are normalised as those of imported
   data are (io/text.h). name: (classes) NULL at first; its strings are the caller's, also
   after a failure. ST_USAGE if there are more or fewer names, or two of them are equal:
   networks and data sets know classes by their names. */
enum status weights_read_classes(const char *path, int classes, char **name) MUST_CHECK;

#endif
