/* The networks by name give the same bits, whether their ops take a grain at once or,
   some together, a block of images at a time (src/nn/leg.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "app/config/config.h"
#include "base/mem.h"
#include "base/rng.h"
#include "nn/named_network.h"
#include "nn/packed.h"
#include "nn/workspace.h"

#define GRAIN   3
#define CLASSES 10
#define LARGEST (12 * 1000 * 1000) /* parameters: larger ones repeat the same layers */

static void fill_grain(const struct model *model, struct workspace *ws)
{
    struct rng rng;
    rng_init(&rng, 5, RNG_TEST, 0, 0);
    for (int i = 0; i < GRAIN * shape_size(model->in); i++)
        ws->activation[0][i] = rng_normal(&rng);
    for (int i = 0; i < GRAIN; i++) {
        ws->target[i] = target_of_class(i);
        ws->sample[i] = (uint64_t)i;
    }
}

/* Gradients of a step with blocks of so many images; returns the bytes it took. */
static size_t step(struct model *model, const float *params, const float *packed,
                   float *grads, int images)
{
    struct workspace ws;
    struct grain_result result;
    const struct grain_pass pass = {.team = {.size = 1},
                                    .n = GRAIN,
                                    .train = true,
                                    .params = params,
                                    .packed = packed,
                                    .grads = grads};
    model->block_images = images;
    workspace_init(&ws, model, 1);
    fill_grain(model, &ws);
    memset(grads, 0xff, model->params * sizeof *grads);
    model_forward(model, &ws, &pass);
    model_loss(model, &ws, &pass, &result);
    model_backward(model, &ws, &pass, NULL, NULL);
    size_t bytes = ws.bytes;
    workspace_release(&ws);
    return bytes;
}

static void check_model(struct model *model)
{
    float *params = mem_aligned(model->params, sizeof *params);
    float *whole = mem_aligned(model->params, sizeof *whole);
    float *blocks = mem_aligned(model->params, sizeof *blocks);
    model_init_params(model, 3, params);
    float *packed = model_packed(model, params);
    size_t before = step(model, params, packed, whole, GRAIN);
    size_t bytes = step(model, params, packed, blocks, 2);
    assert_memory_equal(blocks, whole, model->params * sizeof *whole);
    assert_true((double)bytes < 1.2 * (double)before);
    free(params);
    free(packed);
    free(whole);
    free(blocks);
}

/* frozen: all norms have the statistics of the weights, as in fine-tuning. Returns the
   number of networks that were checked: 1 or 0. */
static int check(const struct named_network *network, bool frozen)
{
    struct config config;
    struct model model;
    int size = network->in.h > 64 ? 64 : network->in.h;
    char *text = named_network_text(network);
    config_init(&config);
    assert_int_equal(config_parse(&config, text, network->name), ST_OK);
    config.model.freeze.statistics = frozen;
    assert_int_equal(model_init(&model, &config.model,
                                (struct shape){size, size, network->in.c}, CLASSES,
                                GRAIN),
                     ST_OK);
    bool small = model.params <= LARGEST;
    if (small)
        check_model(&model);
    free(text);
    config_release(&config);
    model_release(&model);
    return small;
}

static void test_networks(void **state)
{
    (void)state;
    const struct named_network *network;
    int checked = 0;
    for (int i = 0; (network = named_network_at(i)) != NULL; i++)
        checked += check(network, false) + check(network, true);
    assert_true(checked >= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
