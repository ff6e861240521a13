/*
 * trace: records what each thread did when, as spans with a begin and an end, and writes
 * them in Chrome's trace event format, which ui.perfetto.dev and chrome://tracing display
 * ("Trace Event Format", Google, 2016).
 *
 * A span costs a load and a branch while tracing is off; two clock readings and a store
 * into the thread's own memory while it is on. Spans of one thread nest. Their memory is
 * allocated by trace_start; spans that do not fit are counted as lost.
 *
 *   double begin = trace_begin();
 *   ...
 *   trace_end("forward", layer->name, begin);
 */
#ifndef LOCKSTEP_BASE_TRACE_H
#define LOCKSTEP_BASE_TRACE_H

#include <stdbool.h>
#include <stddef.h>

/* Turns tracing on, for up to `lanes` threads with up to `spans` spans each. origin: the
   time (timer_now) that becomes 0 in the trace. Main thread, while no other thread is
   working; the same holds for trace_stop. */
void trace_start(int lanes, int spans, double origin);
void trace_stop(void);
bool trace_on(void);

/* Names the calling thread in the trace: "thread 1"; number < 0: only the name. The first
   call counts. `name` must outlive the trace, as must `what` below. */
void trace_lane(const char *name, int number);

/* The present time; 0 while tracing is off. */
double trace_begin(void);

/* Records a span from `begin` until now: `what` ("forward") was done to `detail`
   ("conv1"; may be NULL), which is copied: a layer may be gone before the trace is
   written. */
void trace_end(const char *what, const char *detail, double begin);
/* Records a span from `begin` until `end`. */
void trace_span(const char *what, const char *detail, double begin, double end);

/* Records training step `number` from `begin` until now. */
void trace_step(unsigned long long number, double begin);

/* Records an operation that runs asynchronously to the calling thread, from `begin` until
   now: a message of `bytes` bytes. */
void trace_async(const char *what, size_t bytes, double begin);

/* All events of this process, as process number `pid`: one line each, each ending with a
   comma. The caller frees. */
char *trace_text(int pid, const char *process, size_t *bytes);

#endif
