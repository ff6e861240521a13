#include "report_run.h"

#include <stdlib.h>
#include <string.h>

#include "app/run/run_files.h"
#include "base/mem.h"
#include "io/h5file.h"

static enum status report_read_metrics(struct report_run *run)
{
    char path[FS_PATH];
    struct h5file *file;
    uint64_t hash = 0;
    TRY(fs_join(path, run->path, RUN_METRICS));
    if (!fs_is_file(path))
        return ST_OK;
    TRY(h5file_open(&file, path));
    enum status st = metrics_read(&run->metrics, file, &hash);
    h5file_close(file);
    return st;
}

static enum status report_read_log(struct report_run *run)
{
    char path[FS_PATH];
    size_t bytes;
    TRY(fs_join(path, run->path, RUN_LOG));
    if (fs_is_file(path))
        return fs_read_text(path, &run->log, &bytes);
    run->log = mem_strdup("");
    return ST_OK;
}

enum status report_run_open(struct report_run *run, const char *path)
{
    *run = (struct report_run){.path = mem_strdup(path)};
    if (!fs_is_folder(path))
        FAIL(ST_USAGE, "'%s' is not the folder of a run", path);
    TRY(network_describe(&run->network, path));
    metrics_init(&run->metrics, run->network.info.classes);
    run->metrics.sets = run->network.model.multi_label;
    TRY(report_read_metrics(run));
    return report_read_log(run);
}

void report_run_close(struct report_run *run)
{
    metrics_release(&run->metrics);
    network_close(&run->network);
    free(run->log);
    free(run->path);
}

/* --- the log --- */

/* The newest line that begins so, from `text` on. */
static const char *report_last_line(const char *text, const char *begin)
{
    const char *found = NULL;
    size_t length = strlen(begin);
    while (text && *text) {
        if (strncmp(text, begin, length) == 0)
            found = text;
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
    }
    return found;
}

const char *report_run_facts(const struct report_run *run)
{
    return report_last_line(run->log, "command ");
}

const char *report_run_line(const struct report_run *run, const char *begin)
{
    const char *facts = report_run_facts(run);
    return report_last_line(facts ? facts : run->log, begin);
}

/* Where the newest training begins, with the head of its table: a start that was refused
   has none. */
static const char *report_last_training(const struct report_run *run)
{
    const char *found = run->log;
    for (const char *line = run->log; line && *line;) {
        const char *word = line + strspn(line, " ");
        if (word > line && strncmp(word, "step ", 5) == 0)
            found = line;
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return found;
}

const char *report_run_state(const struct report_run *run, uint64_t *steps)
{
    const char *from = report_last_training(run);
    const char *finished = report_last_line(from, "finished step ");
    const char *stopped = report_last_line(from, "stopped step ");
    const char *end = finished ? finished : stopped;
    unsigned long long step, all = 0;
    if (!end || sscanf(end, "%*s step %llu of %llu", &step, &all) != 2)
        all = 0;
    if (steps)
        *steps = all;
    return finished ? "finished" : stopped ? "stopped" : "not ended";
}

/* --- the configs --- */

char *report_run_key(const struct report_run *run, int key)
{
    const struct config *config = &run->network.config;
    return key == REPORT_GROUPS ? config_groups_text(config)
                                : config_key_text(config, key);
}

bool report_runs_differ(const struct report_run *run, int runs, int key)
{
    char *first = report_run_key(&run[0], key);
    bool differs = false;
    for (int r = 1; r < runs && first && !differs; r++) {
        char *other = report_run_key(&run[r], key);
        differs = strcmp(first, other) != 0;
        free(other);
    }
    free(first);
    return differs;
}
