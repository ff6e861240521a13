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
#include "nn/fold.h"
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

/* Answers of the folded network with blocks of so many images; the caller frees. */
static float *answer(struct model *model, const float *params, int images)
{
    struct workspace ws;
    float *packed = model_packed(model, params);
    const struct grain_pass pass = {
        .team = {.size = 1}, .n = GRAIN, .params = params, .packed = packed};
    float *logprobs = mem_aligned(GRAIN * CLASSES, sizeof *logprobs);
    model->block_images = images;
    workspace_init(&ws, model, 1);
    fill_grain(model, &ws);
    model_forward(model, &ws, &pass);
    memcpy(logprobs, ws.logprobs, GRAIN * CLASSES * sizeof *logprobs);
    workspace_release(&ws);
    free(packed);
    return logprobs;
}

static void check_folded(const struct model *model, const float *params)
{
    struct fold fold;
    fold_init(&fold, model, params);
    float *whole = answer(&fold.model, fold.params, GRAIN);
    float *blocks = answer(&fold.model, fold.params, 1);
    assert_memory_equal(blocks, whole, GRAIN * CLASSES * sizeof *whole);
    free(whole);
    free(blocks);
    fold_release(&fold);
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
    check_folded(model, params);
    free(params);
    free(packed);
    free(whole);
    free(blocks);
}

/* frozen: all norms have the statistics of the weights, as in fine-tuning. */
static void describe(struct model *model, const struct named_network *network, int size,
                     int grain, bool frozen)
{
    struct config config;
    char *text = named_network_text(network);
    config_init(&config);
    assert_int_equal(config_parse(&config, text, network->name), ST_OK);
    config.model.freeze.statistics = frozen;
    assert_int_equal(model_describe(model, &config.model,
                                    (struct shape){size, size, network->in.c}, CLASSES,
                                    grain),
                     ST_OK);
    free(text);
    config_release(&config);
}

/* Returns the number of networks that were checked: 1 or 0. */
static int check(const struct named_network *network, bool frozen)
{
    struct model model;
    describe(&model, network, network->in.h > 64 ? 64 : network->in.h, GRAIN, frozen);
    bool small = model.params <= LARGEST;
    if (small)
        check_model(&model);
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

/* An evaluation never holds the largest value of a whole grain, but that of an image. */
static void test_evaluation_memory(void **state)
{
    (void)state;
    struct model model;
    struct fold fold;
    int grain = 8, largest = 0;
    const struct named_network *network = named_network_find("efficientnet_lite0");
    describe(&model, network, 224, grain, false);
    fold_describe(&fold, &model, FOLD_STOPS_AT_POOLS);
    for (int v = 0; v <= fold.model.ops; v++) {
        int size = shape_size(model_value_shape(&fold.model, v));
        largest = size > largest ? size : largest;
    }
    size_t image = (size_t)largest * sizeof(float);
    assert_true(workspace_bytes(&fold.model, 1) < 4 * image);
    assert_true(workspace_bytes(&fold.model, 2) < 6 * image);
    fold_release(&fold);
    model_release(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_evaluation_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
