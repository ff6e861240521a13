#include "data/prefetch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/thread.h"
#include "base/timer.h"
#include "base/trace.h"
#include "base/where.h"
#include "prefetch_impl.h"

static void prefetch_want(struct prefetch *prefetch, uint64_t number)
{
    atomic_store_explicit(&prefetch->wanted, number, memory_order_relaxed);
}

/* Waits a second at most. As long as the reader advances, however slowly, this rank
   counts as advancing, too: it makes a mark for the ranks that wait for it. */
static void prefetch_wait_for_reader(struct prefetch *prefetch)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_sec++;
    pthread_cond_timedwait(&prefetch->changed, &prefetch->mutex, &time);
    uint64_t rows = atomic_load_explicit(&prefetch->reading.rows, memory_order_relaxed);
    if (rows != prefetch->rows_seen)
        where_mark(WHERE_READER);
    prefetch->rows_seen = rows;
}

/* Abandons the work in progress. */
static void prefetch_quiet(struct prefetch *prefetch)
{
    prefetch->running = false;
    prefetch_want(prefetch, PREFETCH_NONE);
    atomic_store_explicit(&prefetch->reading.quit, true, memory_order_relaxed);
    while (prefetch->loading != PREFETCH_NONE || prefetch->filling != PREFETCH_NONE)
        prefetch_wait_for_reader(prefetch);
    atomic_store_explicit(&prefetch->reading.quit, false, memory_order_relaxed);
}

/* Restarts both threads at batch `number`. */
static void prefetch_seek(struct prefetch *prefetch, uint64_t number)
{
    prefetch_quiet(prefetch);
    for (int i = 0; i < prefetch->slots; i++)
        prefetch->slot[i].loaded = false;
    prefetch->next_load = number;
    prefetch->next_fill = number;
    prefetch->running = true;
}

/* The threads of a resident set read nothing. */
void prefetch_pause(struct prefetch *prefetch)
{
    if (prefetch->depth == 0 || prefetch->resident)
        return;
    pthread_mutex_lock(&prefetch->mutex);
    prefetch_quiet(prefetch);
    pthread_mutex_unlock(&prefetch->mutex);
}

/* Only reads; the compute threads do the rest in prefetch_fill. */
static enum status prefetch_take_in_place(struct prefetch *prefetch, uint64_t number)
{
    const struct prefetch_setup *setup = &prefetch->setup;
    struct prefetch_batch batch;
    double begin = timer_now();
    setup->batch(setup->context, number, &batch);
    if (!prefetch->resident)
        where_mark(WHERE_READER);
    enum status st = loader_prepare(&prefetch->in_place, batch.epoch, batch.first,
                                    batch.count, setup->most);
    prefetch->current = &prefetch->in_place;
    prefetch->filled += batch.count;
    if (!prefetch->resident)
        prefetch->waited += timer_now() - begin;
    return st;
}

static enum status prefetch_take_from_reader(struct prefetch *prefetch,
                                             struct prefetch_slot *slot, uint64_t number)
{
    double begin = timer_now();
    if (!slot->loaded || slot->number != number)
        where_mark(WHERE_READER);
    while (!slot->loaded || slot->number != number)
        prefetch_wait_for_reader(prefetch);
    prefetch->waited += timer_now() - begin;
    trace_end("load wait", NULL, begin);
    if (slot->status != ST_OK)
        return status_fail(slot->status, "%s", slot->error);
    prefetch->current = &slot->loader;
    prefetch->filled += slot->batch.count;
    return ST_OK;
}

enum status prefetch_take(struct prefetch *prefetch, uint64_t number)
{
    if (prefetch->depth == 0)
        return prefetch_take_in_place(prefetch, number);
    enum status st = ST_OK;
    pthread_mutex_lock(&prefetch->mutex);
    if (!prefetch->running || number != prefetch_wanted(prefetch) + 1)
        prefetch_seek(prefetch, number);
    prefetch_want(prefetch, number);
    pthread_cond_broadcast(&prefetch->changed);
    struct prefetch_slot *slot = prefetch_slot(prefetch, number);
    if (prefetch->resident)
        st = prefetch_take_in_place(prefetch, number);
    else
        st = prefetch_take_from_reader(prefetch, slot, number);
    bool prepared = slot->loaded && slot->number == number && slot->x;
    prefetch->prepared = prepared ? slot : NULL;
    pthread_mutex_unlock(&prefetch->mutex);
    return st;
}

static void prefetch_fill_now(const struct loader *loader, uint64_t position, float *x,
                              struct loader_sample *sample)
{
    if (!loader_fill(loader, position, x, sample))
        dataset_fail(loader->dataset, loader->split, sample->number);
}

void prefetch_fill(struct prefetch *prefetch, uint64_t position, float *x,
                   struct loader_sample *sample)
{
    const struct loader *loader = prefetch->current;
    struct prefetch_slot *slot = prefetch->prepared;
    if (!slot) {
        prefetch_fill_now(loader, position, x, sample);
        return;
    }
    uint64_t i = position - slot->batch.first;
    ASSERT(i < slot->batch.count);
    if (atomic_load_explicit(&slot->sample[i], memory_order_acquire) == slot->number) {
        memcpy(x, slot->x + i * prefetch->image, prefetch->image * sizeof *x);
        *sample = loader_look(loader, position);
        atomic_fetch_add_explicit(&prefetch->ahead, 1, memory_order_relaxed);
    } else {
        atomic_store_explicit(&slot->sample[i], slot->number | PREFETCH_TAKEN,
                              memory_order_relaxed);
        prefetch_fill_now(loader, position, x, sample);
    }
}

int prefetch_depth(const struct prefetch *prefetch)
{
    return prefetch->depth;
}

struct prefetch_counts prefetch_counts(const struct prefetch *prefetch)
{
    return (struct prefetch_counts){
        .waited = prefetch->waited,
        .filled = prefetch->filled,
        .ahead = atomic_load_explicit(&prefetch->ahead, memory_order_relaxed),
    };
}

/* --- start and stop --- */

static bool prefetch_has_spare(const struct prefetch *prefetch)
{
    return prefetch->setup.augment && !prefetch->resident;
}

/* As many batches ahead as fit into setup->memory. */
static void prefetch_choose_depth(struct prefetch *prefetch)
{
    const struct prefetch_setup *setup = &prefetch->setup;
    size_t raw = prefetch->resident ? 0 : loader_position_bytes(setup->loader);
    size_t input =
        setup->augment ? prefetch->image * sizeof(float) + sizeof(uint64_t) : 0;
    size_t room = setup->memory / setup->most,
           spare = prefetch_has_spare(prefetch) ? raw : 0;
    size_t fit = raw + input > 0 && room > spare ? (room - spare) / (raw + input) : 0;
    size_t ahead = fit > 1 ? fit - 1 : 0; /* one more slot holds the current batch */
    prefetch->depth = ahead < (size_t)setup->depth ? (int)ahead : setup->depth;
    prefetch->slots = prefetch->depth ? prefetch->depth + 1 : 0;
}

static void prefetch_slot_init(struct prefetch_slot *slot, struct prefetch *prefetch)
{
    const struct prefetch_setup *setup = &prefetch->setup;
    slot->loader = *setup->loader;
    slot->loader.reading = &prefetch->reading;
    slot->number = PREFETCH_NONE;
    loader_reserve(&slot->loader, setup->most);
    if (!setup->augment)
        return;
    slot->x = mem_aligned(setup->most * prefetch->image, sizeof *slot->x);
    slot->sample = mem_zeroed(setup->most, sizeof *slot->sample);
    for (uint64_t i = 0; i < setup->most; i++)
        atomic_init(&slot->sample[i], PREFETCH_NONE);
}

static void prefetch_start_threads(struct prefetch *prefetch)
{
    pthread_condattr_t attribute;
    pthread_mutex_init(&prefetch->mutex, NULL);
    pthread_condattr_init(&attribute);
    pthread_condattr_setclock(&attribute, CLOCK_MONOTONIC);
    pthread_cond_init(&prefetch->changed, &attribute);
    pthread_condattr_destroy(&attribute);
    if (!prefetch->resident)
        thread_start(&prefetch->reader, prefetch_read, prefetch);
    if (prefetch->setup.augment)
        thread_start(&prefetch->augmenter, prefetch_augment, prefetch);
}

struct prefetch *prefetch_create(const struct prefetch_setup *setup)
{
    struct prefetch *prefetch = mem_zeroed(1, sizeof *prefetch);
    const struct loader *loader = setup->loader;
    const struct dataset_info *info = &loader->dataset->info;
    ASSERT(setup->depth >= 0 && setup->depth <= PREFETCH_DEPTH_MAX);
    prefetch->setup = *setup;
    prefetch->image = (size_t)shape_size(loader_shape(loader));
    prefetch->resident = dataset_resident(loader->dataset, loader->split);
    prefetch->loading = prefetch->filling = PREFETCH_NONE;
    prefetch->in_place = *loader;
    where_name_file(info->path);
    prefetch_choose_depth(prefetch);
    if (prefetch->depth == 0) {
        loader_reserve(&prefetch->in_place, setup->most);
        return prefetch;
    }
    prefetch->slot = mem_zeroed((size_t)prefetch->slots, sizeof *prefetch->slot);
    for (int i = 0; i < prefetch->slots; i++)
        prefetch_slot_init(&prefetch->slot[i], prefetch);
    if (prefetch_has_spare(prefetch)) {
        prefetch->spare = *loader;
        prefetch->spare.reading = &prefetch->reading;
        loader_reserve(&prefetch->spare, setup->most);
    }
    prefetch_start_threads(prefetch);
    return prefetch;
}

static void prefetch_stop_threads(struct prefetch *prefetch)
{
    pthread_mutex_lock(&prefetch->mutex);
    prefetch->closing = true;
    prefetch_want(prefetch, PREFETCH_NONE);
    atomic_store_explicit(&prefetch->reading.quit, true, memory_order_relaxed);
    pthread_cond_broadcast(&prefetch->changed);
    if (prefetch->loading != PREFETCH_NONE)
        where_mark(WHERE_READER);
    pthread_mutex_unlock(&prefetch->mutex);
    if (!prefetch->resident)
        pthread_join(prefetch->reader, NULL);
    if (prefetch->setup.augment)
        pthread_join(prefetch->augmenter, NULL);
    pthread_cond_destroy(&prefetch->changed);
    pthread_mutex_destroy(&prefetch->mutex);
}

void prefetch_free(struct prefetch *prefetch)
{
    if (!prefetch)
        return;
    if (prefetch->depth > 0)
        prefetch_stop_threads(prefetch);
    for (int i = 0; i < prefetch->slots; i++) {
        loader_release(&prefetch->slot[i].loader);
        free(prefetch->slot[i].x);
        free(prefetch->slot[i].sample);
    }
    free(prefetch->slot);
    loader_release(&prefetch->spare);
    loader_release(&prefetch->in_place);
    free(prefetch);
}
