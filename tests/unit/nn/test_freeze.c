/* Layers that stay as they are: which, what is still computed, and that the rest gets the
   same gradients. */
#include "nn_test.h"

static const char *const lines[] = {"conv 8 kernel=3 pad=1 as=stem",
                                    "batchnorm as=stem.norm",
                                    "relu",
                                    "conv 8 kernel=3 pad=1 as=middle",
                                    "batchnorm",
                                    "relu",
                                    "add from=stem.norm",
                                    "flatten",
                                    "linear classes",
                                    "logsoftmax",
                                    NULL};
static const struct shape in = {6, 5, 2};
enum { CLASSES = 4, GRAIN = 6 };

static enum status describe(struct model *model, const char *until, bool statistics)
{
    struct model_spec spec = spec_of(lines);
    spec.freeze.until = until ? mem_strdup(until) : NULL;
    spec.freeze.statistics = statistics;
    enum status st = model_describe(model, &spec, in, CLASSES, GRAIN);
    model_spec_release(&spec);
    return st;
}

/* The rules of all tensors, one letter each. */
static void check_rules(const char *until, bool statistics, const char *wanted)
{
    static const char letter[] = {[RANGE_TRAIN_DECAY] = 'd',
                                  [RANGE_TRAIN] = 't',
                                  [RANGE_STATISTIC] = 's',
                                  [RANGE_FROZEN] = '-'};
    struct model model;
    char rules[64];
    int count = 0;
    assert_int_equal(describe(&model, until, statistics), ST_OK);
    for (int l = 0; l < model.layers; l++)
        for (int t = 0; t < model.layer[l]->tensors; t++)
            rules[count++] = letter[model.layer[l]->tensor[t].rule];
    rules[count] = '\0';
    assert_string_equal(rules, wanted);
    model_release(&model);
}

/* stem: weight, bias; norm: weight, bias, mean, variance; middle; norm; head. */
static void test_rules(void **state)
{
    (void)state;
    check_rules(NULL, false, "dtttssdtttssdt");
    check_rules("none", false, "dtttssdtttssdt");
    check_rules("none", true, "dttt--dttt--dt");
    check_rules("stem", false, "------dtttssdt");
    check_rules("stem.norm", true, "------dttt--dt");
    check_rules("relu1", false, "------dtttssdt");
    check_rules("middle", false, "--------ttssdt");
    check_rules("backbone", false, "------------dt");
}

static void check_refused(const char *until, const char *wanted)
{
    struct model model;
    char message[STATUS_TEXT];
    status_capture(message);
    enum status st = describe(&model, until, false);
    status_capture(NULL);
    assert_int_equal(st, ST_USAGE);
    assert_non_null(strstr(message, wanted));
}

static void test_refused(void **state)
{
    (void)state;
    check_refused("sten", "no layer 'sten'; did you mean 'stem'?");
    check_refused("ste", "no layer 'ste'");
    check_refused("", "no layer ''");
    check_refused("linear1", "freezes all layers");
    check_refused("logsoftmax1", "freezes all layers");
}

/* A network whose first layer is its head has nothing to freeze. */
static void test_only_head(void **state)
{
    (void)state;
    static const char *const head[] = {"conv classes kernel=6x5", "logsoftmax", NULL};
    static const char *const fixed[] = {"conv 4 kernel=3 frozen=on", "flatten",
                                        "linear classes", "logsoftmax", NULL};
    struct model_spec spec = spec_of(head);
    struct model model;
    char message[STATUS_TEXT];
    spec.freeze.until = mem_strdup("conv1");
    status_capture(message);
    enum status st = model_describe(&model, &spec, in, CLASSES, GRAIN);
    status_capture(NULL);
    assert_int_equal(st, ST_USAGE);
    assert_non_null(strstr(message, "freezes all layers"));
    model_spec_release(&spec);
    spec = spec_of(head);
    spec.freeze.until = mem_strdup("backbone");
    assert_int_equal(model_describe(&model, &spec, in, CLASSES, GRAIN), ST_OK);
    assert_false(model.still);
    model_release(&model);
    model_spec_release(&spec);
    spec = spec_of(fixed); /* by its own line: nothing runs as in evaluation */
    assert_int_equal(model_describe(&model, &spec, in, CLASSES, GRAIN), ST_OK);
    assert_true(model.learn_begin > 0 && !model.still);
    model_release(&model);
    model_spec_release(&spec);
}

static int backward_ops(const struct model *model)
{
    int count = 0;
    for (int o = 0; o < model->ops; o++)
        count += model_goes_back(model, o);
    return count;
}

/* What backward need not do, and what memory it need not keep. */
static void test_backward_stops(void **state)
{
    (void)state;
    struct model all, part, head;
    assert_int_equal(describe(&all, NULL, false), ST_OK);
    assert_int_equal(describe(&part, "stem", false), ST_OK);
    assert_int_equal(describe(&head, "backbone", false), ST_OK);
    assert_int_equal(backward_ops(&all), all.ops);
    assert_true(backward_ops(&part) < backward_ops(&all));
    assert_int_equal(backward_ops(&head), 2); /* linear, logsoftmax */
    assert_true(workspace_bytes(&part, 1) < workspace_bytes(&all, 1));
    assert_true(workspace_bytes(&head, 1) < workspace_bytes(&part, 1));
    assert_int_equal(all.learn_begin, 0);
    assert_int_equal(part.learn_begin, part.layer[3]->tensor[0].offset);
    assert_int_equal(head.learn_begin, model_head(&head)->tensor[0].offset);
    assert_int_equal(model_param_count(&head), model_param_count(&all));
    assert_int_equal(model_learning_count(&head), 6 * 5 * 8 * CLASSES + CLASSES);
    model_release(&all);
    model_release(&part);
    model_release(&head);
}

static void bench_frozen(struct bench *b, const char *until)
{
    struct model model;
    bench_init(b, lines, in, CLASSES, GRAIN);
    workspace_release(&b->ws);
    assert_int_equal(describe(&model, until, true), ST_OK);
    model_release(&b->model);
    b->model = model;
    workspace_init(&b->ws, &b->model, BENCH_THREADS);
    free(b->packed);
    b->packed = model_packed(&b->model, b->params);
    b->pass.packed = b->packed;
    fill_samples(&b->model, &b->ws, GRAIN, 0);
    bench_step(b);
}

/* A norm is folded into a convolution only if both learn: other roundings. */
static void assert_near(const float *a, const float *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_true(fabsf(a[i] - b[i]) <= 1e-5f + 1e-4f * fabsf(b[i]));
}

/* With statistics that stay, the layers behind the frozen ones have the gradients that
   they have if all learn; those of the frozen ones are not touched. */
static void test_gradients(void **state)
{
    (void)state;
    static const char *const until[] = {"stem", "middle", "backbone"};
    struct bench all, frozen;
    bench_frozen(&all, NULL);
    for (int i = 0; i < 3; i++) {
        bench_frozen(&frozen, until[i]);
        size_t begin = frozen.model.learn_begin;
        assert_true(begin > 0);
        for (struct range r = {.end = begin};
             ranges_next(&frozen.model.ranges, RANGES_TRAINED, all.model.params, &r);)
            assert_near(frozen.grads + r.begin, all.grads + r.begin, r.end - r.begin);
        for (size_t at = 0; at < begin; at++)
            assert_true(isnan(frozen.grads[at]));
        assert_near(frozen.ws.logprobs, all.ws.logprobs, GRAIN * CLASSES);
        bench_release(&frozen);
    }
    bench_release(&all);
}

/* What is random in front of the first layer that learns is left out; behind it, it is
   not. */
static void test_evaluates(void **state)
{
    (void)state;
    static const char *const drops[] = {"dropout p=0.5",
                                        "conv 4 kernel=3 as=first",
                                        "droppath p=0.5",
                                        "conv 4 kernel=3 as=second",
                                        "dropout p=0.5",
                                        "flatten",
                                        "linear classes",
                                        "logsoftmax",
                                        NULL};
    static const struct {
        const char *until;
        bool random;
    } cases[] = {{"none", true}, {"first", true}, {"second", false}, {"backbone", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench b;
        struct model model;
        struct model_spec spec = spec_of(drops);
        float *logprobs = mem_zeroed(GRAIN * CLASSES, sizeof *logprobs);
        bench_init(&b, drops, in, CLASSES, GRAIN);
        workspace_release(&b.ws);
        spec.freeze.until = mem_strdup(cases[i].until);
        assert_int_equal(model_describe(&model, &spec, in, CLASSES, GRAIN), ST_OK);
        model_spec_release(&spec);
        model_release(&b.model);
        b.model = model;
        workspace_init(&b.ws, &b.model, BENCH_THREADS);
        fill_samples(&b.model, &b.ws, GRAIN, 0);
        bench_forward(&b);
        memcpy(logprobs, b.ws.logprobs, GRAIN * CLASSES * sizeof *logprobs);
        b.pass.step++; /* other draws */
        bench_forward(&b);
        bool same =
            memcmp(logprobs, b.ws.logprobs, GRAIN * CLASSES * sizeof *logprobs) == 0;
        assert_int_equal(same, !cases[i].random);
        free(logprobs);
        bench_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_only_head), cmocka_unit_test(test_backward_stops),
        cmocka_unit_test(test_gradients), cmocka_unit_test(test_evaluates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
