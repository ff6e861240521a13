/* Small networks are trained for 20 steps: the weights, statistics and states of the
   optimizer have the same bits with every instruction set that has fused multiply-adds,
   and on every processor. Together the networks hold every kind of layer and of
   optimizer. */
#include "nn_test.h"

#include "../golden.h"
#include "kernels/kernels.h"
#include "nn/optim.h"
#include "nn/schedule.h"

enum { STEPS = 20, GRAIN = 6 };

struct golden_net {
    const char *name;
    const char *const *lines;
    struct shape in;
    struct optim_options optim;
};

static const char *const letters[] = {
    "conv 16 kernel=3", "maxpool 2", "gelu", "conv 24 kernel=3", "maxpool 2",  "gelu",
    "flatten",          "linear 40", "gelu", "linear classes",   "logsoftmax", NULL};

static const char *const cifar_small[] = {"conv 12 kernel=3 pad=1",
                                          "maxpool 2",
                                          "gelu",
                                          "conv 20 kernel=3 pad=1",
                                          "batchnorm",
                                          "maxpool 2",
                                          "gelu",
                                          "conv 24 kernel=3 pad=2 dilation=2",
                                          "sigmoid",
                                          "avgpool 3",
                                          "flatten",
                                          "dropout p=0.2",
                                          "linear 33",
                                          "relu",
                                          "linear classes",
                                          "logsoftmax",
                                          NULL};

static const char *const resnet[] = {"conv 16 kernel=3 pad=1 bias=off init=he",
                                     "batchnorm",
                                     "relu as=a",
                                     "conv 16 kernel=3 pad=1 bias=off init=he",
                                     "batchnorm",
                                     "relu",
                                     "conv 16 kernel=3 pad=1 bias=off init=he",
                                     "batchnorm",
                                     "add from=a",
                                     "relu as=b",
                                     "conv 32 kernel=3 stride=2 pad=1 bias=off init=he",
                                     "batchnorm",
                                     "relu",
                                     "conv 32 kernel=3 pad=1 bias=off init=he",
                                     "batchnorm as=c",
                                     "conv 32 kernel=1 stride=2 bias=off from=b",
                                     "batchnorm",
                                     "add from=c",
                                     "relu",
                                     "globalavgpool",
                                     "linear classes",
                                     "logsoftmax",
                                     NULL};

static const char *const mobilenet[] = {"conv 8 kernel=3 stride=2 pad=1 bias=off",
                                        "batchnorm",
                                        "relu6 as=a",
                                        "conv 24 kernel=1 bias=off",
                                        "batchnorm",
                                        "hardswish",
                                        "depthwise kernel=3 pad=1 bias=off",
                                        "batchnorm",
                                        "silu as=b",
                                        "globalavgpool",
                                        "conv 24 kernel=1",
                                        "hardsigmoid as=s",
                                        "mul from=b,s",
                                        "conv 8 kernel=1 bias=off",
                                        "batchnorm",
                                        "add from=a",
                                        "conv 24 kernel=3 pad=1 groups=4",
                                        "groupnorm 3",
                                        "relu",
                                        "globalavgpool",
                                        "linear classes",
                                        "logsoftmax",
                                        NULL};

static const char *const sets[] = {"conv 12 kernel=3", "maxpool 2",  "relu", "flatten",
                                   "linear classes",   "logsigmoid", NULL};

static const struct golden_net nets[] = {
    {"sets", sets, {12, 11, 3}, {.kind = OPTIM_SGD, .momentum = 0.9}},
    {"letters",
     letters,
     {18, 18, 1},
     {.kind = OPTIM_SGD, .momentum = 0.9, .nesterov = true}},
    {"cifar-small", cifar_small, {13, 12, 3}, {.kind = OPTIM_ADAMW}},
    {"resnet", resnet, {10, 10, 3}, {.kind = OPTIM_LARS, .momentum = 0.9, .trust = 0.02}},
    {"mobilenet",
     mobilenet,
     {17, 17, 3},
     {.kind = OPTIM_LAMB, .lookahead = 5, .lookahead_alpha = 0.5, .lookahead_power = 3}},
};

struct golden_run {
    struct bench b;
    struct optim optim;
    float *state[OPTIM_STATES], *ema;
    uint8_t sets[GRAIN];
};

static void run_step(struct golden_run *run, const struct golden_net *net, uint64_t step)
{
    struct bench *b = &run->b;
    const struct schedule_options schedule = {
        .kind = SCHEDULE_COSINE, .warmup = 3, .final = 0.01};
    const struct team alone = {.size = 1};
    size_t params = b->model.params;
    b->pass.step = step;
    fill_samples(&b->model, &b->ws, GRAIN, step * GRAIN);
    if (b->model.multi_label)
        bench_use_sets(b, run->sets);
    bench_step(b);
    double norm = sqrt(optim_square_sum(b->grads, params)) / GRAIN;
    const struct optim_update update = {
        .params = b->params,
        .grads = b->grads,
        .state = {run->state[0], run->state[1], run->state[2]},
        .statistics = &b->model.statistics,
        .samples = GRAIN,
        .ema = run->ema,
        .ema_decay = 0.9,
        .lr = schedule_lr(&schedule, net->optim.lr, step - 1, STEPS, 5),
        .grad_scale = (norm > 1 ? 1 / norm : 1) / GRAIN,
        .step = step,
        .total = STEPS,
    };
    optim_measure(&run->optim, &update, &alone);
    optim_apply(&run->optim, &update, 0, params);
}

/* Also checks that it has learned something from noise. */
static uint64_t run_hash(const struct golden_net *net)
{
    struct golden_run run;
    struct optim_options options = net->optim;
    uint64_t hash = GOLDEN_START;
    options.weight_decay = 5e-3;
    options.beta1 = 0.9;
    options.beta2 = 0.99;
    options.epsilon = 1e-6;
    bench_init(&run.b, net->lines, net->in, 5, GRAIN);
    run.b.pass.loss.label_smoothing = 0.1f;
    size_t params = run.b.model.params;
    optim_init(&run.optim, &options, &run.b.model);
    run.ema = mem_aligned(params, sizeof(float));
    memcpy(run.ema, run.b.params, params * sizeof(float));
    for (int i = 0; i < OPTIM_STATES; i++) {
        run.state[i] = mem_aligned(params, sizeof(float));
        memset(run.state[i], 0, params * sizeof(float));
    }
    optim_begin(&run.optim, run.b.params, run.state);
    struct golden_net with = *net;
    with.optim = options;
    for (uint64_t step = 1; step <= STEPS; step++)
        run_step(&run, &with, step);
    assert_true(isfinite(run.b.result.loss) && run.b.result.loss > 0);
    hash = golden_hash(hash, run.b.params, params * sizeof(float));
    hash = golden_hash(hash, run.ema, params * sizeof(float));
    for (int i = 0; i < OPTIM_STATES; i++) {
        hash = golden_hash(hash, run.state[i], params * sizeof(float));
        free(run.state[i]);
    }
    free(run.ema);
    optim_release(&run.optim);
    bench_release(&run.b);
    return hash;
}

static void test_golden_states(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        struct golden_net net = nets[i];
        net.optim.lr =
            net.optim.kind == OPTIM_ADAMW || net.optim.kind == OPTIM_LAMB ? 0.01 : 0.05;
        for (enum cpu_isa isa = CPU_PLAIN; isa <= cpu_isa(); isa++)
            if (isa != CPU_V2 && kernels_select(isa)) {
                char name[64];
                snprintf(name, sizeof name, "train-%s", net.name);
                golden_check(name, run_hash(&net));
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden_states)};
    cpu_blas_single_thread();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
