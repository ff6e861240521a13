/* The reader and the augmenting thread. */
#include "base/thread.h"
#include "base/trace.h"
#include "prefetch_impl.h"

static void prefetch_load_slot(struct prefetch *prefetch, struct prefetch_slot *slot,
                               uint64_t number)
{
    const struct prefetch_setup *setup = &prefetch->setup;
    slot->number = number;
    setup->batch(setup->context, number, &slot->batch);
    status_capture(slot->error);
    slot->status = loader_prepare(&slot->loader, slot->batch.epoch, slot->batch.first,
                                  slot->batch.count, setup->most);
    status_capture(NULL);
}

static bool prefetch_may_load(const struct prefetch *prefetch)
{
    return prefetch->running &&
           prefetch->next_load <= prefetch_wanted(prefetch) + (uint64_t)prefetch->depth;
}

/* The augmenting thread, which runs on idle CPU time only, may still work on the slot's
   last batch. The reader does not wait for it: it swaps the slot's loader, which holds
   that batch's images, for the spare one. */
static void prefetch_keep_images(struct prefetch *prefetch, struct prefetch_slot *slot)
{
    if (prefetch->filling == PREFETCH_NONE ||
        prefetch->filling + (uint64_t)prefetch->slots != prefetch->next_load)
        return;
    struct loader loader = slot->loader;
    slot->loader = prefetch->spare;
    prefetch->spare = loader;
}

void *prefetch_read(void *context)
{
    struct prefetch *prefetch = context;
    thread_name("reader");
    pthread_mutex_lock(&prefetch->mutex);
    while (!prefetch->closing) {
        if (!prefetch_may_load(prefetch)) {
            pthread_cond_wait(&prefetch->changed, &prefetch->mutex);
            continue;
        }
        struct prefetch_slot *slot = prefetch_slot(prefetch, prefetch->next_load);
        prefetch_keep_images(prefetch, slot);
        slot->loaded = false;
        prefetch->loading = prefetch->next_load;
        pthread_mutex_unlock(&prefetch->mutex);
        double begin = trace_begin();
        prefetch_load_slot(prefetch, slot, prefetch->loading);
        trace_end("read", NULL, begin);
        pthread_mutex_lock(&prefetch->mutex);
        slot->loaded = true;
        prefetch->loading = PREFETCH_NONE;
        prefetch->next_load++;
        pthread_cond_broadcast(&prefetch->changed);
    }
    pthread_mutex_unlock(&prefetch->mutex);
    return NULL;
}

/* Batches that were read; if resident, any batch after the current one. */
static bool prefetch_may_fill(struct prefetch *prefetch)
{
    uint64_t least = prefetch_wanted(prefetch) + prefetch->resident;
    if (!prefetch->running)
        return false;
    if (prefetch->next_fill < least)
        prefetch->next_fill = least;
    return prefetch->resident ? prefetch->next_fill < least + (uint64_t)prefetch->depth
                              : prefetch->next_fill < prefetch->next_load;
}

/* `loader` and `batch` are copies: the reader may reuse the slot meanwhile. */
static void prefetch_fill_slot(struct prefetch *prefetch, struct prefetch_slot *slot,
                               uint64_t number, const struct loader *loader,
                               const struct prefetch_batch *batch)
{
    for (uint64_t i = 0; i < batch->count; i++) {
        struct loader_sample sample;
        if (prefetch_wanted(prefetch) > number)
            return;
        if ((atomic_load_explicit(&slot->sample[i], memory_order_relaxed) &
             ~PREFETCH_TAKEN) == number)
            continue;
        if (loader_fill(loader, batch->first + i, slot->x + i * prefetch->image, &sample))
            atomic_store_explicit(&slot->sample[i], number, memory_order_release);
    }
}

void *prefetch_augment(void *context)
{
    struct prefetch *prefetch = context;
    thread_name("augment");
    thread_run_idle();
    pthread_mutex_lock(&prefetch->mutex);
    while (!prefetch->closing) {
        if (!prefetch_may_fill(prefetch)) {
            pthread_cond_wait(&prefetch->changed, &prefetch->mutex);
            continue;
        }
        uint64_t number = prefetch->filling = prefetch->next_fill++;
        struct prefetch_slot *slot = prefetch_slot(prefetch, number);
        if (prefetch->resident) {
            prefetch_load_slot(prefetch, slot, number); /* nothing to read */
            slot->loaded = true;
        }
        bool good = slot->status == ST_OK;
        const struct loader loader = slot->loader;
        const struct prefetch_batch batch = slot->batch;
        pthread_mutex_unlock(&prefetch->mutex);
        double begin = trace_begin();
        if (good)
            prefetch_fill_slot(prefetch, slot, number, &loader, &batch);
        trace_end("augment", NULL, begin);
        pthread_mutex_lock(&prefetch->mutex);
        prefetch->filling = PREFETCH_NONE;
        if (!prefetch->running) /* prefetch_seek waits for this */
            pthread_cond_broadcast(&prefetch->changed);
    }
    pthread_mutex_unlock(&prefetch->mutex);
    return NULL;
}
