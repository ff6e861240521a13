/* pipeline_threads: the reader and the augmenting thread. */
#include "base/thread.h"
#include "base/trace.h"
#include "pipeline_impl.h"

struct slot *pipeline_slot(struct pipeline *pipeline, uint64_t number)
{
    return &pipeline->slot[number % (uint64_t)pipeline->slots];
}

static void load(struct pipeline *pipeline, struct slot *slot, uint64_t number)
{
    const struct pipeline_setup *setup = &pipeline->setup;
    slot->number = number;
    setup->batch(setup->context, number, &slot->batch);
    status_capture(slot->why);
    slot->status = loader_prepare(&slot->loader, slot->batch.epoch, slot->batch.first,
                                  slot->batch.count, setup->most);
    status_capture(NULL);
}

static bool may_load(const struct pipeline *pipeline)
{
    return pipeline->running &&
           pipeline->next_load <= pipeline_wanted(pipeline) + (uint64_t)pipeline->depth;
}

/* The augmenting thread may still be at an image of the slot's last batch, for as long as
   others have the CPU. The reader does not wait: it leaves it that batch's images. */
static void leave_images(struct pipeline *pipeline, struct slot *slot)
{
    if (pipeline->filling == PIPELINE_NONE ||
        pipeline->filling + (uint64_t)pipeline->slots != pipeline->next_load)
        return;
    struct loader loader = slot->loader;
    slot->loader = pipeline->spare;
    pipeline->spare = loader;
}

void *pipeline_read(void *context)
{
    struct pipeline *pipeline = context;
    thread_name("reader");
    pthread_mutex_lock(&pipeline->mutex);
    while (!pipeline->closing) {
        if (!may_load(pipeline)) {
            pthread_cond_wait(&pipeline->changed, &pipeline->mutex);
            continue;
        }
        struct slot *slot = pipeline_slot(pipeline, pipeline->next_load);
        leave_images(pipeline, slot);
        slot->loaded = false;
        pipeline->loading = pipeline->next_load;
        pthread_mutex_unlock(&pipeline->mutex);
        double begin = trace_begin();
        load(pipeline, slot, pipeline->loading);
        trace_end("read", NULL, begin);
        pthread_mutex_lock(&pipeline->mutex);
        slot->loaded = true;
        pipeline->loading = PIPELINE_NONE;
        pipeline->next_load++;
        pthread_cond_broadcast(&pipeline->changed);
    }
    pthread_mutex_unlock(&pipeline->mutex);
    return NULL;
}

/* What was read; of a set in memory, any batch after the one trained on. */
static bool may_fill(struct pipeline *pipeline)
{
    uint64_t least = pipeline_wanted(pipeline) + pipeline->resident;
    if (!pipeline->running)
        return false;
    if (pipeline->next_fill < least)
        pipeline->next_fill = least;
    return pipeline->resident ? pipeline->next_fill < least + (uint64_t)pipeline->depth
                              : pipeline->next_fill < pipeline->next_load;
}

/* `loader` and `batch` are as they were when it began. */
static void fill(struct pipeline *pipeline, struct slot *slot, uint64_t number,
                 const struct loader *loader, const struct pipeline_batch *batch)
{
    for (uint64_t i = 0; i < batch->count; i++) {
        int label;
        uint64_t sample;
        if (pipeline_wanted(pipeline) > number)
            return;
        if ((atomic_load_explicit(&slot->sample[i], memory_order_relaxed) &
             ~PIPELINE_TAKEN) == number)
            continue;
        loader_fill(loader, batch->first + i, slot->x + i * pipeline->image, &label,
                    &sample);
        atomic_store_explicit(&slot->sample[i], number, memory_order_release);
    }
}

void *pipeline_augment(void *context)
{
    struct pipeline *pipeline = context;
    thread_name("augment");
    thread_stand_back();
    pthread_mutex_lock(&pipeline->mutex);
    while (!pipeline->closing) {
        if (!may_fill(pipeline)) {
            pthread_cond_wait(&pipeline->changed, &pipeline->mutex);
            continue;
        }
        uint64_t number = pipeline->filling = pipeline->next_fill++;
        struct slot *slot = pipeline_slot(pipeline, number);
        if (pipeline->resident) {
            load(pipeline, slot, number); /* at once */
            slot->loaded = true;
        }
        bool good = slot->status == ST_OK;
        const struct loader loader = slot->loader;
        const struct pipeline_batch batch = slot->batch;
        pthread_mutex_unlock(&pipeline->mutex);
        double begin = trace_begin();
        if (good)
            fill(pipeline, slot, number, &loader, &batch);
        trace_end("augment", NULL, begin);
        pthread_mutex_lock(&pipeline->mutex);
        pipeline->filling = PIPELINE_NONE;
        if (!pipeline->running) /* somebody waits for that */
            pthread_cond_broadcast(&pipeline->changed);
    }
    pthread_mutex_unlock(&pipeline->mutex);
    return NULL;
}
