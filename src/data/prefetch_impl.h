/*
 * prefetch_impl: what prefetch.c (the main and compute threads' part) and
 * prefetch_threads.c (the reader and the augmenting thread) share.
 */
#ifndef LOCKSTEP_DATA_PREFETCH_IMPL_H
#define LOCKSTEP_DATA_PREFETCH_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "data/prefetch.h"

#define PREFETCH_NONE UINT64_MAX /* instead of a batch's number */

/* Set in prefetch_slot.sample when a compute thread prepares the sample itself, so that
   the augmenting thread skips it. Each mark carries its batch's number: a mark that the
   augmenting thread makes late, after the slot was reused, is recognised as stale. */
#define PREFETCH_TAKEN ((uint64_t)1 << 63)

/* The storage of one batch. Until `loaded` is set, everything but x and sample belongs to
   the reader (or to the augmenting thread, if the data set is resident). */
struct prefetch_slot {
    uint64_t number; /* of the batch; PREFETCH_NONE: none yet */
    bool loaded;
    struct loader loader; /* holds the batch's images, if they are not resident */
    struct prefetch_batch batch;
    enum status status;       /* of reading the images */
    char error[STATUS_TEXT];  /* the message, if status is not ST_OK */
    float *x;                 /* owned: (most, h, w, c); NULL: no augmenting thread */
    _Atomic uint64_t *sample; /* owned: (most), the batch whose sample x holds */
};

struct prefetch {
    struct prefetch_setup setup;
    size_t image; /* elements of an image: bytes, or floats of the input */
    bool resident;
    int depth, slots;
    struct prefetch_slot *slot; /* owned: (slots); batch n is in slot n % slots */
    struct loader spare;        /* see prefetch_keep_images; unused if resident */

    /* The current batch, for the compute threads. */
    struct loader in_place;         /* used if resident or if depth is 0 */
    const struct loader *current;   /* in_place, or the slot's loader */
    struct prefetch_slot *prepared; /* may hold prepared samples; NULL: none */

    pthread_t reader;      /* if not resident */
    pthread_t augmenter;   /* if setup.augment */
    pthread_mutex_t mutex; /* protects what follows, and `loaded` in every slot */
    pthread_cond_t changed;
    bool running, closing;
    uint64_t next_load, next_fill; /* batches that the threads will take up next */
    uint64_t loading, filling;     /* batches in work, or PREFETCH_NONE */
    /* The current batch's number: work on batches before it is useless. Read without the
       mutex, too. */
    _Atomic uint64_t wanted;
    struct dataset_reading reading;
    uint64_t rows_seen; /* reading.rows when the main thread last looked */

    double waited;
    uint64_t filled;
    _Atomic uint64_t ahead;
};

/* The bodies of the two threads. */
void *prefetch_read(void *prefetch);
void *prefetch_augment(void *prefetch);

/* The slot that holds batch `number`. */
static inline struct prefetch_slot *prefetch_slot(struct prefetch *prefetch,
                                                  uint64_t number)
{
    return &prefetch->slot[number % (uint64_t)prefetch->slots];
}

static inline uint64_t prefetch_wanted(const struct prefetch *prefetch)
{
    return atomic_load_explicit(&prefetch->wanted, memory_order_relaxed);
}

#endif
