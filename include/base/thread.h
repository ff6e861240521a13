/*
 * thread: threads that work in the background: a checkpoint's writer, the watch over
 * other ranks. Those that compute are OpenMP's (kernels/team.h).
 */
#ifndef LOCKSTEP_BASE_THREAD_H
#define LOCKSTEP_BASE_THREAD_H

#include <pthread.h>

/* Starts body(context). No signal is ever delivered to the new thread: handlers run in
   the main one. The caller joins it. Ends the job if the system has no more threads. */
void thread_start(pthread_t *thread, void *(*body)(void *context), void *context);

/* What a thread's stack takes of the process's limits, used or not. */
size_t thread_stack_bytes(void);

/* Of the calling thread: its name in `top -H` and in a trace, static; and that it is to
   have only CPU time that no other thread wants. */
void thread_name(const char *name);
void thread_stand_back(void);

#endif
