/*
 * import_queue: many threads work on items 0..count, the caller takes the results in
 * order.
 *
 * A result is `slot_bytes` in one of a fixed number of slots, so memory does not depend
 * on count, and the order does not depend on the threads.
 */
#ifndef LOCKSTEP_DATA_IMPORT_QUEUE_H
#define LOCKSTEP_DATA_IMPORT_QUEUE_H

#include <stddef.h>

#include "base/status.h"

struct import_queue_job {
    size_t count;
    int threads; /* 0: the caller works too, which is faster for short work */
    size_t slot_bytes;
    /* Any thread: works on item i and writes the result to the zeroed slot. It prints
       nothing and cannot fail: a failure is a result. */
    void (*work)(void *context, size_t i, void *slot);
    /* The caller's thread: takes result i. A failure ends the queue: results that nobody
       takes are given to drop, which may be NULL. */
    enum status (*take)(void *context, size_t i, void *slot);
    void (*drop)(void *slot);
    void *context;
};

/* Returns the first failure of take, or ST_FAIL if the user interrupts. */
enum status import_queue_run(const struct import_queue_job *job) MUST_CHECK;

#endif
