#include "app/tracing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timer.h"
#include "base/trace.h"
#include "comm/comm.h"

#define HELPERS    4         /* threads besides those that compute */
#define SPANS      (1 << 22) /* of all ranks together: some 400 MB of text */
#define SPANS_LANE (1 << 16)

enum status tracing_check(const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file)
        FAIL(ST_FAIL, "cannot write '%s': %s", path, strerror(errno));
    fclose(file);
    return ST_OK;
}

void tracing_start(struct comm *comm, int threads)
{
    int lanes = threads + HELPERS;
    int spans = SPANS / (comm_size(comm) * lanes);
    comm_barrier(comm);
    trace_start(lanes, spans < SPANS_LANE ? spans : SPANS_LANE, timer_now());
}

/* JSON's last element has no comma behind it. */
static enum status write_file(const char *path, const char *text, size_t bytes)
{
    char temp[FS_PATH];
    TRY(fs_temp_name(temp, path));
    FILE *file = fopen(temp, "w");
    if (!file)
        FAIL(ST_FAIL, "cannot write '%s': %s", temp, strerror(errno));
    bool good = fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n", file) >= 0 &&
                fwrite(text, 1, bytes - 2, file) == bytes - 2 &&
                fputs("\n]}\n", file) >= 0;
    good = fclose(file) == 0 && good;
    if (!good) {
        remove(temp);
        FAIL(ST_FAIL, "cannot write '%s': %s", path, strerror(errno));
    }
    return fs_commit(temp, path);
}

static enum status gather(struct comm *comm, const char *path)
{
    char *name = mem_format("rank %d (%s)", comm_rank(comm), comm_host(comm)),
         *all = NULL;
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
        st = write_file(path, all, sum);
    if (comm_rank(comm) == 0 && st == ST_OK)
        log_out("trace: %s (%.1f MB); open it in ui.perfetto.dev\n", path,
                (double)sum * 1e-6);
    free(name);
    free(text);
    free(all);
    free(bytes);
    return comm_agree(comm, st);
}

enum status tracing_write(struct comm *comm, const char *path, enum status st)
{
    if (!trace_on())
        return st;
    enum status written = gather(comm, path);
    trace_stop();
    return st == ST_OK ? written : st;
}
