/*
 * prefetch: prepares a rank's share of each batch before the step that needs it.
 *
 * While batch N is trained on, the reader thread fetches the images of batch N + 2 (if
 * the data set is not resident in memory), and the augmenting thread turns the images of
 * batch N + 1 into the network's input; `depth` limits how many batches they may be
 * ahead. The content of a batch depends on its number alone: neither the depth nor the
 * thread that prepared a sample changes a bit.
 *
 * A step waits for the reader, never for the augmenting thread, which runs only on idle
 * CPU time: samples that it has not finished are prepared by the compute threads. A
 * machine without an idle CPU loses little; one with idle CPUs augments at no cost.
 *
 * Everything is allocated by prefetch_create. Idle threads sleep. No thread calls MPI.
 */
#ifndef LOCKSTEP_DATA_PREFETCH_H
#define LOCKSTEP_DATA_PREFETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "data/loader.h"

#define PREFETCH_DEPTH_MAX 16

/* This rank's share of a batch: positions [first, first + count) of `epoch`. */
struct prefetch_batch {
    uint32_t epoch;
    uint64_t first, count;
};

struct prefetch_setup {
    const struct loader *loader; /* how images are loaded; copied, must be fresh */
    uint64_t most;               /* positions in a share, at most */
    int depth;                   /* batches ahead; 0: no threads, work is done in place */
    bool augment;                /* start an augmenting thread? */
    size_t memory;               /* bytes available; less memory means a smaller depth */
    /* The share of batch `number`, a function of the number alone. Any thread. */
    void (*batch)(const void *context, uint64_t number, struct prefetch_batch *batch);
    const void *context;
};

struct prefetch;
struct prefetch *prefetch_create(const struct prefetch_setup *setup);
void prefetch_free(struct prefetch *prefetch); /* NULL is fine */

/* Batches ahead: setup's depth, or fewer where memory is short. */
int prefetch_depth(const struct prefetch *prefetch);

/* Makes batch `number` the current one and releases the one before. Any number is
   allowed, but only the next one has been prepared. Reports here, not earlier, that the
   batch's images could not be read. Main thread; not collective. */
enum status prefetch_take(struct prefetch *prefetch, uint64_t number) MUST_CHECK;

/* Ends what is read ahead, so that this thread may read the data set: until the next
   prefetch_take, which begins again. Main thread. */
void prefetch_pause(struct prefetch *prefetch);

/* The sample at `position` of the current batch, and x (h, w, c). Any thread. */
void prefetch_fill(struct prefetch *prefetch, uint64_t position, float *x,
                   struct loader_sample *sample);

/* Totals so far. Main thread. */
struct prefetch_counts {
    double waited;   /* seconds that prefetch_take waited for the reader */
    uint64_t filled; /* samples in the batches taken */
    uint64_t ahead;  /* how many of them the augmenting thread prepared */
};
struct prefetch_counts prefetch_counts(const struct prefetch *prefetch);

#endif
