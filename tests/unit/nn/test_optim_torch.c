#include "optim_test.h"

/*
 * Four steps of torch 1.13 from w; opt is torch.optim.SGD or AdamW with `args`:
 *   w = torch.nn.Parameter(torch.tensor([0.5, -1.25, 2.0, 0.001]))
 *   o = opt([w], **args)
 *   for t in range(4):
 *       w.grad = torch.tensor([0.3, -0.2, 0.05, 1.0]) * (1 if t % 2 == 0 else -0.7) + 0.1
 * * t o.step() print(w.tolist())
 */
struct torch_run {
    struct optim_options options;
    double w[4];
};
static const struct torch_run torch_runs[] = {
    /* lr=.1, momentum=.9, nesterov=True, weight_decay=.01 */
    {{.kind = OPTIM_SGD,
      .lr = 0.1,
      .momentum = 0.9,
      .nesterov = true,
      .weight_decay = 0.01},
     {0.2569998800754547, -1.319257378578186, 1.815110445022583, -0.44952812790870667}},
    /* lr=.1, momentum=.9, weight_decay=.01 */
    {{.kind = OPTIM_SGD, .lr = 0.1, .momentum = 0.9, .weight_decay = 0.01},
     {0.31840136647224426, -1.2790553569793701, 1.8732144832611084,
      -0.36751458048820496}},
    /* lr=.1 */
    {{.kind = OPTIM_SGD, .lr = 0.1},
     {0.421999990940094, -1.2980000972747803, 1.937000036239624, -0.11900001019239426}},
    /* lr=.01, weight_decay=.05, betas=(.9, .99), eps=1e-8 */
    {{.kind = OPTIM_ADAMW,
      .lr = 0.01,
      .weight_decay = 0.05,
      .beta1 = 0.9,
      .beta2 = 0.99,
      .epsilon = 1e-8},
     {0.4718790650367737, -1.245297908782959, 1.95863676071167, -0.019633421674370766}},
};

static void test_against_torch(void **state)
{
    (void)state;
    const float base[4] = {0.3f, -0.2f, 0.05f, 1.0f};
    const struct range all = {0, 4, RANGE_TRAIN_DECAY};
    for (size_t k = 0; k < LENGTH(torch_runs); k++) {
        const struct optim_options *options = &torch_runs[k].options;
        float w[4] = {0.5f, -1.25f, 2.0f, 0.001f}, g[4], m[4] = {0}, v[4] = {0};
        struct optim optim;
        optim_of(&optim, options, &all, 1);
        for (uint64_t t = 0; t < 4; t++) {
            for (int i = 0; i < 4; i++)
                g[i] = base[i] * (t % 2 ? -0.7f : 1.0f) + 0.1f * (float)t;
            struct optim_update update = {
                .params = w,
                .grads = g,
                .state = {m, v},
                .lr = options->lr,
                .grad_scale = 1,
                .step = t + 1,
            };
            optim_apply(&optim, &update, 0, 4);
        }
        optim_release(&optim);
        for (int i = 0; i < 4; i++)
            assert_true(fabs(w[i] - torch_runs[k].w[i]) < 3e-7);
    }
}

static int run(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_torch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return run_with_each(run);
}
