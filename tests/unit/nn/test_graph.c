/* Networks whose layers take the outputs of any layers before them. */
#include "nn_test.h"

#include "../../../src/nn/lifetime.h"
#include "../../../src/nn/tape.h"
#include "graph_test.h"
#include "kernels/team.h"

static const struct shape image = {9, 9, 3}, even = {8, 8, 2};

/* --- wiring --- */

static void test_wires(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, excite, image, 7, 2);
    const struct model *m = &b.model;
    assert_string_equal(m->layer[1]->name, "x");
    assert_int_equal(m->layer[1]->readers, 5);
    assert_int_equal(m->layer[6]->inputs, 2);
    assert_int_equal(m->layer[6]->input[0], 2); /* the value of layer 1 */
    assert_int_equal(m->layer[6]->input[1], 6);
    assert_int_equal(m->layer[7]->input[0], 7); /* the line before comes first */
    assert_int_equal(m->layer[7]->input[1], 2);
    assert_int_equal(m->layer[8]->input[0], m->layer[8]->input[1]);
    assert_int_equal(m->ops, m->layers);
    for (int o = 0; o < m->ops; o++)
        assert_true(model_goes_back(m, o));
    assert_false(m->wanted[0]);
    bench_release(&b);
}

/* What a block swallows has one reader. */
static void test_fusion(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, unfusable, even, 7, 2);
    const struct model *m = &b.model;
    assert_int_equal(m->layers - m->ops,
                     1 + 2); /* b+p and the last conv, pool and relu */
    for (int o = 0; o < m->ops; o++) {
        char *text = model_op_text(m, o);
        assert_string_not_equal(text, "a+maxpool1+relu1");
        if (m->op[o]->index == 5)
            assert_string_equal(text, "b+p");
        if (m->op[o]->index == 9)
            assert_string_equal(text, "conv3+maxpool3+relu2");
        free(text);
    }
    bench_release(&b);
}

/* Also without a bias, and without an activation behind the pool. */
static void test_fusion_pooled(void **state)
{
    (void)state;
    const char *const want[] = {
        "conv1+maxpool1", "batchnorm1+gelu1", "conv2+maxpool2+relu1",
        "flatten1",       "linear1",          "logsoftmax1"};
    struct bench fused, apart;
    bench_init(&fused, pooled, even, 7, 4);
    bench_init(&apart, pooled, even, 7, 4);
    bench_unfuse(&apart);
    assert_int_equal(fused.model.ops, 6);
    for (int o = 0; o < 6; o++) {
        char *text = model_op_text(&fused.model, o);
        assert_string_equal(text, want[o]);
        free(text);
    }
    size_t maxima = 4 * 4 * 18, others = 2 * 2 * 9;
    assert_int_equal(fused.model.op[0]->save, maxima); /* no slopes */
    assert_int_equal(fused.model.op[2]->save, others * (sizeof(float) + 1));
    bench_step(&fused);
    bench_step(&apart);
    for (size_t i = 0; i < fused.model.params; i++)
        assert_true(fabsf(fused.grads[i] - apart.grads[i]) <= 1e-4f);
    bench_release(&fused);
    bench_release(&apart);
}

/* --- bits --- */

static void assert_same_step(const struct bench *a, const struct bench *b)
{
    assert_memory_equal(&a->result.loss, &b->result.loss, sizeof(float));
    assert_memory_equal(a->ws.logprobs, b->ws.logprobs,
                        (size_t)(a->pass.n * a->model.classes) * sizeof(float));
    assert_memory_equal(a->grads, b->grads, a->model.params * sizeof(float));
}

struct graph_team {
    struct bench *bench;
    int size;
};

static void team_step(void *context, int thread)
{
    struct graph_team *t = context;
    struct bench *b = t->bench;
    struct grain_pass pass = b->pass;
    pass.team = (struct team){.size = t->size, .index = thread, .shared = &b->ws.team};
    model_forward(&b->model, &b->ws, &pass);
    model_loss(&b->model, &b->ws, &pass, &b->result);
    model_backward(&b->model, &b->ws, &pass, NULL, NULL);
}

/* Memory that is shared holds what another activation left there: every run after the
   first begins with other bytes. */
static void check_teams(const char *const *lines, struct shape in)
{
    struct bench alone, shared;
    bench_init(&alone, lines, in, 7, 5);
    bench_init(&shared, lines, in, 7, 5);
    bench_step(&alone);
    assert_true(isfinite(alone.result.loss));
    for (int size = 1; size <= 3; size++)
        for (int split = 0; split < SPLITS; split++) {
            struct graph_team team = {&shared, size};
            struct split_plan plan;
            memset(&plan, split, sizeof plan);
            shared.pass.plan = &plan;
            memset(shared.grads, 0xff, shared.model.params * sizeof(float));
            team_run(size, team_step, &team);
            assert_same_step(&alone, &shared);
        }
    bench_release(&alone);
    bench_release(&shared);
}

/* --- norm blocks --- */

static bool has_op(const struct model *model, const char *name)
{
    bool has = false;
    for (int o = 0; o < model->ops; o++) {
        char *text = model_op_text(model, o);
        has = has || strcmp(text, name) == 0;
        free(text);
    }
    return has;
}

/* Training, one sample alone, in use, and the measurement of statistics. */
static void check_norm_blocks(const char *const *lines, const char *const *ops, int n)
{
    struct bench fused, apart;
    bench_init(&fused, lines, image, 7, 5);
    bench_init(&apart, lines, image, 7, 5);
    bench_unfuse(&apart);
    for (int i = 0; ops[i]; i++)
        if (!has_op(&fused.model, ops[i]))
            fail_msg("there is no op '%s'", ops[i]);
    fused.pass.n = apart.pass.n = n;
    bench_step(&fused);
    bench_step(&apart);
    assert_true(isfinite(fused.result.loss));
    assert_same_step(&fused, &apart);
    for (int measure = 0; measure < 2; measure++) {
        struct bench *both[] = {&fused, &apart};
        for (int i = 0; i < 2; i++) {
            both[i]->pass.train = false;
            both[i]->pass.measure = measure;
            memset(both[i]->grads, 0, fused.model.params * sizeof(float));
            model_forward(&both[i]->model, &both[i]->ws, &both[i]->pass);
        }
        assert_same_step(&fused, &apart);
    }
    bench_release(&fused);
    bench_release(&apart);
}

/* One op gives the bits of the layers apart. */
static void test_norm_blocks(void **state)
{
    (void)state;
    const char *const of_normed[] = {"batchnorm1+x", "batchnorm3+add1",
                                     "batchnorm4+gelu1", "batchnorm6+gelu2", NULL};
    const char *const of_mixed[] = {"batchnorm1+x", NULL};
    const char *const of_shortcuts[] = {
        "bn1+relu1", "bn2+add1+relu2", "bn3+relu3", "bn4+add2", "bn6+add3+relu6.1",
        "bn7+silu1", "bn8+add4",       "bn9",       "bn10",     NULL};
    for (int n = 1; n <= 5; n += 2) {
        check_norm_blocks(normed, of_normed, n);
        check_norm_blocks(mixed, of_mixed, n);
        check_norm_blocks(shortcuts, of_shortcuts, n);
    }
}

static void test_teams(void **state)
{
    (void)state;
    check_teams(residual, image);
    check_teams(excite, image);
    check_teams(unfusable, even);
    check_teams(normed, image);
    check_teams(mixed, image);
    check_teams(shortcuts, image);
    check_teams(given, image);
    check_teams(grouped, image);
    check_teams(pooled, even);
}

/* Every cut between two units, with what passes between the parts moved by hand. */
static void check_parts(const char *const *lines, struct shape in, int units)
{
    struct bench whole;
    bench_init(&whole, lines, in, 7, 5);
    bench_step(&whole);
    assert_int_equal(whole.model.units, units);
    for (int cut = 1; cut < units; cut++) {
        struct bench part[2] = {0};
        for (int p = 0; p < 2; p++) {
            struct bench *b = &part[p];
            model_part(&b->model, &whole.model, p ? cut : 0, p ? units : cut);
            workspace_init(&b->ws, &b->model, 1);
            size_t begin = whole.model.unit[b->model.unit_before].begin;
            b->pass = whole.pass;
            b->pass.params = whole.params + begin;
            b->packed = model_packed(&b->model, b->pass.params);
            b->pass.packed = b->packed;
            b->grads = mem_aligned(b->model.params, sizeof(float));
            b->pass.grads = b->grads;
            memcpy(b->ws.target, whole.ws.target, 5 * sizeof(struct target));
            memcpy(b->ws.sample, whole.ws.sample, 5 * sizeof(uint64_t));
        }
        size_t bytes = 5 * (size_t)shape_size(part[1].model.in) * sizeof(float);
        memcpy(part[0].ws.activation[0], whole.ws.activation[0],
               5 * (size_t)shape_size(in) * sizeof(float));
        model_forward(&part[0].model, &part[0].ws, &part[0].pass);
        memcpy(part[1].ws.activation[0], part[0].ws.activation[part[0].model.ops], bytes);
        model_forward(&part[1].model, &part[1].ws, &part[1].pass);
        model_loss(&part[1].model, &part[1].ws, &part[1].pass, &part[1].result);
        model_backward(&part[1].model, &part[1].ws, &part[1].pass, NULL, NULL);
        memcpy(part[0].ws.output_gradient, part[1].ws.input_gradient, bytes);
        model_backward(&part[0].model, &part[0].ws, &part[0].pass, NULL, NULL);
        for (int p = 0; p < 2; p++) {
            size_t begin = whole.model.unit[part[p].model.unit_before].begin;
            assert_memory_equal(part[p].grads, whole.grads + begin,
                                part[p].model.params * sizeof(float));
            free(part[p].grads);
            free(part[p].packed);
            workspace_release(&part[p].ws);
            model_release(&part[p].model);
        }
    }
    bench_release(&whole);
}

static void test_parts(void **state)
{
    (void)state;
    check_parts(residual, image, 6); /* conv1 .. add1, conv3 .. add2, the linear layers */
    check_parts(excite, image, 2);
    check_parts(unfusable, even, 4);
    check_parts(normed, image, 5);
    check_parts(mixed, image, 5);
    check_parts(shortcuts, image, 8);
    check_parts(given, image, 10);
}

/* --- memory --- */

/* Random lives: none overlaps another in time and place. */
static void test_lifetimes(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    struct lifetime buffer[COUNT];
    struct rng rng;
    rng_init(&rng, 1, RNG_TEST, 4, 0);
    size_t all = 0;
    for (int i = 0; i < COUNT; i++) {
        buffer[i].begin = (int)rng_below(&rng, 50);
        buffer[i].end = buffer[i].begin + (int)rng_below(&rng, 8);
        buffer[i].bytes = rng_below(&rng, 3) ? 64 * rng_below(&rng, 40) : 17;
        all += (buffer[i].bytes + 63) / 64 * 64;
    }
    size_t total = lifetimes_place(buffer, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(buffer[i].place % MEM_ALIGN, 0);
        assert_true(buffer[i].place + buffer[i].bytes <= total);
        for (int j = 0; j < i; j++)
            if (buffer[i].begin <= buffer[j].end && buffer[j].begin <= buffer[i].end)
                assert_true(buffer[i].place + buffer[i].bytes <= buffer[j].place ||
                            buffer[j].place + buffer[j].bytes <= buffer[i].place);
    }
    assert_true(total < all / 2);
}

/* No more than every activation and two gradients of the largest one: what a chain took
   before lives were known. */
static void check_memory(const char *const *lines, struct shape in, double least,
                         double most)
{
    struct bench b;
    struct tape tape;
    bench_init(&b, lines, in, 7, 32);
    size_t widest = 0, all = 0;
    tape_init(&tape, &b.model, b.ws.legs, 1);
    for (int v = 0; v <= b.model.ops; v++) {
        size_t bytes = tape.buffer[tape.activation[v]].bytes;
        widest = bytes > widest && v ? bytes : widest;
        all += (bytes + 63) / 64 * 64;
    }
    for (int o = 0; o < b.model.ops; o++)
        all += (tape.buffer[tape.op[o].save].bytes + 63) / 64 * 64;
    double share =
        (double)lifetimes_place(tape.buffer, tape.buffers) / (double)(all + 2 * widest);
    if (!(share > least && share < most))
        fail_msg("the buffers take %.2f of what they took unshared", share);
    tape_release(&tape);
    bench_release(&b);
}

static void test_memory(void **state)
{
    (void)state;
    const char *const letters[] = {"conv 32 kernel=3", "maxpool 2",  "gelu",
                                   "conv 64 kernel=3", "maxpool 2",  "gelu",
                                   "flatten",          "linear 100", "gelu",
                                   "linear classes",   "logsoftmax", NULL};
    const char *const deep[] = {"conv 8 kernel=3 pad=1",
                                "gelu",
                                "conv 8 kernel=3 pad=1",
                                "gelu",
                                "conv 8 kernel=3 pad=1",
                                "gelu",
                                "flatten",
                                "linear classes",
                                "logsoftmax",
                                NULL};
    check_memory(letters, (struct shape){28, 28, 1}, 0.3, 1);
    check_memory(deep, image, 0.3, 1);
    check_memory(residual, image, 0.3, 1);
}

/* add takes no memory in backward: its inputs get its own gradient. */
static void test_passed_on(void **state)
{
    (void)state;
    struct bench b;
    struct tape tape;
    bench_init(&b, residual, image, 7, 2);
    tape_init(&tape, &b.model, b.ws.legs, 1);
    int adds = 0;
    for (int o = 0; o < b.model.ops; o++) {
        if (b.model.op[o]->ops != &layer_add)
            continue;
        adds++;
        assert_int_equal(tape.op[o].dx[0], TAPE_NONE);
        assert_int_equal(tape.op[o].dx[1], TAPE_NONE);
        assert_int_equal(tape.op[o].sum[0].to, TAPE_NONE);
        assert_int_equal(tape.op[o - 1].dy, tape.op[o].dy);
    }
    assert_int_equal(adds, 3);
    tape_release(&tape);
    bench_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wires),         cmocka_unit_test(test_fusion),
        cmocka_unit_test(test_fusion_pooled), cmocka_unit_test(test_teams),
        cmocka_unit_test(test_parts),         cmocka_unit_test(test_lifetimes),
        cmocka_unit_test(test_memory),        cmocka_unit_test(test_passed_on),
        cmocka_unit_test(test_norm_blocks),
    };
    cpu_blas_single_thread();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
