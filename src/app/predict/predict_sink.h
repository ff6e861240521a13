/*
 * predict_sink: where answers go: to stdout, or into a file by way of a journal. Every
 * rank renders its answers as bytes; rank 0 takes those of all ranks, in order.
 */
#ifndef LOCKSTEP_APP_PREDICT_PREDICT_SINK_H
#define LOCKSTEP_APP_PREDICT_PREDICT_SINK_H

#include "base/lockfile.h"
#include "predict_batch.h"
#include "predict_text.h"

struct predict_names;

/* Counts over all ranks, or of one. */
struct predict_tally {
    uint64_t pictures, errors, unsure;
};

struct predict_sink;
struct predict_sink_ops {
    void (*render)(const struct predict_sink *sink, const struct prediction *prediction,
                   struct predict_text *text);
    /* The others are called on rank 0 alone. */
    enum status (*take)(struct predict_sink *sink, const struct predict_text *text);
    /* Before the first and after the last round. begin passes over the names that an
       earlier process answered, and counts their answers. */
    enum status (*begin)(struct predict_sink *sink, struct predict_names *names,
                         struct predict_tally *tally);
    enum status (*finish)(struct predict_sink *sink, const struct predict_tally *tally);
};
extern const struct predict_sink_ops predict_print, predict_file;

struct predict_sink {
    const struct predict_sink_ops *ops;
    const struct predict_request *request; /* borrowed */
    const struct predict_batch *batch;     /* borrowed */
    /* --- used by predict_file --- */
    struct predictions_head head; /* its network is owned */
    struct predictions_journal journal;
    struct lockfile lock; /* two processes do not write one file */
};

/* On every rank. */
void predict_sink_init(struct predict_sink *sink, const struct predict_request *request,
                       const struct predict_batch *batch);
void predict_sink_release(struct predict_sink *sink);

/* Fills in what all rows of a file share. On every rank. */
void predict_file_head(struct predict_sink *sink);
/* Before the work begins, on rank 0: may the files be written? */
enum status predict_file_check(const struct predict_request *request,
                               const struct network *network) MUST_CHECK;

#endif
