#include "app/run/run_config.h"

#include <stdlib.h>

#include "app/run/placement.h"
#include "base/mem.h"
#include "comm/comm.h"

static void run_config_replace(char **text, const char *by)
{
    if (!by)
        return;
    free(*text);
    *text = mem_strdup(by);
}

/* Statistics of a few pictures are worse than those of the many that the weights are of.
 */
static void run_config_settle_statistics(struct config *config)
{
    struct finetune_options *finetune = &config->finetune;
    if (finetune->statistics == STATISTICS_AUTO && *finetune->pretrained)
        finetune->statistics = STATISTICS_FROZEN;
    config->model.freeze.statistics = finetune->statistics == STATISTICS_FROZEN;
}

enum status run_config_read(struct config *config, struct comm *comm,
                            const struct run_config_request *request)
{
    char *text = NULL;
    size_t bytes = 0;
    enum status st = ST_OK;
    if (comm_rank(comm) == 0)
        st = config_load(request->path, &text, &bytes);
    TRY(comm_agree(comm, st));
    comm_bcast(comm, &bytes, sizeof bytes, 0);
    if (comm_rank(comm) != 0)
        text = mem_zeroed(bytes + 1, 1);
    comm_bcast(comm, text, bytes, 0);
    st = config_parse(config, text, request->path);
    free(text);
    TRY(st);
    config_note_unused(config);
    TRY(config_set_image_size(config, request->image_size));
    for (int i = 0; i < request->assignments; i++)
        TRY(config_set(config, request->assignment[i]));
    run_config_replace(&config->data.file, request->data);
    run_config_replace(&config->finetune.pretrained, request->pretrained);
    run_config_replace(&config->model.freeze.until, request->freeze);
    run_config_settle_statistics(config);
    if (request->no_verify)
        config->data.verify = false;
    if (request->threads > 0)
        config->run.parallel.threads = (int)request->threads;
    if (request->elsewhere)
        return ST_OK;
    return placement_check_threads(comm, config->run.parallel.threads);
}
