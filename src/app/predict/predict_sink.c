#include "predict_sink.h"

#include <stdlib.h>

void predict_sink_init(struct predict_sink *sink, const struct predict_request *request,
                       const struct predict_batch *batch)
{
    *sink = (struct predict_sink){.ops = request->out ? &predict_file : &predict_print,
                                  .request = request,
                                  .batch = batch,
                                  .lock.fd = -1};
    if (request->out)
        predict_file_head(sink);
}

void predict_sink_release(struct predict_sink *sink)
{
    if (!sink->ops)
        return;
    predictions_journal_close(&sink->journal);
    lockfile_release(&sink->lock);
    free((void *)(uintptr_t)sink->head.network);
}
