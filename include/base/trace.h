/*
 * trace: what each thread did when, for a picture of it: spans with a begin and an end,
 * in Chrome's trace event format (ui.perfetto.dev and chrome://tracing open it; "Trace
 * Event Format", Google, 2016).
 *
 * Off, a span costs a load and a branch; on, two readings of the clock and a store into
 * memory of the thread's own. Spans of one thread nest; nothing is allocated or written
 * until trace_text. What no longer fits is counted.
 *
 *   double begin = trace_begin();
 *   ...
 *   trace_end("forward", layer->name, begin);
 */
#ifndef LOCKSTEP_BASE_TRACE_H
#define LOCKSTEP_BASE_TRACE_H

#include <stdbool.h>
#include <stddef.h>

/* Room for so many threads, and spans of each. origin: timer_now seconds that are 0 in
   the picture. Main thread, while no other is at work, as trace_stop. */
void trace_start(int lanes, int spans, double origin);
void trace_stop(void);
bool trace_on(void);

/* The calling thread's name in the picture, "thread 1"; number < 0: none. The first
   counts. `name` outlives the trace, as do `what` and `detail` below. */
void trace_lane(const char *name, int number);

/* Now; 0 when off. */
double trace_begin(void);

/* A span from `begin` until now: `what` was done ("forward") to `detail` ("conv1"; NULL:
   nothing in particular). */
void trace_end(const char *what, const char *detail, double begin);
/* The same until `end`. */
void trace_span(const char *what, const char *detail, double begin, double end);

/* A step of training, until now: steps have numbers. */
void trace_step(unsigned long long number, double begin);

/* Something that goes on beside what threads do: a message, from `begin` until now.
   bytes: its size. */
void trace_async(const char *what, size_t bytes, double begin);

/* All events of this process, a line each and each with a comma behind it, as process
   number `pid`; the caller frees. */
char *trace_text(int pid, const char *process, size_t *bytes);

#endif
