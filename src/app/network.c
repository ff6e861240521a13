#include "app/network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum status network_find(char checkpoint[FS_PATH], const char *path)
{
    char folder[FS_PATH], **paths;
    int count;
    if (!fs_is_folder(path)) {
        snprintf(checkpoint, FS_PATH, "%s", path);
        return ST_OK;
    }
    TRY(fs_join(folder, path, "checkpoints"));
    TRY(fs_join(checkpoint, folder, "best.h5"));
    if (fs_is_file(checkpoint))
        return ST_OK;
    TRY(checkpoint_list(folder, &paths, &count));
    if (count > 0)
        snprintf(checkpoint, FS_PATH, "%s", paths[0]);
    fs_free_list(paths, count);
    if (count == 0)
        FAIL(ST_FAIL, "'%s' holds no checkpoint", path);
    return ST_OK;
}

enum status network_open(struct network *network, const char *path)
{
    char checkpoint[FS_PATH];
    *network = (struct network){0};
    config_init(&network->config);
    enum status st;
    TRY_TO(failed, network_find(checkpoint, path));
    TRY_TO(failed, checkpoint_read_info(checkpoint, &network->info));
    TRY_TO(failed, config_parse(&network->config, network->info.config, checkpoint));
    struct shape in = {network->info.h, network->info.w, 1};
    TRY_TO(failed, model_init(&network->model, &network->config.model, in,
                              network->info.classes, network->config.run.train.grain));
    if (model_param_count(&network->model) > fs_bytes(checkpoint))
        TRY_TO(failed, status_fail(ST_FAIL,
                                   "'%s' is damaged: it is too short for the %zu "
                                   "parameters that its config describes",
                                   checkpoint, model_param_count(&network->model)));
    network->params = mem_aligned(network->model.params, sizeof(float));
    const struct run_state weights = {.params = network->params};
    struct state_store store = {&network->model, &weights};
    const struct state_stream to = state_stream_of(&store);
    TRY_TO(failed,
           checkpoint_read_weights(checkpoint, &network->model, &to, &network->averaged));
    return ST_OK;
failed:
    network_close(network);
    return st;
}

struct loader_input network_input(const struct network *network)
{
    return (struct loader_input){
        .mean = network->info.mean,
        .std = network->info.std,
        .shift_x = network->config.run.input.shift_x,
        .shift_y = network->config.run.input.shift_y,
    };
}

void network_close(struct network *network)
{
    checkpoint_info_release(&network->info);
    config_release(&network->config);
    model_release(&network->model);
    free(network->params);
    *network = (struct network){0};
}
