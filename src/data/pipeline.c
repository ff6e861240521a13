#include "data/pipeline.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/thread.h"
#include "base/timer.h"
#include "base/trace.h"
#include "base/where.h"
#include "pipeline_impl.h"

static void want(struct pipeline *pipeline, uint64_t number)
{
    atomic_store_explicit(&pipeline->wanted, number, memory_order_relaxed);
}

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
    want(pipeline, PIPELINE_NONE);
    atomic_store_explicit(&pipeline->reading.quit, true, memory_order_relaxed);
    while (pipeline->loading != PIPELINE_NONE || pipeline->filling != PIPELINE_NONE)
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
    trace_end("load wait", NULL, begin);
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
    if (!pipeline->running || number != pipeline_wanted(pipeline) + 1)
        seek(pipeline, number);
    want(pipeline, number);
    pthread_cond_broadcast(&pipeline->changed);
    struct slot *slot = pipeline_slot(pipeline, number);
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
    if (atomic_load_explicit(&slot->sample[i], memory_order_acquire) == slot->number) {
        memcpy(x, slot->x + i * pipeline->image, pipeline->image * sizeof *x);
        loader_label(loader, position, label, sample);
        atomic_fetch_add_explicit(&pipeline->ahead, 1, memory_order_relaxed);
    } else {
        atomic_store_explicit(&slot->sample[i], slot->number | PIPELINE_TAKEN,
                              memory_order_relaxed);
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

static bool has_spare(const struct pipeline *pipeline)
{
    return pipeline->setup.augment && !pipeline->resident;
}

/* As many batches ahead as fit. */
static void choose_depth(struct pipeline *pipeline)
{
    const struct pipeline_setup *setup = &pipeline->setup;
    size_t raw = pipeline->resident ? 0 : pipeline->image + sizeof(uint64_t);
    size_t ready =
        setup->augment ? pipeline->image * sizeof(float) + sizeof(uint64_t) : 0;
    size_t room = setup->memory / setup->most, spare = has_spare(pipeline) ? raw : 0;
    size_t fit = raw + ready > 0 && room > spare ? (room - spare) / (raw + ready) : 0;
    size_t ahead = fit > 1 ? fit - 1 : 0; /* besides the one that is trained on */
    pipeline->depth = ahead < (size_t)setup->depth ? (int)ahead : setup->depth;
    pipeline->slots = pipeline->depth ? pipeline->depth + 1 : 0;
}

static void slot_init(struct slot *slot, struct pipeline *pipeline)
{
    const struct pipeline_setup *setup = &pipeline->setup;
    slot->loader = *setup->loader;
    slot->loader.reading = &pipeline->reading;
    slot->number = PIPELINE_NONE;
    loader_reserve(&slot->loader, setup->most);
    if (!setup->augment)
        return;
    slot->x = mem_aligned(setup->most * pipeline->image, sizeof *slot->x);
    slot->sample = mem_zeroed(setup->most, sizeof *slot->sample);
    for (uint64_t i = 0; i < setup->most; i++)
        atomic_init(&slot->sample[i], PIPELINE_NONE);
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
        thread_start(&pipeline->reader, pipeline_read, pipeline);
    if (pipeline->setup.augment)
        thread_start(&pipeline->augmenter, pipeline_augment, pipeline);
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
    pipeline->loading = pipeline->filling = PIPELINE_NONE;
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
    if (has_spare(pipeline)) {
        pipeline->spare = *loader;
        pipeline->spare.reading = &pipeline->reading;
        loader_reserve(&pipeline->spare, setup->most);
    }
    start_threads(pipeline);
    return pipeline;
}

static void stop_threads(struct pipeline *pipeline)
{
    pthread_mutex_lock(&pipeline->mutex);
    pipeline->closing = true;
    want(pipeline, PIPELINE_NONE);
    atomic_store_explicit(&pipeline->reading.quit, true, memory_order_relaxed);
    pthread_cond_broadcast(&pipeline->changed);
    if (pipeline->loading != PIPELINE_NONE)
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
    loader_release(&pipeline->spare);
    loader_release(&pipeline->place);
    free(pipeline);
}
