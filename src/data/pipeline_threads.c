/* pipeline_threads: the reader and the augmenting thread. */
#include <string.h>

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
    if (slot->sample)
        memset(slot->sample, SAMPLE_RAW, setup->most);
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
        if (pipeline_wanted(pipeline) > slot->number)
            return;
        if (atomic_load_explicit(&slot->sample[i], memory_order_relaxed) == SAMPLE_TAKEN)
            continue;
        loader_fill(&slot->loader, slot->batch.first + i, slot->x + i * pipeline->image,
                    &label, &sample);
        atomic_store_explicit(&slot->sample[i], SAMPLE_READY, memory_order_release);
    }
}

/* The slot is free once the batch before it in it is trained on, and the augmenting
   thread has left it. */
static bool may_load(const struct pipeline *pipeline)
{
    uint64_t next = pipeline->next_load;
    return pipeline->running &&
           next <= pipeline_wanted(pipeline) + (uint64_t)pipeline->depth &&
           (pipeline->filling == PIPELINE_NONE ||
            pipeline->filling + (uint64_t)pipeline->slots != next);
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
        struct slot *slot = pipeline_slot(pipeline, pipeline->next_fill);
        pipeline->filling = pipeline->next_fill++;
        if (pipeline->resident) {
            load(pipeline, slot, pipeline->filling); /* at once */
            slot->loaded = true;
        }
        pthread_mutex_unlock(&pipeline->mutex);
        double begin = trace_begin();
        if (slot->status == ST_OK)
            fill(pipeline, slot);
        trace_end("augment", NULL, begin);
        pthread_mutex_lock(&pipeline->mutex);
        pipeline->filling = PIPELINE_NONE;
        pthread_mutex_unlock(&pipeline->mutex); /* who wakes up finds it free */
        pthread_cond_broadcast(&pipeline->changed);
        pthread_mutex_lock(&pipeline->mutex);
    }
    pthread_mutex_unlock(&pipeline->mutex);
    return NULL;
}
