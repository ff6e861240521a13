/*
 * prefetch: a rank's share of batch after batch, made ready before its step.
 *
 * While batch N is trained on, a reader thread fetches the images of batch N + 2 (if they
 * are not in memory) and an augmenting thread makes the network's input of those of batch
 * N + 1; `depth` says how many batches they may be ahead. What a batch holds depends on
 * its number alone, so neither the depth nor who did what changes a bit.
 *
 * A step waits for the reader, never for the augmenting thread: that one takes only CPU
 * time that nobody else wants, and what it has not done yet, whoever computes does by
 * himself. So a machine without a CPU to spare loses little, and one with CPUs to spare
 * augments for free.
 *
 * Everything is allocated at the start, idle threads sleep. The threads make no MPI call.
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
    const struct loader *loader; /* how images are loaded; copied, unused as yet */
    uint64_t most;               /* positions in a share, at most */
    int depth;                   /* batches ahead; 0: no threads, all is done in place */
    bool augment;                /* is there to be an augmenting thread? */
    size_t memory;               /* bytes that may be taken: fewer batches ahead */
    /* The share of batch `number`: a function of that alone. Any thread. */
    void (*batch)(const void *context, uint64_t number, struct prefetch_batch *batch);
    const void *context;
};

struct prefetch;
struct prefetch *prefetch_create(const struct prefetch_setup *setup);
void prefetch_free(struct prefetch *prefetch); /* NULL is fine */

/* Batches ahead, after memory was looked at. */
int prefetch_depth(const struct prefetch *prefetch);

/* From now on batch `number` is filled in from; the one before is given back. Main
   thread; any number, but it is the next that is ready. If its images could not be read,
   that is said now. Not collective. */
enum status prefetch_take(struct prefetch *prefetch, uint64_t number) MUST_CHECK;

/* Sample at `position` of the batch taken: x (h, w) floats, its label and its number. Any
   thread. */
void prefetch_fill(struct prefetch *prefetch, uint64_t position, float *x, int *label,
                   uint64_t *sample);

/* So far, for the main thread. */
struct prefetch_counts {
    double waited;   /* seconds in prefetch_take, for images to be read */
    uint64_t filled; /* samples filled in... */
    uint64_t ahead;  /* ...of these by the augmenting thread */
};
struct prefetch_counts prefetch_counts(const struct prefetch *prefetch);

#endif
