/*
 * ways: training steps by ranks x threads, each way in processes of its own: `lockstep
 * bench step`, started by mpirun where there are several ranks.
 */
#ifndef LOCKSTEP_APP_WAYS_H
#define LOCKSTEP_APP_WAYS_H

#include "base/status.h"

struct way {
    int ranks, threads;     /* given */
    double rate, low, high; /* images per second: median and extremes */
};

struct ways_request {
    const char *config; /* NULL: the reference network */
    long long batch, repeats;
};

/* By one process that no mpirun has started. */
enum status ways_measure(const struct ways_request *request, struct way *ways,
                         int count) MUST_CHECK;

/* The fastest of those with so many workers, ranks times threads; NULL: there is none. */
const struct way *ways_best(const struct way *ways, int count, int workers);

#endif
