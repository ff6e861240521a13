#include "app/predict/predict.h"

#include <stdlib.h>
#include <string.h>

#include "app/run/placement.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stop.h"
#include "base/timer.h"
#include "comm/comm.h"
#include "predict_names.h"
#include "predict_sink.h"

#define PREDICT_TELL 0.5 /* seconds between two lines of progress */

struct predict_job {
    struct comm *comm;                     /* borrowed */
    const struct predict_request *request; /* borrowed */
    struct network network;
    struct placement placement;
    struct predict_batch batch;
    struct predict_sink sink;
    struct predict_names names; /* on rank 0 */
    struct predict_tally tally; /* of all ranks, and of earlier processes */
    uint64_t earlier;           /* pictures of these */
    double begin, told;         /* timer_now */
};

/* --- before the first round --- */

/* A training may replace the checkpoint between the reads of two ranks. */
static enum status job_check_same(const struct predict_job *job)
{
    const struct checkpoint_info *info = &job->network.info;
    const double mine[] = {(double)(info->state >> 32), (double)(uint32_t)info->state,
                           info->temperature, job->network.averaged};
    double first[4];
    enum status st = ST_OK;
    memcpy(first, mine, sizeof first);
    comm_bcast(job->comm, first, sizeof first, 0);
    if (memcmp(first, mine, sizeof first) != 0)
        st = status_fail(ST_FAIL, "'%s' was replaced while the ranks read it: try again",
                         job->request->checkpoint);
    return comm_agree(job->comm, st);
}

/* Rank 0 first: if it cannot read the file, it alone says so. */
static enum status job_open_network(struct predict_job *job)
{
    struct comm *comm = job->comm;
    const char *path = job->request->checkpoint;
    enum status st = ST_OK;
    if (comm_rank(comm) == 0)
        st = network_open(&job->network, path);
    TRY(comm_agree(comm, st));
    if (comm_rank(comm) != 0)
        st = network_open(&job->network, path);
    TRY(comm_agree(comm, st));
    return job_check_same(job);
}

/* A label that says that there is none must not be the name of a class. */
static enum status job_check_unsure(const struct network *network, double threshold)
{
    for (int c = 0; threshold > 0 && c < network->info.classes; c++)
        if (strcmp(network->info.class_name[c], PREDICTIONS_UNSURE) == 0)
            FAIL(ST_USAGE,
                 "'--threshold %g': the network has a class '" PREDICTIONS_UNSURE
                 "', which is what pictures below the threshold are called",
                 threshold);
    return ST_OK;
}

static enum status job_check_set_names(const struct network *network, const char *out)
{
    for (int c = 0; c < network->info.classes; c++)
        if (strchr(network->info.class_name[c], ';'))
            FAIL(
                ST_USAGE,
                "class '%s' has a ';' in its name, which stands between the classes of a "
                "picture in '%s'; write .jsonl or .h5",
                network->info.class_name[c], out);
    return ST_OK;
}

static enum status job_check(const struct predict_job *job)
{
    const struct predict_request *request = job->request;
    const struct network *network = &job->network;
    const char *out = request->out, *dot = out ? strrchr(out, '.') : NULL;
    bool sets = network->model.multi_label;
    if (request->ask.crop && network->info.shape.c != 1)
        FAIL(ST_USAGE, "--crop looks for light ink: it is for networks of grey images");
    if (sets && !out && request->ask.top > 0 && request->ask.threshold >= 0)
        FAIL(ST_USAGE, "--top and --threshold exclude each other: both say which classes "
                       "are printed");
    if (!sets)
        TRY(job_check_unsure(network, request->ask.threshold));
    if (sets && dot && strcmp(dot, ".csv") == 0)
        TRY(job_check_set_names(network, out));
    return out ? predict_file_check(request, network) : ST_OK;
}

static enum status job_open_names(struct predict_job *job)
{
    const struct predict_request *request = job->request;
    if (comm_rank(job->comm) != 0)
        return ST_OK;
    return picture_names_open(&job->names.source, request->picture, request->pictures,
                              request->from);
}

static enum status job_open(struct predict_job *job)
{
    struct comm *comm = job->comm;
    bool first = comm_rank(comm) == 0;
    TRY(comm_agree(comm, first ? job_check(job) : ST_OK));
    if (first)
        network_note_statistics(job->network.checkpoint, &job->network.info.progress);
    placement_init(&job->placement, comm, job->request->threads);
    TRY(comm_agree(comm, job_open_names(job)));
    TRY(predict_batch_init(&job->batch, comm, &job->network, &job->request->ask,
                           placement_threads(&job->placement, comm)));
    predict_sink_init(&job->sink, job->request, &job->batch);
    enum status st = ST_OK;
    if (first)
        st = job->sink.ops->begin(&job->sink, &job->names, &job->tally);
    comm_bcast(comm, &job->tally, sizeof job->tally, 0);
    job->earlier = job->tally.pictures;
    return comm_agree(comm, st);
}

/* --- a round --- */

/* Names for all ranks, each with its NUL. */
struct job_block {
    int count;
    bool last;      /* there are no more */
    enum status st; /* why there are no more */
    struct predict_text text;
};

/* What was named before the names end with an error is answered. */
static void job_collect(struct predict_job *job, struct job_block *block)
{
    int most = job->batch.most * comm_size(job->comm);
    char *name = NULL;
    while (block->count < most && !block->last) {
        block->st = predict_names_next(&job->names, &name);
        block->last = !name || block->st != ST_OK;
        if (block->last)
            break;
        predict_text_add(&block->text, name, strlen(name) + 1);
        block->count++;
        free(name);
    }
}

static void job_share_names(struct predict_job *job, struct job_block *block)
{
    char *data = block->text.data;
    comm_bcast(job->comm, block, sizeof *block, 0);
    block->text.data = data;
    if (comm_rank(job->comm) != 0)
        block->text.data = mem_zeroed(block->text.bytes + 1, 1);
    if (block->text.bytes > 0)
        comm_bcast(job->comm, block->text.data, block->text.bytes, 0);
}

/* Each rank has as many as fit, the first ones the first names. */
static void job_add_part(struct predict_job *job, const struct job_block *block)
{
    int first = comm_rank(job->comm) * job->batch.most, end = first + job->batch.most;
    const char *name = block->text.data;
    for (int i = 0; i < block->count && i < end; i++) {
        if (i >= first)
            predict_batch_add(&job->batch, mem_strdup(name));
        name += strlen(name) + 1;
    }
}

static void job_render(const struct predict_job *job, struct predict_text *text,
                       struct predict_tally *tally)
{
    for (int i = 0; i < job->batch.count; i++) {
        const struct prediction *one = &job->batch.answer[i];
        job->sink.ops->render(&job->sink, one, text);
        tally->pictures++;
        tally->errors += one->row.error != NULL;
        tally->unsure += !one->row.error && one->row.labels == 0;
    }
}

/* Gathers the rows of all ranks, in order, on rank 0. */
static void job_gather(struct predict_job *job, const struct predict_text *mine,
                       struct predict_text *all)
{
    struct comm *comm = job->comm;
    size_t *bytes = mem_zeroed((size_t)comm_size(comm), sizeof *bytes);
    comm_allgather(comm, &mine->bytes, bytes, sizeof mine->bytes);
    for (int r = 0; comm_rank(comm) == 0 && r < comm_size(comm); r++)
        all->bytes += bytes[r];
    all->data = mem_zeroed(all->bytes + 1, 1);
    comm_gather(comm, mine->data, mine->bytes, all->data, bytes);
    free(bytes);
}

static void job_tell(struct predict_job *job)
{
    double now = timer_now();
    if (!job->request->out || now - job->told < PREDICT_TELL)
        return;
    job->told = now;
    log_progress("%llu pictures, %.0f images/s", (unsigned long long)job->tally.pictures,
                 (double)(job->tally.pictures - job->earlier) / (now - job->begin));
}

static enum status job_answer(struct predict_job *job, const struct job_block *block)
{
    struct predict_text mine = {0}, all = {0};
    uint64_t counts[3];
    struct predict_tally tally = {0};
    enum status st = ST_OK;
    job_add_part(job, block);
    predict_batch_run(&job->batch);
    job_render(job, &mine, &tally);
    predict_batch_clear(&job->batch);
    job_gather(job, &mine, &all);
    memcpy(counts, (uint64_t[]){tally.pictures, tally.errors, tally.unsure},
           sizeof counts);
    comm_sum_u64(job->comm, counts, 3);
    job->tally.pictures += counts[0];
    job->tally.errors += counts[1];
    job->tally.unsure += counts[2];
    if (comm_rank(job->comm) == 0) {
        st = job->sink.ops->take(&job->sink, &all);
        job_tell(job);
    }
    free(mine.data);
    free(all.data);
    return comm_agree(job->comm, st);
}

static enum status job_round(struct predict_job *job, bool *last)
{
    struct job_block block = {0};
    if (comm_rank(job->comm) == 0)
        job_collect(job, &block);
    job_share_names(job, &block);
    enum status st = block.count > 0 ? job_answer(job, &block) : ST_OK;
    free(block.text.data);
    *last = block.last;
    TRY(st);
    TRY(comm_agree(job->comm, block.st));
    return comm_agree(job->comm, stop_requested() && !*last ? ST_AGAIN : ST_OK);
}

/* --- the whole --- */

static enum status job_finish(struct predict_job *job)
{
    const struct predict_tally *tally = &job->tally;
    const char *out = job->request->out;
    double seconds = timer_now() - job->begin;
    enum status st = ST_OK;
    if (comm_rank(job->comm) == 0)
        st = job->sink.ops->finish(&job->sink, tally);
    TRY(comm_agree(job->comm, st));
    if (!out)
        return tally->errors > 0 ? ST_FAIL : ST_OK;
    log_out("%s: %llu pictures", out, (unsigned long long)tally->pictures);
    if (tally->errors > 0)
        log_out(", %llu without an answer", (unsigned long long)tally->errors);
    if (job->batch.ask.threshold > 0 && !job->network.model.multi_label)
        log_out(", %llu " PREDICTIONS_UNSURE, (unsigned long long)tally->unsure);
    log_out(", in %.2f s, %.0f images/s\n", seconds,
            (double)(tally->pictures - job->earlier) / seconds);
    return tally->errors > 0 ? ST_PARTIAL : ST_OK;
}

static enum status job_tell_stopped(const struct predict_job *job)
{
    unsigned long long pictures = job->tally.pictures;
    log_out("stopped on request after %llu pictures; the same command goes on\n",
            pictures);
    return ST_AGAIN;
}

/* On rank 0: a list without names is a mistake. */
static enum status job_check_any(const struct predict_job *job)
{
    if (comm_rank(job->comm) == 0 && !job->names.any && job->earlier == 0)
        FAIL(ST_FAIL, "'%s' names no pictures: it is empty",
             job->names.source.lines_name);
    return ST_OK;
}

static enum status job_run(struct predict_job *job)
{
    enum status st = ST_OK;
    bool last = false;
    TRY(job_open_network(job));
    TRY(job_open(job));
    job->begin = timer_now();
    while (st == ST_OK && !last)
        st = job_round(job, &last);
    if (st == ST_AGAIN)
        return job_tell_stopped(job);
    TRY(st);
    TRY(comm_agree(job->comm, job_check_any(job)));
    return job_finish(job);
}

enum status predict_run(struct comm *comm, const struct predict_request *request)
{
    struct predict_job job = {.comm = comm, .request = request};
    bool replicated = log_set_replicated(false);
    enum status st = job_run(&job);
    predict_names_close(&job.names);
    predict_sink_release(&job.sink);
    predict_batch_release(&job.batch);
    placement_release(&job.placement);
    network_close(&job.network);
    log_set_replicated(replicated);
    return st;
}
