#include "app/run/tracing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timer.h"
#include "base/trace.h"
#include "comm/comm.h"

#define HEAD       "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n"
#define HELPERS    4         /* threads of a rank that do not compute */
#define SPANS      (1 << 22) /* of all ranks together: about 400 MB of text */
#define SPANS_LANE (1 << 16)

/* There is nothing at this path, or an older trace. */
static bool tracing_may_replace(const char *path)
{
    char head[sizeof HEAD] = "";
    if (access(path, F_OK) != 0)
        return true;
    FILE *file = fs_is_file(path) ? fopen(path, "r") : NULL;
    if (!file)
        return false;
    size_t bytes = fread(head, 1, sizeof head - 1, file);
    fclose(file);
    return bytes == 0 || strcmp(head, HEAD) == 0;
}

enum status tracing_check(const char *path)
{
    if (!tracing_may_replace(path))
        FAIL(ST_USAGE, "'%s' exists already and is not a trace: it is not overwritten",
             path);
    return fs_check_write(path);
}

void tracing_start(struct comm *comm, int threads)
{
    int lanes = threads + HELPERS;
    int spans = SPANS / (comm_size(comm) * lanes);
    comm_barrier(comm);
    trace_start(lanes, spans < SPANS_LANE ? spans : SPANS_LANE, timer_now());
}

/* Leaves out the ",\n" at the end of the text: JSON allows none after the last element.
 */
static enum status tracing_write_file(const char *path, const char *text, size_t bytes)
{
    char temp[FS_PATH];
    TRY(fs_temp_name(temp, path));
    FILE *file = fopen(temp, "w");
    if (!file)
        FAIL(ST_FAIL, "cannot write '%s': %s", temp, strerror(errno));
    bool good = fputs(HEAD, file) >= 0 && fwrite(text, 1, bytes - 2, file) == bytes - 2 &&
                fputs("\n]}\n", file) >= 0;
    good = fclose(file) == 0 && good;
    if (!good) {
        remove(temp);
        FAIL(ST_FAIL, "cannot write '%s': %s", path, strerror(errno));
    }
    return fs_commit(temp, path);
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
