/* The networks by name give the same answers with their norms folded (nn/fold.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "app/config/config.h"
#include "base/mem.h"
#include "base/rng.h"
#include "kernels/cpu.h"
#include "nn/fold.h"
#include "nn/named_network.h"
#include "nn/packed.h"
#include "nn/workspace.h"

#define GRAIN 4

struct folding {
    struct model model;
    struct workspace ws;
    float *params, *sums;
};

static void folding_init(struct folding *f, const char *name, int size)
{
    const struct named_network *network = named_network_find(name);
    assert_non_null(network);
    struct config config;
    char *text = named_network_text(network);
    config_init(&config);
    assert_int_equal(config_parse(&config, text, name), ST_OK);
    free(text);
    assert_int_equal(
        model_init(&f->model, &config.model, (struct shape){size, size, 3}, 10, GRAIN),
        ST_OK);
    config_release(&config);
    workspace_init(&f->ws, &f->model, 1);
    f->params = mem_aligned(f->model.params, sizeof *f->params);
    f->sums = mem_aligned(f->model.params, sizeof *f->sums);
    model_init_params(&f->model, 3, f->params);
}

static void folding_release(struct folding *f)
{
    workspace_release(&f->ws);
    model_release(&f->model);
    free(f->params);
    free(f->sums);
}

static void fill_input(const struct model *model, struct workspace *ws)
{
    struct rng rng;
    rng_init(&rng, 5, RNG_TEST, 0, 0);
    for (int i = 0; i < GRAIN * shape_size(model->in); i++)
        ws->activation[0][i] = rng_normal(&rng);
}

static void folding_forward(const struct model *model, struct workspace *ws,
                            const struct grain_pass *with)
{
    struct grain_pass pass = *with;
    float *packed = model_packed(model, pass.params);
    pass.packed = packed;
    model_forward(model, ws, &pass);
    free(packed);
}

/* Weights and biases of norms as after a training, and the statistics that fit them. */
static void train_norms(struct folding *f)
{
    struct rng rng;
    rng_init(&rng, 6, RNG_TEST, 0, 0);
    for (int l = 0; l < f->model.layers; l++) {
        const struct layer *layer = f->model.layer[l];
        if (!layer->ops->line)
            continue;
        for (int t = 0; t < layer->tensors - 2; t++)
            for (size_t i = 0; i < layer->tensor[t].count; i++)
                f->params[layer->tensor[t].offset + i] =
                    strcmp(layer->tensor[t].name, "weight") == 0
                        ? rng_range(&rng, 0.5f, 1.5f)
                        : rng_range(&rng, -0.5f, 0.5f);
    }
    const struct grain_pass pass = {.team = {.size = 1},
                                    .n = GRAIN,
                                    .measure = true,
                                    .params = f->params,
                                    .grads = f->sums};
    fill_input(&f->model, &f->ws);
    folding_forward(&f->model, &f->ws, &pass);
    statistics_average(&f->model.statistics, f->params, f->sums, GRAIN, 0);
}

/* left: norms that cannot be folded. */
static void check(const char *name, int size, int left)
{
    struct folding f;
    struct fold fold;
    struct workspace ws;
    int norms = 0;
    folding_init(&f, name, size);
    train_norms(&f);
    for (int l = 0; l < f.model.layers; l++)
        norms += f.model.layer[l]->ops->line != NULL;
    struct grain_pass pass = {.team = {.size = 1}, .n = GRAIN, .params = f.params};
    fill_input(&f.model, &f.ws);
    folding_forward(&f.model, &f.ws, &pass);
    fold_init(&fold, &f.model, f.params);
    assert_true(norms > 5);
    assert_int_equal(fold.norms, norms - left);
    workspace_init(&ws, &fold.model, 1);
    fill_input(&fold.model, &ws);
    pass.params = fold.params;
    folding_forward(&fold.model, &ws, &pass);
    double most = 0;
    for (int i = 0; i < GRAIN * 10; i++)
        most =
            fmax(most, fabs(exp((double)ws.logprobs[i]) - exp((double)f.ws.logprobs[i])));
    print_message("# %s: %d norms, probabilities differ by %.1e, workspace %zu of %zu\n",
                  name, fold.norms, most, ws.bytes, f.ws.bytes);
    assert_true(most < 1e-5);
    assert_true(fabsf(ws.logprobs[0] - ws.logprobs[10]) > 1e-4f);
    workspace_release(&ws);
    fold_release(&fold);
    folding_release(&f);
}

static void test_networks(void **state)
{
    (void)state;
    check("resnet20", 32, 0);
    check("resnet18", 64, 0);
    check("resnet50", 64, 0);
    check("vgg11", 32, 0);
    check("mobilenetv2", 64, 0);
    check("mobilenetv3_small", 64, 0);
    check("efficientnet_b0", 64, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_networks),
    };
    cpu_blas_single_thread();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
