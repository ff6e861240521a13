#include "train/writer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/timer.h"
#include "base/trace.h"

/* What is to be written: copies. */
struct snapshot {
    unsigned what;
    struct checkpoint_info info; /* strings borrowed */
    struct run_state state;      /* vectors owned */
    struct metrics metrics;      /* owned */
};

struct writer {
    struct writer_setup setup;
    struct snapshot snapshot; /* the writer's while busy, else the caller's */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* busy or closing */
    bool busy, closing;
    double slowest; /* seconds */

    /* The thread's while busy. */
    bool step_owed;        /* the newest state could not be written */
    struct snapshot best;  /* nor could this one, the best: what is WRITER_BEST, or 0 */
    char why[STATUS_TEXT]; /* of the last failure */
    bool failing;          /* and that was said */
};

/* The folder may have been deleted or moved away, and the lock and the log with it. */
static enum status hold_folder(struct writer *writer, char checkpoints[FS_PATH])
{
    TRY(fs_join(checkpoints, writer->setup.folder, "checkpoints"));
    TRY(fs_make_folder(checkpoints));
    if (writer->setup.lock)
        TRY(lockfile_keep(writer->setup.lock, writer->setup.folder));
    log_keep_file();
    return ST_OK;
}

static void make_room(struct run_state *state, const struct run_state *like,
                      size_t params)
{
    *state = *like;
    state->params = mem_aligned(params, sizeof(float));
    if (like->ema)
        state->ema = mem_aligned(params, sizeof(float));
    for (int i = 0; i < like->optims; i++)
        state->optim[i] = mem_aligned(params, sizeof(float));
}

static void snapshot_take(const struct writer *writer, struct snapshot *snapshot,
                          const struct snapshot *from)
{
    struct run_state *state = &snapshot->state;
    size_t params = writer->setup.model->params;
    snapshot->what = from->what;
    snapshot->info = from->info;
    metrics_copy(&snapshot->metrics, &from->metrics);
    if (writer->setup.stream)
        *state = from->state;
    else if (!state->params)
        make_room(state, &from->state, params);
    if (!from->what || writer->setup.stream)
        return;
    memcpy(state->params, from->state.params, params * sizeof(float));
    if (state->ema)
        memcpy(state->ema, from->state.ema, params * sizeof(float));
    for (int i = 0; i < state->optims; i++)
        memcpy(state->optim[i], from->state.optim[i], params * sizeof(float));
}

static void snapshot_release(const struct writer *writer, struct snapshot *snapshot)
{
    metrics_release(&snapshot->metrics);
    if (writer->setup.stream)
        return; /* nothing else is a copy */
    free(snapshot->state.params);
    free(snapshot->state.ema);
    for (int i = 0; i < snapshot->state.optims; i++)
        free(snapshot->state.optim[i]);
}

static enum status write_snapshot(struct writer *writer, struct snapshot *snapshot,
                                  const char *path)
{
    const struct model *model = writer->setup.model;
    const struct run_state *state = &snapshot->state;
    struct state_store store = {model, state};
    struct state_stream copies = state_stream_of(&store);
    const struct state_stream *stream = writer->setup.stream;
    if (!stream)
        snapshot->info.state = run_state_hash(state, model, snapshot->info.progress.step);
    return checkpoint_write(path, &snapshot->info, model, state,
                            stream ? stream : &copies, &snapshot->metrics);
}

static enum status write_step(struct writer *writer, const char *folder)
{
    char path[FS_PATH];
    struct snapshot *snapshot = &writer->snapshot;
    TRY(checkpoint_path(path, folder, snapshot->info.progress.step));
    TRY(write_snapshot(writer, snapshot, path));
    writer->step_owed = false;
    return ST_OK;
}

static enum status write_best(struct writer *writer, struct snapshot *snapshot,
                              const char *folder)
{
    char path[FS_PATH];
    TRY(fs_join(path, folder, "best.h5"));
    TRY(write_snapshot(writer, snapshot, path));
    writer->best.what = 0;
    return ST_OK;
}

static enum status write_files(struct writer *writer)
{
    char folder[FS_PATH], path[FS_PATH];
    struct snapshot *snapshot = &writer->snapshot;
    TRY(hold_folder(writer, folder));
    if (snapshot->what & WRITER_STEP)
        TRY(write_step(writer, folder));
    if (snapshot->what & WRITER_BEST)
        TRY(write_best(writer, snapshot, folder));
    else if (snapshot->what && writer->best.what && !writer->setup.stream)
        TRY(write_best(writer, &writer->best, folder));
    if (snapshot->what & WRITER_STEP)
        TRY(checkpoint_prune(folder, writer->setup.keep, snapshot->info.progress.step));
    TRY(fs_join(path, writer->setup.folder, "metrics.h5"));
    return metrics_save(&snapshot->metrics, path);
}

/* A best state that could not be written is kept until it is, or a better one comes. */
static enum status write_all(struct writer *writer)
{
    struct snapshot *snapshot = &writer->snapshot;
    bool best = snapshot->what & WRITER_BEST;
    writer->step_owed = writer->step_owed || snapshot->what & WRITER_STEP;
    if (best)
        writer->best.what = WRITER_BEST; /* until write_best */
    enum status st = write_files(writer);
    if (best && writer->best.what)
        snapshot_take(writer, &writer->best, snapshot);
    return st;
}

/* Once when it begins to fail, once when it is good again. */
static void tell(struct writer *writer, enum status st)
{
    unsigned long long step = writer->snapshot.info.progress.step;
    if (st != ST_OK && !writer->failing)
        log_note("step %llu: %s; training goes on, the next checkpoint is tried when it "
                 "is due",
                 step, writer->why);
    if (st == ST_OK && writer->failing && writer->snapshot.what)
        log_note("step %llu: checkpoints are written again", step);
    if (st != ST_OK || writer->snapshot.what)
        writer->failing = st != ST_OK;
}

static void work(struct writer *writer)
{
    char why[STATUS_TEXT];
    double begin = timer_now();
    status_capture(why);
    enum status st = write_all(writer);
    status_capture(NULL);
    if (st != ST_OK)
        memcpy(writer->why, why, sizeof why);
    tell(writer, st);
    double seconds = timer_now() - begin;
    trace_end("write", NULL, begin);
    pthread_mutex_lock(&writer->mutex);
    if (seconds > writer->slowest)
        writer->slowest = seconds;
    pthread_mutex_unlock(&writer->mutex);
}

static void *thread_body(void *context)
{
    struct writer *writer = context;
    thread_name("checkpoint");
    pthread_mutex_lock(&writer->mutex);
    while (writer->busy || !writer->closing) {
        if (!writer->busy) {
            pthread_cond_wait(&writer->changed, &writer->mutex);
            continue;
        }
        pthread_mutex_unlock(&writer->mutex);
        work(writer);
        pthread_mutex_lock(&writer->mutex);
        writer->busy = false;
        pthread_cond_broadcast(&writer->changed);
    }
    pthread_mutex_unlock(&writer->mutex);
    return NULL;
}

struct writer *writer_create(const struct writer_setup *setup,
                             const struct run_state *like)
{
    struct writer *writer = mem_zeroed(1, sizeof *writer);
    writer->setup = *setup;
    if (!setup->stream)
        make_room(&writer->snapshot.state, like, setup->model->params);
    pthread_mutex_init(&writer->mutex, NULL);
    pthread_cond_init(&writer->changed, NULL);
    thread_start(&writer->thread, thread_body, writer);
    return writer;
}

void writer_free(struct writer *writer)
{
    if (!writer)
        return;
    pthread_mutex_lock(&writer->mutex);
    writer->closing = true;
    pthread_cond_broadcast(&writer->changed);
    pthread_mutex_unlock(&writer->mutex);
    pthread_join(writer->thread, NULL);
    pthread_cond_destroy(&writer->changed);
    pthread_mutex_destroy(&writer->mutex);
    snapshot_release(writer, &writer->snapshot);
    snapshot_release(writer, &writer->best);
    free(writer);
}

static void wait_until_idle(struct writer *writer)
{
    pthread_mutex_lock(&writer->mutex);
    while (writer->busy)
        pthread_cond_wait(&writer->changed, &writer->mutex);
    pthread_mutex_unlock(&writer->mutex);
}

void writer_put(struct writer *writer, unsigned what, const struct checkpoint_info *info,
                const struct run_state *state, const struct metrics *metrics)
{
    const struct snapshot from = {what, *info, *state, *metrics};
    wait_until_idle(writer);
    snapshot_take(writer, &writer->snapshot, &from);
    if (writer->setup.stream && what) {
        work(writer);
        return;
    }
    pthread_mutex_lock(&writer->mutex);
    writer->busy = true;
    pthread_cond_broadcast(&writer->changed);
    pthread_mutex_unlock(&writer->mutex);
}

bool writer_idle(struct writer *writer)
{
    pthread_mutex_lock(&writer->mutex);
    bool busy = writer->busy;
    pthread_mutex_unlock(&writer->mutex);
    return !busy;
}

enum status writer_wait(struct writer *writer)
{
    wait_until_idle(writer);
    if (writer->step_owed)
        FAIL(ST_FAIL,
             "the last state is not saved (%s); --resume goes on from the "
             "checkpoint before it",
             writer->why);
    if (writer->best.what)
        FAIL(ST_FAIL, "the best state, of step %llu, is not saved (%s)",
             (unsigned long long)writer->best.info.progress.step, writer->why);
    if (writer->failing)
        FAIL(ST_FAIL, "the metrics are not saved (%s)", writer->why);
    return ST_OK;
}

double writer_slowest(struct writer *writer)
{
    pthread_mutex_lock(&writer->mutex);
    double seconds = writer->slowest;
    pthread_mutex_unlock(&writer->mutex);
    return seconds;
}
