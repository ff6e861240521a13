/*
 * h5probe: an HDF5 file is tried by another process before it is read.
 *
 * HDF5 1.10 crashes, loops or takes any amount of memory on some damaged or malicious
 * files, in code that nobody above it can guard. So that such a file ends in a message,
 * and not in a signal that takes the whole job along, this program is first started again
 * with a command that reads all of the file, quietly and with limits on time and memory.
 * That takes some 10 ms, and once more the time of reading where the file is large. A
 * file is tried once unless it changes. Should the other process be killed (SIGKILL, as
 * when memory is short), nothing is known of the file: the job is ended with exit code 1.
 *
 * This keeps a job alive. It is no guard against a file that is made to take over the
 * process that reads it: what comes from people whose programs one would not run should
 * be read in a container.
 */
#ifndef LOCKSTEP_IO_H5PROBE_H
#define LOCKSTEP_IO_H5PROBE_H

/* In main, when signals are still held back: from here on h5file_open first has every
   file tried by `lockstep COMMAND FILE`. In the process that does this it sets the limits
   instead. NULL: another rank has what this one reads tried before. Without it nothing is
   tried, and what HDF5 is not to be trusted with untried is refused. */
void h5probe_start(const char *command);

#endif
