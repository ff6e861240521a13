/*
 * h5probe: another process reads an HDF5 file before this one does.
 *
 * HDF5 1.10 crashes, loops or allocates any amount of memory on some damaged or malicious
 * files, and its callers cannot prevent that. So that such a file causes a message
 * instead of a signal that ends the whole job, the program first starts itself as a child
 * process with a command that reads the whole file, without output and with limits on
 * time and memory. This costs about 10 ms, plus, for a large file, the time to read it
 * once more. A file is probed once unless it changes. If the child is killed (SIGKILL, as
 * when memory is short), nothing is known about the file, and the job ends with exit
 * code 1.
 *
 * This keeps a job alive. It is no protection against a file made to take over the
 * process that reads it: read files from people you do not trust in a container.
 */
#ifndef LOCKSTEP_IO_H5PROBE_H
#define LOCKSTEP_IO_H5PROBE_H

/* Call in main while signals are still deferred. From now on h5file_open first has every
   file read by `lockstep COMMAND FILE`. In that child process the call sets its limits
   instead. command NULL: another rank probes the files that this one reads. Without this
   call no file is probed, and variable-length text, on which HDF5 is least safe, is
   refused. */
void h5probe_start(const char *command);

#endif
