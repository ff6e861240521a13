/*
 * thread: threads that work in the background: a checkpoint's writer, the watch over
 * other ranks. Those that compute are OpenMP's (kernels/team.h).
 */
#ifndef LOCKSTEP_BASE_THREAD_H
#define LOCKSTEP_BASE_THREAD_H

#include <pthread.h>

#include "base/status.h"

/* Starts body(context). No signal is ever delivered to the new thread: handlers run in
   the main one. The caller joins it. */
enum status thread_start(pthread_t *thread, void *(*body)(void *context),
                         void *context) MUST_CHECK;

#endif
