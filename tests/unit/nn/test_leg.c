/* Ops that pass a grain together, a block of images at a time (src/nn/leg.h). */
#include "nn_test.h"

#include <math.h>

#include "../../../src/nn/leg.h"
#include "../../../src/nn/tape.h"
#include "graph_test.h"
#include "kernels/team.h"
#include "nn/fold.h"

enum { GRAIN = 5, READY = 64 };

/* Behind a stride of 2, images of `run` are a run of weight gradients (CONV_RUN). */
static const struct shape image = {9, 9, 3}, even = {8, 8, 2}, run = {32, 32, 3};

static const char *const vector[] = {"flatten",   "linear 20",      "batchnorm",  "relu",
                                     "batchnorm", "linear classes", "logsoftmax", NULL};

/* A norm that begins a leg of backward, for flatten takes no blocks, and keeps the
   gradient of the sum's other input from gather on. */
static const char *const joined[] = {"conv 8 kernel=1 bias=off",
                                     "relu as=v",
                                     "conv 8 kernel=1 bias=off",
                                     "batchnorm",
                                     "add from=v",
                                     "relu",
                                     "flatten",
                                     "linear classes",
                                     "logsoftmax",
                                     NULL};

/* The same for the norm's own input, which others read, too; dropout behind it. */
static const char *const smooth[] = {"conv 8 kernel=1 bias=off as=u",
                                     "batchnorm",
                                     "silu",
                                     "droppath p=0.3",
                                     "add from=u",
                                     "conv 6 kernel=1 bias=off",
                                     "batchnorm",
                                     "silu as=v",
                                     "conv 6 kernel=3 pad=1",
                                     "add from=v",
                                     "dropout p=0.2",
                                     "flatten",
                                     "linear classes",
                                     "logsoftmax",
                                     NULL};

/* A norm that is gathered in the leg before, in which another op sums over the grain;
   both are given the gradient of the sum. */
static const char *const shared[] = {"conv 8 kernel=1 as=u",
                                     "conv 8 kernel=3 pad=1 bias=off",
                                     "batchnorm",
                                     "silu as=v",
                                     "conv 8 kernel=1 from=u",
                                     "add from=v",
                                     "relu",
                                     "flatten",
                                     "linear classes",
                                     "logsoftmax",
                                     NULL};

/* Frozen norms with curves behind them. */
static const char *const curved[] = {"conv 8 kernel=3 pad=1 stride=2 bias=off",
                                     "batchnorm frozen=on",
                                     "silu as=v",
                                     "depthwise kernel=3 pad=1 bias=off",
                                     "batchnorm frozen=on",
                                     "hardswish",
                                     "conv 8 kernel=1 bias=off",
                                     "batchnorm frozen=on",
                                     "add from=v",
                                     "globalavgpool",
                                     "linear classes",
                                     "logsoftmax",
                                     NULL};

static const struct network {
    const char *const *lines;
    const struct shape *in;
} networks[] = {{residual, &image}, {excite, &image},   {unfusable, &even},
                {normed, &image},   {shortcuts, &even}, {grouped, &image},
                {given, &image},    {pooled, &even},    {mixed, &image},
                {vector, &even},    {residual, &run},   {given, &run},
                {joined, &run},     {smooth, &run},     {curved, &run},
                {shared, &run},     {shared, &image}};

/* Makes the workspace again, for blocks of so many images. */
static void bench_blocks(struct bench *b, int images, int members)
{
    workspace_release(&b->ws);
    b->model.block_images = images;
    workspace_init(&b->ws, &b->model, members);
}

/* --- the same bits --- */

/* What is known after a step. */
struct outcome {
    float *grads, *logprobs;
    size_t params, outputs;
    int ready;
    size_t begin[READY];
};

static void outcome_ready(void *context, size_t begin, size_t end)
{
    struct outcome *o = context;
    assert_true(o->ready < READY && end > begin);
    o->begin[o->ready++] = begin;
}

struct step {
    struct bench *b;
    struct outcome *outcome;
};

static void step_member(void *context, int thread)
{
    const struct step *step = context;
    struct bench *b = step->b;
    struct grain_pass pass = b->pass;
    struct grain_result result;
    pass.team.index = thread;
    pass.team.shared = &b->ws.team;
    model_forward(&b->model, &b->ws, &pass);
    model_loss(&b->model, &b->ws, &pass, &result);
    model_backward(&b->model, &b->ws, &pass, outcome_ready, step->outcome);
}

static struct outcome bench_outcome(struct bench *b, int n, int team)
{
    struct outcome o = {.params = b->model.params,
                        .outputs = (size_t)(n * b->model.classes)};
    struct step step = {b, &o};
    b->pass.n = n;
    b->pass.team = (struct team){.size = team};
    fill_samples(&b->model, &b->ws, n, 100);
    memset(b->grads, 0xff, o.params * sizeof *b->grads);
    team_run(team, step_member, &step);
    o.grads = mem_aligned(o.params, sizeof(float));
    o.logprobs = mem_aligned(o.outputs, sizeof(float));
    memcpy(o.grads, b->grads, o.params * sizeof(float));
    memcpy(o.logprobs, b->ws.logprobs, o.outputs * sizeof(float));
    return o;
}

static void outcome_release(struct outcome *o)
{
    free(o->grads);
    free(o->logprobs);
}

static void check_same(struct outcome *a, struct outcome *b)
{
    assert_memory_equal(a->logprobs, b->logprobs, a->outputs * sizeof(float));
    assert_memory_equal(a->grads, b->grads, a->params * sizeof(float));
    assert_int_equal(a->ready, b->ready);
    assert_memory_equal(a->begin, b->begin, (size_t)a->ready * sizeof *a->begin);
}

static void check_network(struct bench *b, int n)
{
    bench_blocks(b, GRAIN, 1);
    struct outcome whole = bench_outcome(b, n, 1);
    for (int images = 1; images <= 3; images++) {
        for (int team = 1; team <= 3; team++) {
            bench_blocks(b, images, team % 2 ? team : 3); /* not all are there */
            struct outcome blocks = bench_outcome(b, n, team);
            check_same(&blocks, &whole);
            outcome_release(&blocks);
        }
    }
    outcome_release(&whole);
}

static void test_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        struct bench b;
        bench_init(&b, networks[i].lines, *networks[i].in, 7, GRAIN);
        for (int n = GRAIN; n >= 1; n -= 2)
            check_network(&b, n);
        bench_unfuse(&b);
        check_network(&b, GRAIN);
        bench_release(&b);
    }
}

/* --- evaluation --- */

struct answer {
    const struct model *model;
    struct workspace ws;
    struct grain_pass pass;
};

static void answer_member(void *context, int thread)
{
    struct answer *answer = context;
    struct grain_pass pass = answer->pass;
    pass.team.index = thread;
    pass.team.shared = &answer->ws.team;
    model_forward(answer->model, &answer->ws, &pass);
}

/* By a team of up to `members`; the caller frees. */
static float *answers(struct fold *fold, int images, int members, int team)
{
    struct answer answer = {.model = &fold->model,
                            .pass = {.n = GRAIN, .params = fold->params}};
    size_t count = (size_t)(GRAIN * fold->model.classes);
    float *packed = model_packed(&fold->model, fold->params);
    float *logprobs = mem_aligned(count, sizeof *logprobs);
    fold->model.block_images = images;
    workspace_init(&answer.ws, &fold->model, members);
    fill_samples(&fold->model, &answer.ws, GRAIN, 100);
    answer.pass.packed = packed;
    answer.pass.team.size = team;
    team_run(team, answer_member, &answer);
    memcpy(logprobs, answer.ws.logprobs, count * sizeof *logprobs);
    workspace_release(&answer.ws);
    free(packed);
    return logprobs;
}

static void test_evaluation(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        struct bench b;
        struct fold fold;
        bench_init(&b, networks[i].lines, *networks[i].in, 7, GRAIN);
        fold_init(&fold, &b.model, b.params);
        float *whole = answers(&fold, GRAIN, 1, 1);
        for (int images = 1; images <= 2; images++)
            for (int members = 1; members <= 3; members++)
                for (int team = 1; team <= members; team++) {
                    float *blocks = answers(&fold, images, members, team);
                    assert_memory_equal(blocks, whole, GRAIN * 7 * sizeof *whole);
                    free(blocks);
                }
        free(whole);
        fold_release(&fold);
        bench_release(&b);
    }
}

/* Each op alone, in the order of the legs' memory. */
static void test_ops_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        struct bench b;
        struct grain_result result;
        bench_init(&b, networks[i].lines, *networks[i].in, 7, GRAIN);
        bench_blocks(&b, 1, 1);
        struct outcome whole = bench_outcome(&b, GRAIN, 1);
        workspace_release(&b.ws);
        workspace_init_by_op(&b.ws, &b.model, 1);
        fill_samples(&b.model, &b.ws, GRAIN, 100);
        for (int o = 0; o < b.model.ops; o++)
            model_forward_op(&b.model, &b.ws, &b.pass, o);
        model_loss(&b.model, &b.ws, &b.pass, &result);
        for (int o = b.model.ops - 1; o >= 0; o--)
            if (model_goes_back(&b.model, o))
                model_backward_op(&b.model, &b.ws, &b.pass, o);
        assert_memory_equal(b.grads, whole.grads, whole.params * sizeof(float));
        outcome_release(&whole);
        bench_release(&b);
    }
}

/* --- which ops go together --- */

static const char *const chain[] = {"conv 16 kernel=3 pad=1 bias=off",
                                    "batchnorm",
                                    "relu",
                                    "conv 32 kernel=1 bias=off",
                                    "maxpool 3",
                                    "batchnorm",
                                    "relu",
                                    "globalavgpool",
                                    "linear classes",
                                    "logsoftmax",
                                    NULL};

static void check_leg(const struct legs *legs, int i, int first, int count, int next)
{
    assert_true(i < legs->count);
    assert_int_equal(legs->leg[i].first, first);
    assert_int_equal(legs->leg[i].count, count);
    assert_int_equal(legs->leg[i].next, next);
    for (int k = 0; k < count; k++)
        assert_int_equal(legs->of[first + k * legs->step], i);
    if (next != LEG_NONE)
        assert_int_equal(legs->gathered[next], i);
}

/* Ops: conv, norm, conv, pool, norm, pool, linear, logsoftmax. */
static void check_chain(int size, int grain, int images, bool together)
{
    struct model_spec spec = spec_of(chain);
    struct model model;
    struct legs legs[LEG_PASSES];
    assert_int_equal(
        model_describe(&model, &spec, (struct shape){size, size, 3}, 4, grain), ST_OK);
    model_spec_release(&spec);
    model.block_images = images;
    legs_init(legs, &model, false);
    assert_int_equal(model.ops, 8);
    if (together) {
        check_leg(&legs[LEG_FORWARD], 0, 0, 1, 1);
        check_leg(&legs[LEG_FORWARD], 1, 1, 3, 4);
        int last = legs[LEG_BACKWARD].count - 1;
        check_leg(&legs[LEG_BACKWARD], last - 1, 4, 3, 1);
        check_leg(&legs[LEG_BACKWARD], last, 1, 2, LEG_NONE);
    } else {
        assert_int_equal(legs[LEG_FORWARD].count, model.ops);
        assert_int_equal(legs[LEG_BACKWARD].count, model.ops);
    }
    for (int pass = 0; pass < LEG_PASSES; pass++)
        legs_release(&legs[pass]);
    model_release(&model);
}

static void test_chain(void **state)
{
    (void)state;
    check_chain(18, 4, 1, true);
    check_chain(18, 4, 3, true);
    check_chain(18, 4, 4, false);
    check_chain(18, 4, 0, false);
    check_chain(240, 32, 0, true);
}

/* A norm writes its input's gradient over that of its output, unless add has passed that
   on; the input of a part keeps a buffer of its own. */
static void test_overwrites(void **state)
{
    (void)state;
    struct bench b;
    struct tape tape;
    bench_init(&b, shortcuts, even, 7, GRAIN);
    tape_init(&tape, &b.model, b.ws.legs, 1);
    int over = 0;
    for (int o = 0; o < b.model.ops; o++) {
        const struct layer_ops *ops = b.model.op[o]->ops;
        bool same = tape.op[o].dx[0] == tape.op[o].dy;
        assert_true(!same || (ops->overwrites && ops->passes_gradient == 0));
        over += same;
    }
    assert_true(over >= 6);
    tape_release(&tape);
    bench_release(&b);
}

static int block_buffers(const struct bench *b)
{
    int count = 0;
    for (int o = 0; o < b->model.ops; o++) {
        const struct workspace_op *op = &b->ws.op[o];
        assert_false(op->dy.block && layer_sums_grain(b->model.op[o]));
        count += op->dx[0].block;
    }
    assert_false(b->ws.block[0] || b->ws.block[b->model.ops]);
    return count;
}

/* What one leg alone uses holds a block for each member of a team. */
static void test_block_buffers(void **state)
{
    (void)state;
    struct bench b;
    size_t bytes[4];
    bench_init(&b, given, run, 7, GRAIN);
    for (int members = 1; members < 4; members++) {
        bench_blocks(&b, 1, members);
        assert_true(block_buffers(&b) >= 3);
        bytes[members] = b.ws.bytes;
    }
    assert_true(bytes[1] < bytes[2] && bytes[2] < bytes[3]);
    workspace_release(&b.ws);
    workspace_init_by_op(&b.ws, &b.model, 1);
    assert_int_equal(block_buffers(&b), 0);
    for (int v = 0; v <= b.model.ops; v++)
        assert_false(b.ws.block[v]);
    bench_release(&b);
}

/* The first op with a NaN is the same with blocks, whose later ones come after other ops
   of an earlier one. */
static void check_bad(struct bench *b, int o)
{
    float *weight = b->params + b->model.op[o]->tensor[0].offset, keep = *weight;
    *weight = NAN;
    bench_pack(b);
    for (int images = 1; images <= GRAIN; images += 2) {
        bench_blocks(b, images, 1);
        fill_samples(&b->model, &b->ws, GRAIN, 100);
        assert_int_equal(model_find_bad(&b->model, &b->ws, &b->pass), o);
    }
    /* of the last image alone */
    *weight = keep;
    bench_pack(b);
    bench_blocks(b, 2, 1);
    fill_samples(&b->model, &b->ws, GRAIN, 100);
    assert_int_equal(model_find_bad(&b->model, &b->ws, &b->pass), -1);
    b->ws.activation[0][(size_t)GRAIN * (size_t)shape_size(b->model.in) - 1] = NAN;
    assert_int_equal(model_find_bad(&b->model, &b->ws, &b->pass), 0);
}

static void test_bad(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, given, run, 7, GRAIN);
    for (int o = 0; o < b.model.ops; o++)
        if (b.model.op[o]->tensors > 0)
            check_bad(&b, o);
    bench_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bits),          cmocka_unit_test(test_ops_alone),
        cmocka_unit_test(test_chain),         cmocka_unit_test(test_overwrites),
        cmocka_unit_test(test_block_buffers), cmocka_unit_test(test_bad),
        cmocka_unit_test(test_evaluation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
