/* The network that bench measures, and images for it. */
#include <stdlib.h>

#include "app/run/trial_config.h"
#include "cmd_bench.h"
#include "nn/param_group.h"

enum status bench_network_init(struct bench_network *network,
                               const struct bench_request *request)
{
    struct config *config = &network->config;
    *network = (struct bench_network){0};
    TRY(trial_config_read(request->config, request->grain, request->image_size, config));
    int grain = config->run.train.grain;
    const struct trial_source source = trial_config_source(config, request->data);
    TRY(trial_input(&source, &config->run.input.crop, grain, &network->input));
    TRY(model_init(&network->model, &config->model, network->input.in,
                   network->input.classes, grain));
    return param_groups_check(&config->run.optim.groups, &network->model);
}

void bench_network_release(struct bench_network *network)
{
    free(network->input.images);
    model_release(&network->model);
    config_release(&network->config);
}
