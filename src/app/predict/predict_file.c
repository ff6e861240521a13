/* predict_file: answers in a file. Until all are there they are in the journal
   OUT.partial, with which the same command goes on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/run/output.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "data/view.h"
#include "predict_names.h"
#include "predict_sink.h"

static const struct target_kind predict_file_lock_kind = {"a lock", .head = "host "};

/* OUT.partial, and OUT.partial.lock. */
static enum status predict_file_paths(char journal[FS_PATH], char lock[FS_PATH],
                                      const char *out)
{
    if (snprintf(journal, FS_PATH, "%s.partial", out) >= FS_PATH ||
        snprintf(lock, FS_PATH, "%s.partial.lock", out) >= FS_PATH)
        FAIL(ST_USAGE, "path too long: '%s'", out);
    return ST_OK;
}

enum status predict_file_check(const struct predict_request *request,
                               const struct network *network)
{
    const struct predictions_format *format;
    const char *const inputs[] = {network->checkpoint, request->from};
    char journal[FS_PATH], lock[FS_PATH];
    TRY(predictions_format_find(request->out, &format));
    TRY(output_check(request->out, request->force, &format->kind, inputs, 2));
    TRY(predict_file_paths(journal, lock, request->out));
    TRY(target_check_own(lock, &predict_file_lock_kind, inputs, 2));
    return output_check(journal, true, &predictions_journal_kind, inputs, 2);
}

/* --- what the answers are of --- */

static char *predict_file_network(const struct network *network,
                                  const struct predict_ask *ask)
{
    const struct checkpoint_info *info = &network->info;
    char state[17], input[17];
    uint64_t hash = hash_bytes(info->config, strlen(info->config), 0);
    hash = hash_bytes(info->treatment, strlen(info->treatment), hash);
    hash = hash_bytes(info->mean, sizeof info->mean, hash);
    hash_text(hash_bytes(info->std, sizeof info->std, hash), input);
    hash_text(info->state, state);
    char *text =
        mem_format("state=%s%s, views %s", state, network->averaged ? " averaged" : "",
                   view_set_words[ask->views]);
    if (network_temperature(network) > 0)
        mem_append(&text, ", temperature %.9g", network_temperature(network));
    if (ask->crop)
        mem_append(&text, ", crop");
    mem_append(&text, ", input %s", input);
    return text;
}

void predict_file_head(struct predict_sink *sink)
{
    const struct predict_batch *batch = sink->batch;
    const struct network *network = batch->network;
    sink->head = (struct predictions_head){
        .network = predict_file_network(network, &batch->ask),
        .class_name = network->info.class_name,
        .classes = network->info.classes,
        .top = batch->ask.top,
        .sets = network->model.multi_label,
        .threshold = batch->ask.threshold,
    };
}

/* --- going on --- */

/* What an earlier process answered. Grains begin where they would have, so that the bits
   of the rest are the same: the last part of a grain is answered again. */
struct predict_file_earlier {
    struct predict_names *names;
    struct predict_tally tally, whole; /* of all rows; of those in whole grains */
    uint64_t place;                    /* behind the whole grains */
    char **pending; /* owned: names behind the whole grains, up to a grain of them */
    int grain, count;
};

static void earlier_count(struct predict_file_earlier *earlier,
                          const struct predictions_row *row)
{
    earlier->tally.pictures++;
    earlier->tally.errors += row->error != NULL;
    earlier->tally.unsure += !row->error && row->labels == 0;
}

static void earlier_keep_grain(struct predict_file_earlier *earlier, uint64_t place)
{
    for (int i = 0; i < earlier->count; i++)
        free(earlier->pending[i]);
    earlier->count = 0;
    earlier->whole = earlier->tally;
    earlier->place = place;
}

static enum status earlier_take_row(struct predict_file_earlier *earlier,
                                    const struct predictions_journal *journal,
                                    const struct predictions_row *row)
{
    char *name;
    TRY(predict_names_next(earlier->names, &name));
    if (!name || strcmp(name, row->path) != 0) {
        enum status st = status_fail(
            ST_USAGE,
            "'%s' has an answer to '%s' where the pictures now have '%s': they changed; "
            "remove '%s' to begin anew",
            journal->path, row->path, name ? name : "no more", journal->path);
        free(name);
        return st;
    }
    earlier->pending[earlier->count++] = name;
    earlier_count(earlier, row);
    if (earlier->count == earlier->grain)
        earlier_keep_grain(earlier, predictions_journal_place(journal));
    return ST_OK;
}

static enum status predict_file_pass_over(struct predict_sink *sink,
                                          struct predict_names *names,
                                          struct predict_tally *tally)
{
    struct predictions_journal *journal = &sink->journal;
    struct predictions_row row;
    int grain = sink->batch->network->model.grain;
    struct predict_file_earlier earlier = {
        .names = names,
        .grain = grain,
        .pending = mem_zeroed((size_t)grain, sizeof *earlier.pending)};
    enum status st = ST_OK;
    predictions_journal_rewind(journal);
    earlier.place = predictions_journal_place(journal);
    while (st == ST_OK && predictions_journal_next(journal, &row)) {
        st = earlier_take_row(&earlier, journal, &row);
        predictions_row_release(&row);
    }
    predict_names_return(names, earlier.pending, earlier.count);
    *tally = earlier.whole;
    return st == ST_OK ? predictions_journal_cut(journal, earlier.place) : st;
}

static enum status predict_file_begin(struct predict_sink *sink,
                                      struct predict_names *names,
                                      struct predict_tally *tally)
{
    char path[FS_PATH], lock[FS_PATH];
    bool same = false;
    TRY(predict_file_paths(path, lock, sink->request->out));
    TRY(lockfile_take(&sink->lock, lock, sink->request->out, 0));
    bool there = fs_bytes(path) > 0;
    if (there)
        TRY(predictions_journal_open(&sink->journal, path, &sink->head, &same));
    if (there && !same && !sink->request->force)
        FAIL(ST_USAGE,
             "'%s' was begun with another network or other options: give those to go on "
             "with it, or use --force to begin anew",
             path);
    if (!same)
        return predictions_journal_create(&sink->journal, path, &sink->head);
    TRY(predict_file_pass_over(sink, names, tally));
    log_note("'%s' has the answers to %llu pictures: going on", path,
             (unsigned long long)tally->pictures);
    return ST_OK;
}

/* --- rounds, and the end --- */

static void predict_file_render(const struct predict_sink *sink,
                                const struct prediction *prediction,
                                struct predict_text *text)
{
    char *line = predictions_row_text(&sink->head, &prediction->row);
    predict_text_add(text, line, strlen(line));
    free(line);
}

static enum status predict_file_take(struct predict_sink *sink,
                                     const struct predict_text *text)
{
    return predictions_journal_append(&sink->journal, text->data, text->bytes);
}

static enum status predict_file_finish(struct predict_sink *sink,
                                       const struct predict_tally *tally)
{
    const struct predictions_format *format;
    TRY(predictions_format_find(sink->request->out, &format));
    TRY(format->write(&sink->journal, sink->request->out, tally->pictures));
    unlink(sink->journal.path);
    return ST_OK;
}

const struct predict_sink_ops predict_file = {predict_file_render, predict_file_take,
                                              predict_file_begin, predict_file_finish};
