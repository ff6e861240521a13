/* Norms folded into the layers before them: what is folded, and the same answers. */
#include "nn/fold.h"
#include "nn_test.h"

/* Weights as after a training: norms are far from the identity. */
static void fill_params(struct bench *b, bool negative)
{
    struct rng rng;
    rng_init(&rng, 17, RNG_TEST, 1, 0);
    for (int l = 0; l < b->model.layers; l++) {
        const struct layer *layer = b->model.layer[l];
        for (int t = 0; layer->ops->line && t < layer->tensors; t++) {
            const char *name = layer->tensor[t].name;
            bool scale = strcmp(name, "weight") == 0 || strcmp(name, "running_var") == 0;
            float *values = b->params + layer->tensor[t].offset;
            for (size_t i = 0; i < layer->tensor[t].count; i++)
                values[i] =
                    scale ? rng_range(&rng, 0.3f, 2.0f) : rng_range(&rng, -0.7f, 0.7f);
            if (negative && strcmp(name, "weight") == 0)
                values[0] = -values[0];
        }
    }
}

/* norms: how many of the network's are folded. */
static void check(const char *const *lines, bool negative, int norms)
{
    struct bench b;
    struct fold fold;
    struct workspace ws;
    bench_init(&b, lines, (struct shape){12, 12, 3}, 7, 5);
    fill_params(&b, negative);
    b.pass.train = false;
    bench_forward(&b);
    fold_init(&fold, &b.model, b.params);
    assert_int_equal(fold.norms, norms);
    assert_int_equal(fold.model.layers, b.model.layers - norms);
    assert_true((fold.owned != NULL) == (norms > 0));
    workspace_init(&ws, &fold.model, 1);
    assert_true(ws.bytes < b.ws.bytes);
    fill_samples(&fold.model, &ws, 5, 0);
    struct grain_pass pass = {.team = {.size = 1}, .n = 5, .params = fold.params};
    forward_packed(&fold.model, &ws, pass);
    for (int i = 0; i < 5 * 7; i++) {
        assert_true(isfinite(ws.logprobs[i]));
        assert_true(fabsf(ws.logprobs[i] - b.ws.logprobs[i]) < 1e-5f);
    }
    assert_true(fabsf(ws.logprobs[0] - ws.logprobs[8]) > 1e-3f);
    workspace_release(&ws);
    fold_release(&fold);
    bench_release(&b);
}

#define END "flatten", "linear classes", "logsoftmax", NULL

/* A folded network still answers for each class alone. */
static void test_sets(void **state)
{
    (void)state;
    const char *const lines[] = {"conv 6 kernel=3", "batchnorm",  "relu", "flatten",
                                 "linear classes",  "logsigmoid", NULL};
    struct bench b;
    struct fold fold;
    check(lines, false, 1);
    bench_init(&b, lines, (struct shape){12, 12, 3}, 7, 5);
    fold_init(&fold, &b.model, b.params);
    assert_true(b.model.multi_label && fold.model.multi_label);
    fold_release(&fold);
    bench_release(&b);
}

static void test_layers(void **state)
{
    (void)state;
    check((const char *const[]){"conv 6 kernel=3 pad=1", "batchnorm", "relu", END}, true,
          1);
    check((const char *const[]){"conv 6 kernel=3 bias=off", "batchnorm affine=off",
                                "silu", "conv 5 kernel=1 bias=off",
                                "batchnorm frozen=on eps=0.01", END},
          true, 2);
    check((const char *const[]){"depthwise kernel=3 pad=1", "batchnorm",
                                "depthwise kernel=3 stride=2 bias=off", "batchnorm",
                                "gelu", END},
          true, 2);
    check((const char *const[]){"conv 6 kernel=3 groups=3 pad=same", "batchnorm", "relu",
                                "conv 8 kernel=3 groups=2 dilation=2 bias=off",
                                "batchnorm", END},
          true, 2);
    check((const char *const[]){"flatten", "linear 9", "batchnorm", "relu",
                                "linear 8 bias=off", "batchnorm", "linear classes",
                                "logsoftmax", NULL},
          true, 2);
}

/* The maximum swaps with a norm whose factors are not below 0. */
static void test_pools(void **state)
{
    (void)state;
    const char *const lines[] = {"conv 6 kernel=3 pad=1", "maxpool 2", "batchnorm",
                                 "gelu", END};
    const char *const padded[] = {"conv 6 kernel=5 bias=off", "maxpool 3 stride=2 pad=1",
                                  "batchnorm", "relu", END};
    const char *const mean[] = {"conv 6 kernel=3", "avgpool 2", "batchnorm", END};
    check(lines, false, 1);
    check(lines, true, 0);
    check(padded, false, 1);
    check(padded, true, 0);
    check(mean, false, 0);
}

/* A norm stays where others read what it reads, or where there is nothing to fold
   into. */
static void test_refused(void **state)
{
    (void)state;
    check((const char *const[]){"conv 6 kernel=3 pad=1 as=a", "batchnorm", "add from=a",
                                END},
          true, 0);
    check((const char *const[]){"batchnorm", "conv 6 kernel=3", "relu", "batchnorm", END},
          true, 0);
    check((const char *const[]){"conv 6 kernel=3", "batchnorm", "batchnorm", END}, true,
          1);
    check((const char *const[]){"conv 6 kernel=3 bias=off", "batchnorm", "batchnorm",
                                "relu", END},
          true, 1);
    check((const char *const[]){"depthwise kernel=3 bias=off", "batchnorm",
                                "batchnorm frozen=on", END},
          true, 1);
    check((const char *const[]){"conv 6 kernel=3", "groupnorm 2", END}, true, 0);
}

/* Branches: the norm's readers read the layer that does its work. */
static void test_graph(void **state)
{
    (void)state;
    check((const char *const[]){"conv 6 kernel=3 pad=1 bias=off", "batchnorm as=in",
                                "conv 6 kernel=3 pad=1", "batchnorm as=main", "relu as=r",
                                "conv 6 kernel=1 from=in bias=off", "batchnorm",
                                "add from=r", "mul from=main", "globalavgpool", END},
          true, 3);
}

/* A part of a model folds as the whole does, with the same bits. */
static void test_part(void **state)
{
    (void)state;
    const char *const lines[] = {
        "conv 6 kernel=3", "batchnorm", "relu", "conv 8 kernel=3 bias=off",
        "batchnorm",       "maxpool 2", "relu", END};
    struct bench b;
    struct fold whole;
    bench_init(&b, lines, (struct shape){12, 12, 3}, 7, 5);
    fill_params(&b, true);
    fold_init(&whole, &b.model, b.params);
    struct workspace ws;
    workspace_init(&ws, &whole.model, 1);
    fill_samples(&whole.model, &ws, 5, 0);
    struct grain_pass pass = {.team = {.size = 1}, .n = 5, .params = whole.params};
    forward_packed(&whole.model, &ws, pass);
    float *x = mem_aligned((size_t)5 * 10 * 10 * 8 + 64, sizeof *x);
    memcpy(x, b.ws.activation[0], (size_t)5 * 12 * 12 * 3 * sizeof *x);
    assert_int_equal(b.model.units, 3);
    for (int u = 0; u < b.model.units; u++) {
        struct model part;
        struct fold fold;
        struct workspace own;
        model_part(&part, &b.model, u, u + 1);
        fold_init(&fold, &part, b.params + b.model.unit[u].begin);
        assert_int_equal(fold.norms, u < 2);
        workspace_init(&own, &fold.model, 1);
        memcpy(own.activation[0], x, (size_t)5 * (size_t)shape_size(part.in) * sizeof *x);
        pass.params = fold.params;
        forward_packed(&fold.model, &own, pass);
        size_t out = (size_t)shape_size(fold.model.op[fold.model.ops - 1]->out);
        memcpy(x, own.activation[fold.model.ops], 5 * out * sizeof *x);
        if (u == b.model.units - 1)
            assert_memory_equal(x, ws.logprobs, (size_t)(5 * 7) * sizeof *x);
        workspace_release(&own);
        fold_release(&fold);
        model_release(&part);
    }
    free(x);
    workspace_release(&ws);
    fold_release(&whole);
    bench_release(&b);
}

/* Forward only, in a workspace for the weights of `negative`. */
static size_t bytes_in_use(struct bench *b, bool negative)
{
    struct fold fold;
    fill_params(b, negative);
    fold_init(&fold, &b->model, b->params);
    size_t bytes = fold.bytes + workspace_bytes(&fold.model, 1);
    fold_release(&fold);
    return bytes;
}

/* What weights may leave is described. */
static void test_described(void **state)
{
    (void)state;
    const char *const lines[] = {
        "conv 6 kernel=3 bias=off", "maxpool 2", "batchnorm", "gelu",
        "conv 6 kernel=3",          "batchnorm", END};
    struct bench b;
    struct fold fold;
    bench_init(&b, lines, (struct shape){12, 12, 3}, 7, 5);
    assert_true(fold_helps(&b.model));
    for (enum fold_pools pools = FOLD_STOPS_AT_POOLS; pools <= FOLD_PASSES_POOLS;
         pools++) {
        fold_describe(&fold, &b.model, pools);
        assert_int_equal(fold.norms, pools == FOLD_PASSES_POOLS ? 2 : 1);
        assert_true(!fold.params && !fold.owned);
        assert_int_equal(fold.bytes, fold.model.params * sizeof(float));
        size_t bytes = fold.bytes + workspace_bytes(&fold.model, 1);
        fold_release(&fold);
        assert_int_equal(bytes_in_use(&b, pools == FOLD_STOPS_AT_POOLS), bytes);
    }
    bench_release(&b);
    const char *const plain[] = {"conv 6 kernel=3", "maxpool 2", "gelu", END};
    bench_init(&b, plain, (struct shape){12, 12, 3}, 7, 5);
    assert_false(fold_helps(&b.model));
    fold_init(&fold, &b.model, b.params);
    assert_ptr_equal(fold.params, b.params);
    assert_int_equal(fold.bytes, 0);
    fold_release(&fold);
    bench_release(&b);
}

static void forward_folded(struct fold *fold, float *logprobs)
{
    struct workspace ws;
    const struct grain_pass pass = {.team = {.size = 1}, .n = 5, .params = fold->params};
    workspace_init(&ws, &fold->model, 1);
    fill_samples(&fold->model, &ws, 5, 0);
    forward_packed(&fold->model, &ws, pass);
    memcpy(logprobs, ws.logprobs, 5 * 7 * sizeof *logprobs);
    workspace_release(&ws);
}

/* A relu or relu6 is done in the op of the convolution before it, with the same bits;
   dropout and droppath are left out. */
static void test_one_op(void **state)
{
    (void)state;
    const char *const lines[] = {"conv 16 kernel=1 bias=off",
                                 "batchnorm",
                                 "relu6 as=v",
                                 "depthwise kernel=3 pad=1 bias=off",
                                 "batchnorm",
                                 "relu",
                                 "droppath p=0.5",
                                 "conv 16 kernel=1",
                                 "batchnorm",
                                 "add from=v",
                                 "dropout p=0.5",
                                 END};
    struct bench b;
    struct fold fold;
    float one[5 * 7], apart[5 * 7];
    bench_init(&b, lines, (struct shape){12, 12, 3}, 7, 5);
    fill_params(&b, false);
    fold_init(&fold, &b.model, b.params);
    assert_int_equal(fold.model.layers, b.model.layers - 3 - 2);
    assert_int_equal(fold.model.ops, fold.model.layers - 2);
    forward_folded(&fold, one);
    model_unfuse(&fold.model);
    assert_int_equal(fold.model.ops, fold.model.layers);
    forward_folded(&fold, apart);
    assert_memory_equal(one, apart, sizeof one);
    b.pass.train = false;
    bench_forward(&b);
    for (int i = 0; i < 5 * 7; i++)
        assert_true(fabsf(one[i] - b.ws.logprobs[i]) < 1e-5f);
    fold_release(&fold);
    bench_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers),    cmocka_unit_test(test_sets),
        cmocka_unit_test(test_pools),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_graph),     cmocka_unit_test(test_part),
        cmocka_unit_test(test_described), cmocka_unit_test(test_one_op),
    };
    cpu_blas_single_thread();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
