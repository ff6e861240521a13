#include "import_queue.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/stop.h"
#include "base/thread.h"
#include "base/where.h"

#define QUEUE_SLOTS 32 /* for each thread: how far it may be ahead of the caller */

struct import_queue {
    const struct import_queue_job *job;
    pthread_mutex_t mutex;
    pthread_cond_t finished; /* a result that the caller waits for */
    pthread_cond_t taken;    /* a slot is free */
    size_t slots;
    char *slot;   /* owned: (slots, slot_bytes) */
    bool *done;   /* owned: of each slot: it holds a result */
    size_t begun; /* items that threads have started with */
    size_t next;  /* the item that the caller takes next */
    bool quit;
};

static void *queue_slot(const struct import_queue *queue, size_t i)
{
    return queue->slot + i % queue->slots * queue->job->slot_bytes;
}

static void *queue_worker(void *context)
{
    struct import_queue *queue = context;
    const struct import_queue_job *job = queue->job;
    thread_name("import");
    pthread_mutex_lock(&queue->mutex);
    while (!queue->quit && queue->begun < job->count) {
        if (queue->begun >= queue->next + queue->slots) {
            pthread_cond_wait(&queue->taken, &queue->mutex);
            continue;
        }
        size_t i = queue->begun++;
        pthread_mutex_unlock(&queue->mutex);
        void *slot = queue_slot(queue, i);
        memset(slot, 0, job->slot_bytes);
        job->work(job->context, i, slot);
        pthread_mutex_lock(&queue->mutex);
        queue->done[i % queue->slots] = true;
        if (i == queue->next)
            pthread_cond_signal(&queue->finished);
    }
    pthread_mutex_unlock(&queue->mutex);
    return NULL;
}

static enum status queue_take(const struct import_queue_job *job, size_t i, void *slot)
{
    where_mark(WHERE_LOAD); /* other ranks may wait for this one */
    TRY(job->take(job->context, i, slot));
    if (stop_requested())
        FAIL(ST_FAIL, "interrupted: nothing was written");
    return ST_OK;
}

static enum status queue_take_all(struct import_queue *queue)
{
    const struct import_queue_job *job = queue->job;
    enum status st = ST_OK;
    for (size_t i = 0; i < job->count && st == ST_OK; i++) {
        pthread_mutex_lock(&queue->mutex);
        while (!queue->done[i % queue->slots])
            pthread_cond_wait(&queue->finished, &queue->mutex);
        pthread_mutex_unlock(&queue->mutex);
        st = queue_take(job, i, queue_slot(queue, i));
        pthread_mutex_lock(&queue->mutex);
        queue->done[i % queue->slots] = false;
        queue->next = i + 1;
        queue->quit = st != ST_OK;
        /* Half of the slots are free: waking threads for each one would cost more. */
        if (queue->quit || queue->begun - queue->next <= queue->slots / 2)
            pthread_cond_broadcast(&queue->taken);
        pthread_mutex_unlock(&queue->mutex);
    }
    return st;
}

/* Without threads. */
static enum status queue_run_here(const struct import_queue_job *job)
{
    void *slot = mem_zeroed(1, job->slot_bytes);
    enum status st = ST_OK;
    for (size_t i = 0; i < job->count && st == ST_OK; i++) {
        memset(slot, 0, job->slot_bytes);
        job->work(job->context, i, slot);
        st = queue_take(job, i, slot);
    }
    free(slot);
    return st;
}

static enum status queue_run_threads(const struct import_queue_job *job)
{
    size_t threads = (size_t)job->threads;
    struct import_queue queue = {.job = job,
                                 .mutex = PTHREAD_MUTEX_INITIALIZER,
                                 .finished = PTHREAD_COND_INITIALIZER,
                                 .taken = PTHREAD_COND_INITIALIZER,
                                 .slots = threads * QUEUE_SLOTS};
    queue.slot = mem_zeroed(queue.slots, job->slot_bytes);
    queue.done = mem_zeroed(queue.slots, sizeof *queue.done);
    pthread_t *thread = mem_zeroed(threads, sizeof *thread);
    for (size_t t = 0; t < threads; t++)
        thread_start(&thread[t], queue_worker, &queue);
    enum status st = queue_take_all(&queue);
    for (size_t t = 0; t < threads; t++)
        pthread_join(thread[t], NULL);
    for (size_t i = queue.next; job->drop && i < queue.begun; i++)
        if (queue.done[i % queue.slots])
            job->drop(queue_slot(&queue, i));
    free(thread);
    free(queue.done);
    free(queue.slot);
    return st;
}

enum status import_queue_run(const struct import_queue_job *job)
{
    return job->threads > 0 ? queue_run_threads(job) : queue_run_here(job);
}
