/* A convolution and the frozen norm behind it as one op (src/nn/layer_conv_norm.c): which
   layers, and the values and gradients of the layers apart. test_graph.c has teams and
   parts of it, test_leg.c blocks of images. */
#include "nn_test.h"

#include "graph_test.h"

static const struct shape image = {9, 9, 3};
enum { CLASSES = 7, GRAIN = 5 };

/* Statistics, weights and biases as training leaves them, and not those of the start. */
static void stir(struct bench *b)
{
    struct rng rng;
    rng_init(&rng, 8, RNG_TEST, 2, 0);
    for (int l = 0; l < b->model.layers; l++) {
        const struct layer *layer = b->model.layer[l];
        if (strcmp(layer->ops->kind, "batchnorm") != 0)
            continue;
        for (int t = 0; t < layer->tensors; t++) {
            float *values = b->params + layer->tensor[t].offset;
            for (size_t i = 0; i < layer->tensor[t].count; i++) {
                float draw = rng_normal(&rng);
                values[i] = t == 0 || t == 3 ? 0.5f + fabsf(draw) : 0.3f * draw;
            }
        }
    }
}

static void test_which(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        "c1+n1+r1", "c2+n2+r2", "d3+n3+r3", "c4+n4", "drop", "c5+n5",   "c6", "n6+add1",
        "c7",       "n7+silu1", "c8",       "n8",    "c9",   "n9+add2", NULL};
    struct bench b;
    bench_init(&b, given, image, CLASSES, GRAIN);
    for (int o = 0; wanted[o]; o++) {
        char *text = model_op_text(&b.model, o);
        assert_string_equal(text, wanted[o]);
        free(text);
    }
    bench_release(&b);
}

/* Relative to the largest gradient of the tensor. */
static void check_tensors(const struct bench *fused, const struct bench *apart)
{
    for (int l = 0; l < fused->model.layers; l++) {
        const struct layer *layer = fused->model.layer[l];
        for (int t = 0; t < layer->tensors; t++) {
            const float *a = fused->grads + layer->tensor[t].offset;
            const float *b = apart->grads + layer->tensor[t].offset;
            float most = 0;
            for (size_t i = 0; i < layer->tensor[t].count; i++)
                most = fabsf(b[i]) > most ? fabsf(b[i]) : most;
            for (size_t i = 0; i < layer->tensor[t].count; i++)
                if (!(fabsf(a[i] - b[i]) <= 2e-4f * most + 1e-7f))
                    fail_msg("%s.%s[%zu]: %g, apart %g, of up to %g", layer->name,
                             layer->tensor[t].name, i, (double)a[i], (double)b[i],
                             (double)most);
        }
    }
}

static void test_apart(void **state)
{
    (void)state;
    for (int n = 1; n <= GRAIN; n += 2) {
        struct bench fused, apart;
        bench_init(&fused, given, image, CLASSES, GRAIN);
        bench_init(&apart, given, image, CLASSES, GRAIN);
        bench_unfuse(&apart);
        stir(&fused);
        stir(&apart);
        fused.pass.n = apart.pass.n = n;
        memset(fused.grads, 0, fused.model.params * sizeof(float));
        memset(apart.grads, 0, apart.model.params * sizeof(float));
        bench_step(&fused);
        bench_step(&apart);
        assert_true(isfinite(fused.result.loss));
        for (int i = 0; i < n * CLASSES; i++)
            assert_true(fabsf(fused.ws.logprobs[i] - apart.ws.logprobs[i]) < 1e-4f);
        check_tensors(&fused, &apart);
        bench_release(&fused);
        bench_release(&apart);
    }
}

/* dL/dp by central differences, of some elements of each tensor of the ops. */
static void test_differences(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, given, image, CLASSES, GRAIN);
    stir(&b);
    bench_step(&b);
    float *grads = mem_aligned(b.model.params, sizeof *grads);
    memcpy(grads, b.grads, b.model.params * sizeof *grads);
    const char *const names[] = {"c2", "n2", "d3", "n3", "n4", "c5", "n5"};
    for (size_t l = 0; l < sizeof names / sizeof *names; l++) {
        const struct layer *layer = layer_named(&b.model, names[l]);
        for (int t = 0; t < layer->tensors && t < 2; t++)
            for (size_t i = 0; i < layer->tensor[t].count;
                 i += 1 + layer->tensor[t].count / 5) {
                size_t at = layer->tensor[t].offset + i;
                float value = b.params[at], step = 1e-3f;
                double loss[2];
                for (int side = 0; side < 2; side++) {
                    b.params[at] = side ? value + step : value - step;
                    bench_forward(&b);
                    model_loss(&b.model, &b.ws, &b.pass, &b.result);
                    loss[side] = (double)b.result.loss;
                }
                b.params[at] = value;
                double slope = (loss[1] - loss[0]) / (2 * (double)step);
                double error = fabs(slope - (double)grads[at]);
                if (!(error <= 0.02 * fabs(slope) + 0.02))
                    fail_msg("%s.%s[%zu]: %g, by differences %g", names[l],
                             layer->tensor[t].name, i, (double)grads[at], slope);
            }
    }
    free(grads);
    bench_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which),
        cmocka_unit_test(test_apart),
        cmocka_unit_test(test_differences),
    };
    cpu_blas_single_thread();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
