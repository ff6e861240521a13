#include "data/pipeline.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/thread.h"
#include "base/timer.h"
#include "base/where.h"

#define NONE UINT64_MAX /* a batch's number */

/* A sample of a slot. */
enum { RAW, READY, TAKEN /* by who computes: too late for the augmenting thread */ };

/* A batch. Its loader and number are the reader's (or, of a set in memory, the augmenting
   thread's) until it is loaded. */
struct slot {
    uint64_t number;
    bool loaded;
    struct loader loader;
    struct pipeline_batch batch;
    enum status status;
    char why[STATUS_TEXT]; /* it could not be read */
    float *x;              /* owned: (most, h, w); NULL: no augmenting thread */
    atomic_uchar *sample;  /* owned: (most) */
};

struct pipeline {
    struct pipeline_setup setup;
    size_t image; /* floats */
    bool resident;
    int depth, slots;
    struct slot *slot; /* owned: (slots); batch n is in slot n % slots */

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
    uint64_t loading, filling;     /* a thread is at this one; NONE: it is not */
    /* Batches below are of no use any more; the threads look without the mutex. */
    _Atomic uint64_t wanted;
    struct dataset_reading reading;
    uint64_t rows_seen;

    double waited;
    uint64_t filled;
    _Atomic uint64_t ahead;
};

static struct slot *slot_of(struct pipeline *pipeline, uint64_t number)
{
    return &pipeline->slot[number % (uint64_t)pipeline->slots];
}

static uint64_t wanted(const struct pipeline *pipeline)
{
    return atomic_load_explicit(&pipeline->wanted, memory_order_relaxed);
}

static void want(struct pipeline *pipeline, uint64_t number)
{
    atomic_store_explicit(&pipeline->wanted, number, memory_order_relaxed);
}

/* --- the two threads --- */

static void load(struct pipeline *pipeline, struct slot *slot, uint64_t number)
{
    const struct pipeline_setup *setup = &pipeline->setup;
    slot->number = number;
    setup->batch(setup->context, number, &slot->batch);
    if (slot->sample)
        memset(slot->sample, RAW, setup->most);
    status_capture(slot->why);
    slot->status = loader_prepare(&slot->loader, slot->batch.epoch, slot->batch.first,
                                  slot->batch.count, setup->most);
    status_capture(NULL);
}

static void fill(struct pipeline *pipeline, struct slot *slot)
{
    for (uint64_t i = 0; i < slot->batch.count; i++) {
        int label;
        uint64_t sample;
        if (wanted(pipeline) > slot->number)
            return;
        if (atomic_load_explicit(&slot->sample[i], memory_order_relaxed) == TAKEN)
            continue;
        loader_fill(&slot->loader, slot->batch.first + i, slot->x + i * pipeline->image,
                    &label, &sample);
        atomic_store_explicit(&slot->sample[i], READY, memory_order_release);
    }
}

/* The slot is free once the batch before it in it is trained on, and the augmenting
   thread has left it. */
static bool may_load(const struct pipeline *pipeline)
{
    uint64_t next = pipeline->next_load;
    return pipeline->running && next <= wanted(pipeline) + (uint64_t)pipeline->depth &&
           (pipeline->filling == NONE ||
            pipeline->filling + (uint64_t)pipeline->slots != next);
}

static void *reader_body(void *context)
{
    struct pipeline *pipeline = context;
    pthread_setname_np(pthread_self(), "reader");
    pthread_mutex_lock(&pipeline->mutex);
    while (!pipeline->closing) {
        if (!may_load(pipeline)) {
            pthread_cond_wait(&pipeline->changed, &pipeline->mutex);
            continue;
        }
        struct slot *slot = slot_of(pipeline, pipeline->next_load);
        slot->loaded = false;
        pipeline->loading = pipeline->next_load;
        pthread_mutex_unlock(&pipeline->mutex);
        load(pipeline, slot, pipeline->loading);
        pthread_mutex_lock(&pipeline->mutex);
        slot->loaded = true;
        pipeline->loading = NONE;
        pipeline->next_load++;
        pthread_cond_broadcast(&pipeline->changed);
    }
    pthread_mutex_unlock(&pipeline->mutex);
    return NULL;
}

/* What was read; of a set in memory, any batch after the one trained on. */
static bool may_fill(struct pipeline *pipeline)
{
    uint64_t least = wanted(pipeline) + pipeline->resident;
    if (!pipeline->running)
        return false;
    if (pipeline->next_fill < least)
        pipeline->next_fill = least;
    return pipeline->resident ? pipeline->next_fill < least + (uint64_t)pipeline->depth
                              : pipeline->next_fill < pipeline->next_load;
}

static void *augmenter_body(void *context)
{
    struct pipeline *pipeline = context;
    pthread_setname_np(pthread_self(), "augment");
    pthread_mutex_lock(&pipeline->mutex);
    while (!pipeline->closing) {
        if (!may_fill(pipeline)) {
            pthread_cond_wait(&pipeline->changed, &pipeline->mutex);
            continue;
        }
        struct slot *slot = slot_of(pipeline, pipeline->next_fill);
        pipeline->filling = pipeline->next_fill++;
        if (pipeline->resident) {
            load(pipeline, slot, pipeline->filling); /* at once */
            slot->loaded = true;
        }
        pthread_mutex_unlock(&pipeline->mutex);
        if (slot->status == ST_OK)
            fill(pipeline, slot);
        pthread_mutex_lock(&pipeline->mutex);
        pipeline->filling = NONE;
        pthread_cond_broadcast(&pipeline->changed);
    }
    pthread_mutex_unlock(&pipeline->mutex);
    return NULL;
}

/* --- the main thread --- */

/* While the reader moves on, however slowly, so does this rank: it makes a mark. */
static void wait_for_reader(struct pipeline *pipeline)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_sec++;
    pthread_cond_timedwait(&pipeline->changed, &pipeline->mutex, &time);
    uint64_t rows = atomic_load_explicit(&pipeline->reading.rows, memory_order_relaxed);
    if (rows != pipeline->rows_seen)
        where_mark(WHERE_READER);
    pipeline->rows_seen = rows;
}

/* What is under way is given up; then the threads begin anew, at `number`. */
static void seek(struct pipeline *pipeline, uint64_t number)
{
    pipeline->running = false;
    want(pipeline, NONE);
    atomic_store_explicit(&pipeline->reading.quit, true, memory_order_relaxed);
    while (pipeline->loading != NONE || pipeline->filling != NONE)
        wait_for_reader(pipeline);
    atomic_store_explicit(&pipeline->reading.quit, false, memory_order_relaxed);
    for (int i = 0; i < pipeline->slots; i++)
        pipeline->slot[i].loaded = false;
    pipeline->next_load = number;
    pipeline->next_fill = number;
    pipeline->running = true;
}

/* Everything but reading is done in place: that takes no time here. */
static enum status take_in_place(struct pipeline *pipeline, uint64_t number)
{
    const struct pipeline_setup *setup = &pipeline->setup;
    struct pipeline_batch batch;
    double begin = timer_now();
    setup->batch(setup->context, number, &batch);
    if (!pipeline->resident)
        where_mark(WHERE_READER);
    enum status st = loader_prepare(&pipeline->place, batch.epoch, batch.first,
                                    batch.count, setup->most);
    pipeline->current = &pipeline->place;
    pipeline->filled += batch.count;
    if (!pipeline->resident)
        pipeline->waited += timer_now() - begin;
    return st;
}

static enum status take_from_reader(struct pipeline *pipeline, struct slot *slot,
                                    uint64_t number)
{
    double begin = timer_now();
    if (!slot->loaded || slot->number != number)
        where_mark(WHERE_READER);
    while (!slot->loaded || slot->number != number)
        wait_for_reader(pipeline);
    pipeline->waited += timer_now() - begin;
    if (slot->status != ST_OK)
        return status_fail(slot->status, "%s", slot->why);
    pipeline->current = &slot->loader;
    pipeline->filled += slot->batch.count;
    return ST_OK;
}

enum status pipeline_take(struct pipeline *pipeline, uint64_t number)
{
    if (pipeline->depth == 0)
        return take_in_place(pipeline, number);
    enum status st = ST_OK;
    pthread_mutex_lock(&pipeline->mutex);
    if (!pipeline->running || number != wanted(pipeline) + 1)
        seek(pipeline, number);
    want(pipeline, number);
    pthread_cond_broadcast(&pipeline->changed);
    struct slot *slot = slot_of(pipeline, number);
    if (pipeline->resident)
        st = take_in_place(pipeline, number);
    else
        st = take_from_reader(pipeline, slot, number);
    bool there = slot->loaded && slot->number == number && slot->x;
    pipeline->ready = there ? slot : NULL;
    pthread_mutex_unlock(&pipeline->mutex);
    return st;
}

void pipeline_fill(struct pipeline *pipeline, uint64_t position, float *x, int *label,
                   uint64_t *sample)
{
    const struct loader *loader = pipeline->current;
    struct slot *slot = pipeline->ready;
    if (!slot) {
        loader_fill(loader, position, x, label, sample);
        return;
    }
    uint64_t i = position - slot->batch.first;
    ASSERT(i < slot->batch.count);
    if (atomic_load_explicit(&slot->sample[i], memory_order_acquire) == READY) {
        memcpy(x, slot->x + i * pipeline->image, pipeline->image * sizeof *x);
        loader_label(loader, position, label, sample);
        atomic_fetch_add_explicit(&pipeline->ahead, 1, memory_order_relaxed);
    } else {
        atomic_store_explicit(&slot->sample[i], TAKEN, memory_order_relaxed);
        loader_fill(loader, position, x, label, sample);
    }
}

int pipeline_depth(const struct pipeline *pipeline)
{
    return pipeline->depth;
}

struct pipeline_counts pipeline_counts(const struct pipeline *pipeline)
{
    return (struct pipeline_counts){
        .waited = pipeline->waited,
        .filled = pipeline->filled,
        .ahead = atomic_load_explicit(&pipeline->ahead, memory_order_relaxed),
    };
}

/* --- start and stop --- */

/* As many slots as fit; one alone is of no use. */
static void choose_depth(struct pipeline *pipeline)
{
    const struct pipeline_setup *setup = &pipeline->setup;
    size_t sample = 0;
    if (setup->augment)
        sample += pipeline->image * sizeof(float) + 1;
    if (!pipeline->resident)
        sample += pipeline->image + sizeof(uint64_t);
    bool useful = sample > 0 && setup->depth > 0;
    int depth = useful ? setup->depth : 0;
    size_t fit = useful ? setup->memory / sample / setup->most : 0; /* slots */
    pipeline->depth = fit > (size_t)depth ? depth : fit > 1 ? (int)fit - 1 : 0;
    pipeline->slots = pipeline->depth ? pipeline->depth + 1 : 0;
}

static void slot_init(struct slot *slot, struct pipeline *pipeline)
{
    const struct pipeline_setup *setup = &pipeline->setup;
    slot->loader = *setup->loader;
    slot->loader.reading = &pipeline->reading;
    slot->number = NONE;
    loader_reserve(&slot->loader, setup->most);
    if (!setup->augment)
        return;
    slot->x = mem_aligned(setup->most * pipeline->image, sizeof *slot->x);
    slot->sample = mem_zeroed(setup->most, sizeof *slot->sample);
}

static void start_threads(struct pipeline *pipeline)
{
    pthread_condattr_t attribute;
    pthread_mutex_init(&pipeline->mutex, NULL);
    pthread_condattr_init(&attribute);
    pthread_condattr_setclock(&attribute, CLOCK_MONOTONIC);
    pthread_cond_init(&pipeline->changed, &attribute);
    pthread_condattr_destroy(&attribute);
    if (!pipeline->resident)
        thread_start(&pipeline->reader, reader_body, pipeline);
    if (pipeline->setup.augment)
        thread_start(&pipeline->augmenter, augmenter_body, pipeline);
}

struct pipeline *pipeline_create(const struct pipeline_setup *setup)
{
    struct pipeline *pipeline = mem_zeroed(1, sizeof *pipeline);
    const struct loader *loader = setup->loader;
    const struct dataset_info *info = &loader->dataset->info;
    ASSERT(setup->depth >= 0 && setup->depth <= PIPELINE_DEPTH_MAX);
    pipeline->setup = *setup;
    pipeline->image = (size_t)info->h * (size_t)info->w;
    pipeline->resident = dataset_resident(loader->dataset, loader->split);
    pipeline->loading = pipeline->filling = NONE;
    pipeline->place = *loader;
    where_name_file(info->path);
    choose_depth(pipeline);
    if (pipeline->depth == 0) {
        loader_reserve(&pipeline->place, setup->most);
        return pipeline;
    }
    pipeline->slot = mem_zeroed((size_t)pipeline->slots, sizeof *pipeline->slot);
    for (int i = 0; i < pipeline->slots; i++)
        slot_init(&pipeline->slot[i], pipeline);
    start_threads(pipeline);
    return pipeline;
}

static void stop_threads(struct pipeline *pipeline)
{
    pthread_mutex_lock(&pipeline->mutex);
    pipeline->closing = true;
    want(pipeline, NONE);
    atomic_store_explicit(&pipeline->reading.quit, true, memory_order_relaxed);
    pthread_cond_broadcast(&pipeline->changed);
    if (pipeline->loading != NONE)
        where_mark(WHERE_READER);
    pthread_mutex_unlock(&pipeline->mutex);
    if (!pipeline->resident)
        pthread_join(pipeline->reader, NULL);
    if (pipeline->setup.augment)
        pthread_join(pipeline->augmenter, NULL);
    pthread_cond_destroy(&pipeline->changed);
    pthread_mutex_destroy(&pipeline->mutex);
}

void pipeline_free(struct pipeline *pipeline)
{
    if (!pipeline)
        return;
    if (pipeline->depth > 0)
        stop_threads(pipeline);
    for (int i = 0; i < pipeline->slots; i++) {
        loader_release(&pipeline->slot[i].loader);
        free(pipeline->slot[i].x);
        free(pipeline->slot[i].sample);
    }
    free(pipeline->slot);
    loader_release(&pipeline->place);
    free(pipeline);
}
