/*
 * h5probe: HDF5 files are tried in a process of their own before they are read.
 *
 * HDF5 1.10 crashes, loops or takes any amount of memory on some damaged or malicious
 * files, in code that nobody above it can guard. So that such a file ends in a message
 * and not in a signal that takes the whole job along, another process of this program
 * first reads all that a reader could ask for: groups, extents, attributes (not the
 * numbers in arrays, which h5file bounds itself). It has 5 s of computing and 1 GB of
 * memory for it and takes about 5 ms. A file is tried once, unless it changes.
 *
 * This keeps a run alive. It is no guard against a file that is made to take over the
 * process which reads it: HDF5 files from people one would not run a program of should be
 * read in a container.
 */
#ifndef LOCKSTEP_IO_H5PROBE_H
#define LOCKSTEP_IO_H5PROBE_H

#include "base/status.h"

/* From here on h5file_open tries every file. For programs whose main begins with
   h5probe_answer. */
void h5probe_enable(void);

/* If this process was started to try a file, it does and ends here. */
void h5probe_answer(int argc, char **argv);

/* What it does: ST_OK, or it does not return, or texts could not be read. */
enum status h5probe_walk(const char *path) MUST_CHECK;

#endif
