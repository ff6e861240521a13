#include "app/run/tracing.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timer.h"
#include "base/trace.h"
#include "comm/comm.h"
#include "io/target.h"

#define HEAD       "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n"
#define HELPERS    4         /* threads of a rank that do not compute */
#define SPANS      (1 << 22) /* of all ranks together: about 400 MB of text */
#define SPANS_LANE (1 << 16)

static const struct target_kind tracing_kind = {"a trace", .head = HEAD};

enum status tracing_check(const char *path, const char *const *input, int inputs)
{
    return target_check(path, &tracing_kind, input, inputs);
}

void tracing_start(struct comm *comm, int threads)
{
    int lanes = threads + HELPERS;
    int spans = SPANS / (comm_size(comm) * lanes);
    comm_barrier(comm);
    trace_start(lanes, spans < SPANS_LANE ? spans : SPANS_LANE, timer_now());
}

/* Leaves out the ",\n" at the end of the text: JSON allows none after the last element.
   The run may have written a file of this name since it began. */
static enum status tracing_write_file(const char *path, const char *text, size_t bytes)
{
    struct fs_writer writer;
    TRY(tracing_check(path, NULL, 0));
    TRY(fs_write_begin(&writer, path));
    fputs(HEAD, writer.file);
    fwrite(text, 1, bytes - 2, writer.file);
    fputs("\n]}\n", writer.file);
    return fs_write_end(&writer);
}

static enum status tracing_gather(struct comm *comm, const char *path, const char *part)
{
    char *name = mem_format("rank %d (%s)%s%s", comm_rank(comm), comm_host(comm),
                            part ? ", " : "", part ? part : "");
    char *all = NULL;
    size_t mine, *bytes = mem_zeroed((size_t)comm_size(comm), sizeof *bytes), sum = 0;
    char *text = trace_text(comm_rank(comm), name, &mine);
    comm_allgather(comm, &mine, bytes, sizeof mine);
    for (int r = 0; r < comm_size(comm); r++)
        sum += bytes[r];
    if (comm_rank(comm) == 0)
        all = mem_resize(NULL, sum, 1);
    comm_gather(comm, text, mine, all, bytes);
    enum status st = ST_OK;
    if (comm_rank(comm) == 0)
        st = tracing_write_file(path, all, sum);
    if (comm_rank(comm) == 0 && st == ST_OK)
        log_out("trace: %s (%s); open it in ui.perfetto.dev\n", path,
                bytes_text((double)sum).text);
    free(name);
    free(text);
    free(all);
    free(bytes);
    return comm_agree(comm, st);
}

enum status tracing_write(struct comm *comm, const char *path, const char *part,
                          enum status st)
{
    if (!trace_on())
        return st;
    enum status written = tracing_gather(comm, path, part);
    trace_stop();
    return st == ST_OK ? written : st;
}
