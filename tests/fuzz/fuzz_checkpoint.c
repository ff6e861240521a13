/* Checkpoints, as `predict` uses them. */
#include "app/run/network.h"
#include "base/mem.h"
#include "fuzz_h5.h"
#include "nn/packed.h"
#include "nn/workspace.h"

#define FLOPS_MAX 1e8 /* per input */

/* Runs one image through the network. */
static void fuzz_forward(const struct network *network)
{
    float *packed = model_packed(&network->model, network->params);
    const struct grain_pass pass = {
        .team = {.size = 1}, .n = 1, .params = network->params, .packed = packed};
    const struct loader_input input = network_input(network);
    struct workspace ws;
    workspace_init(&ws, &network->model, 1);
    loader_normalise(&input, network->info.shape, ws.activation[0]);
    model_forward(&network->model, &ws, &pass);
    workspace_release(&ws);
    free(packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file("a.h5", data, size);
    struct network network;
    if (network_open(&network, path) != ST_OK)
        return 0;
    model_print(&network.model);
    if (network.model.flops < FLOPS_MAX)
        fuzz_forward(&network);
    network_close(&network);
    return 0;
}
