/*
 * thread: background threads: the checkpoint writer, the data reader, the watch over
 * other ranks. Compute threads are OpenMP's (kernels/team.h).
 */
#ifndef LOCKSTEP_BASE_THREAD_H
#define LOCKSTEP_BASE_THREAD_H

#include <pthread.h>

/* Starts body(context). The new thread blocks all signals: handlers run in the main
   thread. The caller joins it. Ends the job if the system cannot create a thread. */
void thread_start(pthread_t *thread, void *(*body)(void *context), void *context);

/* Bytes of address space that a thread's stack reserves. */
size_t thread_stack_bytes(void);

/* Sets the calling thread's name in `top -H` and in a trace; `name` is a literal. */
void thread_name(const char *name);

/* From now on the calling thread runs on idle CPU time only (SCHED_IDLE). */
void thread_run_idle(void);

#endif
