/* The value behind the frozen part: where it is, and that passes which begin with it have
   the bits of whole ones. */
#include "nn/fold.h"
#include "nn_test.h"

static const char *const lines[] = {"conv 8 kernel=3 pad=1 as=stem",
                                    "batchnorm as=norm1",
                                    "relu as=early",
                                    "conv 8 kernel=3 pad=1 as=middle",
                                    "batchnorm as=norm2",
                                    "relu",
                                    "add from=early as=sum",
                                    "conv 6 kernel=3 as=late",
                                    "batchnorm as=norm3",
                                    "maxpool 2",
                                    "flatten",
                                    "dropout p=0.4",
                                    "linear classes",
                                    "logsoftmax",
                                    NULL};
static const struct shape in = {8, 7, 2};
enum { CLASSES = 4, GRAIN = 6 };

static int block_images; /* of a leg; 0: as many as are fast, all of these small ones */

static void init(struct bench *b, const char *until)
{
    struct model_spec spec = spec_of(lines);
    struct model model;
    bench_init(b, lines, in, CLASSES, GRAIN);
    workspace_release(&b->ws);
    spec.freeze.until = mem_strdup(until);
    assert_int_equal(model_describe(&model, &spec, in, CLASSES, GRAIN), ST_OK);
    model_spec_release(&spec);
    model_release(&b->model);
    b->model = model;
    b->model.block_images = block_images;
    workspace_init(&b->ws, &b->model, BENCH_THREADS);
    fill_samples(&b->model, &b->ws, GRAIN, 0);
    free(b->packed);
    b->packed = model_packed(&b->model, b->params);
    b->pass.packed = b->packed;
}

/* The layer that makes the value; NULL: there is no value. */
static const char *layer_of(const struct model *model, int value)
{
    return value > 0 ? model_op_last(model, value - 1)->name : NULL;
}

static void check_place(const char *until, const char *layer, bool folded)
{
    struct bench b;
    struct fold fold;
    init(&b, until);
    int value = b.model.feature;
    if (layer)
        assert_string_equal(layer_of(&b.model, value), layer);
    else
        assert_int_equal(value, 0);
    fold_init(&fold, &b.model, b.params);
    if (value > 0)
        assert_int_equal(fold.model.feature > 0, folded);
    fold_release(&fold);
    bench_release(&b);
}

static void test_places(void **state)
{
    (void)state;
    check_place("none", NULL, false);
    check_place("stem", "stem", false);  /* its norm is folded into it */
    check_place("norm1", "early", true); /* in one op with the relu */
    check_place("early", "early", true);
    check_place("middle", "early", true); /* behind it two values are needed */
    check_place("norm2", "sum", true);    /* in one op with relu and add */
    check_place("sum", "sum", true);
    check_place("late", "late", false);
    check_place("norm3", "dropout1", true); /* only the head learns */
    check_place("backbone", "dropout1", true);
}

/* Whole passes of all samples in one grain; the values of the samples at the end of the
   frozen part in others: what a grain is made of does not matter. */
static void check_bits(const char *until)
{
    struct bench whole, parts;
    init(&whole, until);
    init(&parts, until);
    int value = whole.model.feature;
    size_t row = (size_t)shape_size(model_value_shape(&whole.model, value));
    float *kept = mem_zeroed(GRAIN * row, sizeof *kept);
    for (int i = 0; i < GRAIN; i++) {
        struct grain_pass first = parts.pass;
        first.n = 1;
        first.train = false;
        first.to = value;
        fill_samples(&parts.model, &parts.ws, 1, (uint64_t)i);
        parts.ws.logprobs[0] = 7;
        model_forward(&parts.model, &parts.ws, &first);
        assert_true(parts.ws.logprobs[0] == 7);
        memcpy(kept + (size_t)i * row, parts.ws.activation[value], row * sizeof *kept);
    }
    fill_samples(&parts.model, &parts.ws, GRAIN, 0);
    memset(parts.ws.activation[0], 0xff, GRAIN * sizeof(float)); /* no image is read */
    memcpy(parts.ws.activation[value], kept, GRAIN * row * sizeof *kept);
    parts.pass.from = value;
    bench_step(&whole);
    bench_step(&parts);
    assert_memory_equal(parts.ws.logprobs, whole.ws.logprobs,
                        GRAIN * CLASSES * sizeof(float));
    size_t begin = whole.model.learn_begin;
    assert_memory_equal(parts.grads + begin, whole.grads + begin,
                        (whole.model.params - begin) * sizeof(float));
    free(kept);
    bench_release(&whole);
    bench_release(&parts);
}

static void test_bits(void **state)
{
    (void)state;
    for (block_images = 0; block_images <= 2; block_images++) {
        check_bits("early");
        check_bits("middle");
        check_bits("sum");
        check_bits("late");
        check_bits("backbone");
    }
    block_images = 0;
}

/* A folded model that begins with the value takes less memory, and answers the same. */
static void check_folded(int images)
{
    struct bench b;
    struct fold fold;
    struct workspace whole, rest;
    init(&b, "sum");
    fold_init(&fold, &b.model, b.params);
    int value = fold.model.feature;
    assert_true(value > 0);
    fold.model.block_images = images;
    workspace_init(&whole, &fold.model, 1);
    fill_samples(&fold.model, &whole, GRAIN, 0);
    struct grain_pass pass = {.team = {.size = 1}, .n = GRAIN, .params = fold.params};
    pass.to = value;
    forward_packed(&fold.model, &whole, pass);
    fold.model.begin = value;
    workspace_init(&rest, &fold.model, 1);
    assert_true(rest.bytes < whole.bytes);
    size_t row = (size_t)shape_size(model_value_shape(&fold.model, value));
    memcpy(rest.activation[value], whole.activation[value], GRAIN * row * sizeof(float));
    pass.to = 0;
    forward_packed(&fold.model, &whole, pass);
    pass.from = value;
    forward_packed(&fold.model, &rest, pass);
    assert_memory_equal(rest.logprobs, whole.logprobs, GRAIN * CLASSES * sizeof(float));
    workspace_release(&whole);
    workspace_release(&rest);
    fold_release(&fold);
    bench_release(&b);
}

static void test_folded(void **state)
{
    (void)state;
    for (int images = 0; images <= 2; images++)
        check_folded(images);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_folded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
