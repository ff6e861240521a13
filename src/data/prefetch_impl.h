/*
 * prefetch_impl: what prefetch.c, the main thread's part, and prefetch_threads.c share.
 */
#ifndef LOCKSTEP_DATA_PREFETCH_IMPL_H
#define LOCKSTEP_DATA_PREFETCH_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "data/prefetch.h"

#define PREFETCH_NONE UINT64_MAX /* a batch's number */

/* Of a sample of a slot: the batch for which it is ready, or, with this, who computes has
   taken it: too late for the augmenting thread. With their batches' numbers, what that
   thread is late with harms nobody. */
#define PREFETCH_TAKEN ((uint64_t)1 << 63)

/* A batch. All but x and sample is the reader's (or, of a set in memory, the augmenting
   thread's) until it is loaded. */
struct slot {
    uint64_t number;
    bool loaded;
    struct loader loader;
    struct prefetch_batch batch;
    enum status status;
    char why[STATUS_TEXT];    /* it could not be read */
    float *x;                 /* owned: (most, h, w); NULL: no augmenting thread */
    _Atomic uint64_t *sample; /* owned: (most) */
};

struct prefetch {
    struct prefetch_setup setup;
    size_t image; /* floats */
    bool resident;
    int depth, slots;
    struct slot *slot;   /* owned: (slots); batch n is in slot n % slots */
    struct loader spare; /* not resident, with an augmenting thread: see prefetch_read */

    /* The batch taken, for those who compute. */
    struct loader place;          /* resident, or depth 0: filled in from, in place */
    const struct loader *current; /* place, or the slot's */
    struct slot *ready;           /* whose samples may be there already; NULL: none */

    pthread_t reader;      /* unless resident */
    pthread_t augmenter;   /* if setup.augment */
    pthread_mutex_t mutex; /* on what follows, and on a slot's `loaded` */
    pthread_cond_t changed;
    bool running, closing;
    uint64_t next_load, next_fill; /* numbers */
    uint64_t loading, filling;     /* a thread is at this one; or PREFETCH_NONE */
    /* Batches below are of no use any more; the threads look without the mutex. */
    _Atomic uint64_t wanted;
    struct dataset_reading reading;
    uint64_t rows_seen;

    double waited;
    uint64_t filled;
    _Atomic uint64_t ahead;
};

/* The bodies of the two threads, and the slot that is batch `number`'s. */
void *prefetch_read(void *prefetch);
void *prefetch_augment(void *prefetch);
struct slot *prefetch_slot(struct prefetch *prefetch, uint64_t number);

static inline uint64_t prefetch_wanted(const struct prefetch *prefetch)
{
    return atomic_load_explicit(&prefetch->wanted, memory_order_relaxed);
}

#endif
