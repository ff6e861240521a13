#include "train/writer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/timer.h"
#include "base/trace.h"

/* What to write: copies. */
struct writer_snapshot {
    unsigned what;
    struct checkpoint_info info; /* strings borrowed */
    struct run_state state;      /* vectors owned */
    struct metrics metrics;      /* owned */
};

struct writer {
    struct writer_setup setup;
    struct writer_snapshot snapshot; /* the thread's while busy, else the caller's */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* busy or closing */
    bool busy, closing;
    double slowest; /* seconds */

    /* --- the thread's while busy --- */
    bool step_owed;              /* the newest state could not be written */
    struct writer_snapshot best; /* what is WRITER_BEST: could not be written; 0: none */
    char why[STATUS_TEXT];       /* of the last failure */
    bool failing;                /* and it was noted */
};

/* The folder may have been deleted or moved, and the lock and the log with it. */
static enum status writer_restore_folder(struct writer *writer, char checkpoints[FS_PATH])
{
    TRY(fs_join(checkpoints, writer->setup.folder, CHECKPOINT_FOLDER));
    TRY(fs_make_folder(checkpoints));
    if (writer->setup.lock)
        TRY(lockfile_keep(writer->setup.lock, writer->setup.folder));
    log_keep_file();
    return ST_OK;
}

static void snapshot_allocate(struct run_state *state, const struct run_state *like,
                              size_t params)
{
    *state = *like;
    state->params = mem_aligned(params, sizeof(float));
    if (like->ema)
        state->ema = mem_aligned(params, sizeof(float));
    for (int i = 0; i < like->optims; i++)
        state->optim[i] = mem_aligned(params, sizeof(float));
}

static void snapshot_take(const struct writer *writer, struct writer_snapshot *snapshot,
                          const struct writer_snapshot *from)
{
    struct run_state *state = &snapshot->state;
    size_t params = writer->setup.model->params;
    snapshot->what = from->what;
    snapshot->info = from->info;
    metrics_copy(&snapshot->metrics, &from->metrics);
    if (writer->setup.stream)
        *state = from->state;
    else if (!state->params)
        snapshot_allocate(state, &from->state, params);
    if (!from->what || writer->setup.stream)
        return;
    memcpy(state->params, from->state.params, params * sizeof(float));
    if (state->ema)
        memcpy(state->ema, from->state.ema, params * sizeof(float));
    for (int i = 0; i < state->optims; i++)
        memcpy(state->optim[i], from->state.optim[i], params * sizeof(float));
}

static void snapshot_release(const struct writer *writer,
                             struct writer_snapshot *snapshot)
{
    metrics_release(&snapshot->metrics);
    if (writer->setup.stream)
        return; /* only the metrics are copies */
    free(snapshot->state.params);
    free(snapshot->state.ema);
    for (int i = 0; i < snapshot->state.optims; i++)
        free(snapshot->state.optim[i]);
}

static enum status writer_write_snapshot(struct writer *writer,
                                         struct writer_snapshot *snapshot,
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

static enum status writer_write_step(struct writer *writer, const char *folder)
{
    char path[FS_PATH];
    struct writer_snapshot *snapshot = &writer->snapshot;
    TRY(checkpoint_path(path, folder, snapshot->info.progress.step));
    TRY(writer_write_snapshot(writer, snapshot, path));
    writer->step_owed = false;
    return ST_OK;
}

static enum status writer_write_best(struct writer *writer,
                                     struct writer_snapshot *snapshot, const char *folder)
{
    char path[FS_PATH];
    TRY(fs_join(path, folder, "best.h5"));
    TRY(writer_write_snapshot(writer, snapshot, path));
    writer->best.what = 0;
    return ST_OK;
}

/* The history, for programs of both kinds. */
static enum status writer_write_metrics(const struct writer *writer,
                                        const struct metrics *metrics)
{
    char path[FS_PATH];
    TRY(fs_join(path, writer->setup.folder, "metrics.h5"));
    TRY(metrics_save(metrics, path));
    TRY(fs_join(path, writer->setup.folder, "metrics.csv"));
    return metrics_save_table(metrics, &writer->setup.table, path);
}

static enum status writer_write_files(struct writer *writer)
{
    char folder[FS_PATH];
    struct writer_snapshot *snapshot = &writer->snapshot;
    TRY(writer_restore_folder(writer, folder));
    if (snapshot->what & WRITER_STEP)
        TRY(writer_write_step(writer, folder));
    if (snapshot->what & WRITER_BEST)
        TRY(writer_write_best(writer, snapshot, folder));
    else if (snapshot->what && writer->best.what && !writer->setup.stream)
        TRY(writer_write_best(writer, &writer->best, folder));
    if (snapshot->what & WRITER_STEP) {
        uint64_t step = snapshot->info.progress.step;
        TRY(checkpoint_link(writer->setup.folder, step));
        TRY(checkpoint_prune(folder, writer->setup.keep, step));
    }
    return writer_write_metrics(writer, &snapshot->metrics);
}

/* A best state that could not be written is kept until it is written, or until there is a
   better one. */
static enum status writer_write_all(struct writer *writer)
{
    struct writer_snapshot *snapshot = &writer->snapshot;
    bool best = snapshot->what & WRITER_BEST;
    writer->step_owed = writer->step_owed || snapshot->what & WRITER_STEP;
    if (best)
        writer->best.what = WRITER_BEST; /* until writer_write_best */
    enum status st = writer_write_files(writer);
    if (best && writer->best.what)
        snapshot_take(writer, &writer->best, snapshot);
    return st;
}

/* A note when writing begins to fail, and one when it works again. */
static void writer_note(struct writer *writer, enum status st)
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

static void writer_work(struct writer *writer)
{
    char why[STATUS_TEXT];
    double begin = timer_now();
    status_capture(why);
    enum status st = writer_write_all(writer);
    status_capture(NULL);
    if (st != ST_OK)
        memcpy(writer->why, why, sizeof why);
    writer_note(writer, st);
    double seconds = timer_now() - begin;
    trace_end("write", NULL, begin);
    pthread_mutex_lock(&writer->mutex);
    if (seconds > writer->slowest)
        writer->slowest = seconds;
    pthread_mutex_unlock(&writer->mutex);
}

static void *writer_thread(void *context)
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
        writer_work(writer);
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
        snapshot_allocate(&writer->snapshot.state, like, setup->model->params);
    pthread_mutex_init(&writer->mutex, NULL);
    pthread_cond_init(&writer->changed, NULL);
    thread_start(&writer->thread, writer_thread, writer);
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

static void writer_wait_until_idle(struct writer *writer)
{
    pthread_mutex_lock(&writer->mutex);
    while (writer->busy)
        pthread_cond_wait(&writer->changed, &writer->mutex);
    pthread_mutex_unlock(&writer->mutex);
}

void writer_put(struct writer *writer, unsigned what, const struct checkpoint_info *info,
                const struct run_state *state, const struct metrics *metrics)
{
    const struct writer_snapshot from = {what, *info, *state, *metrics};
    writer_wait_until_idle(writer);
    snapshot_take(writer, &writer->snapshot, &from);
    if (writer->setup.stream && what) {
        writer_work(writer);
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
    writer_wait_until_idle(writer);
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
