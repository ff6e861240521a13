/*
 * fault: memory that is mapped from a file and whose pages the system cannot provide,
 * because the file's folder is full (Open MPI's files in /dev/shm), the file was cut
 * short, or its storage fails. The system then sends SIGBUS.
 */
#ifndef LOCKSTEP_BASE_FAULT_H
#define LOCKSTEP_BASE_FAULT_H

/* From now on such a SIGBUS ends the process with one line and exit code 1. Call before
   MPI starts, which otherwise prints a stack trace. */
void fault_install(void);

#endif
