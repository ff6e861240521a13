#include "nn_test.h"

#include "nn/cut.h"

#include <stdio.h>
#include <unistd.h>

#include "kernels/team.h"

static const char *const letters[] = {
    "conv 32 kernel=3",  "maxpool 2", "gelu",    "conv 64 kernel=3", "maxpool 2",  "gelu",
    "conv 128 kernel=3", "maxpool 2", "gelu",    "flatten",          "linear 512", "gelu",
    "linear 256",        "gelu",      "dropout", "linear classes",   "logsoftmax", NULL};

/* Stride, padding, relu, averages: what the letters network lacks. */
static const char *const other[] = {"conv 33 kernel=3 stride=2 pad=1",
                                    "relu",
                                    "avgpool 3 stride=2 pad=1",
                                    "conv 70 kernel=3 pad=2",
                                    "maxpool 3 stride=1 pad=1",
                                    "gelu",
                                    "conv 20 kernel=1",
                                    "flatten",
                                    "dropout p=0.2",
                                    "linear 130",
                                    "relu",
                                    "linear classes",
                                    "logsoftmax",
                                    NULL};

static const struct shape letter = {28, 28, 1};

static void test_layout(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, letters, letter, 26, 4);
    assert_int_equal(model_param_count(&b.model), 296730);
    assert_int_equal(b.model.params % 16, 0);
    assert_true(fabs(b.model.flops / 6.58e6 - 1.0) < 0.01);
    size_t next = 0, counted = 0;
    struct range part = {0};
    for (int i = 0; i < b.model.layers; i++) {
        const struct layer *layer = b.model.layer[i];
        for (int t = 0; t < layer->tensors; t++) {
            const struct layer_tensor *tensor = &layer->tensor[t];
            size_t product = 1;
            for (int d = 0; d < tensor->dims; d++)
                product *= (size_t)tensor->dim[d];
            assert_int_equal(product, tensor->count);
            assert_int_equal(tensor->offset, next);
            next = (tensor->offset + tensor->count + 15) / 16 * 16;
            assert_int_equal(tensor->rule, t == 0 ? RANGE_TRAIN_DECAY : RANGE_TRAIN);
            assert_true(ranges_next(&b.model.ranges, RANGE_BIT(tensor->rule),
                                    b.model.params, &part));
            assert_int_equal(part.begin, tensor->offset);
            assert_int_equal(part.end, next); /* with its padding */
            for (size_t j = tensor->offset + tensor->count; j < next; j++)
                assert_true(b.params[j] == 0.0f);
            counted += tensor->count;
        }
    }
    assert_int_equal(next, b.model.params);
    assert_int_equal(counted, 296730);
    assert_int_equal(part.end, b.model.params);
    bench_release(&b);
}

/* The table as printed: one line each for the headings, the input, the layers, the total
   and the memory. */
static void test_print(void **state)
{
    (void)state;
    struct bench b;
    char text[4096];
    bench_init(&b, letters, letter, 26, 1);
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    int keep = dup(STDOUT_FILENO), lines = 0;
    dup2(fileno(file), STDOUT_FILENO);
    model_print(&b.model);
    fflush(stdout);
    dup2(keep, STDOUT_FILENO);
    close(keep);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, b.model.layers + 4);
    assert_non_null(strstr(text, "conv2"));
    assert_non_null(strstr(text, "11x11x64"));
    assert_non_null(strstr(text, "18496"));
    assert_non_null(strstr(text, "296730"));
    bench_release(&b);
}

/* Parameters depend on the seed and the tensor alone, not on the grain. */
static void test_params(void **state)
{
    (void)state;
    struct bench a, b;
    bench_init(&a, letters, letter, 26, 4);
    bench_init(&b, letters, letter, 26, 9);
    size_t bytes = a.model.params * sizeof(float);
    assert_memory_equal(a.params, b.params, bytes);
    model_init_params(&b.model, 12, b.params);
    assert_memory_not_equal(a.params, b.params, bytes);
    bench_release(&a);
    bench_release(&b);
}

static void test_loss(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, letters, letter, 26, 8);
    bench_forward(&b);
    const float *logp = bench_logprobs(&b);
    double plain = 0.0, uniform = 0.0;
    int correct = 0;
    for (int i = 0; i < 8; i++) {
        double sum = 0.0;
        int best = 0;
        for (int k = 0; k < 26; k++) {
            sum += exp((double)logp[i * 26 + k]);
            uniform -= (double)logp[i * 26 + k] / 26.0;
            best = logp[i * 26 + k] > logp[i * 26 + best] ? k : best;
        }
        assert_true(fabs(sum - 1.0) < 1e-5);
        if (i < 4)
            b.ws.target[i] = target_of_class(best);
        plain -= (double)logp[i * 26 + b.ws.target[i].label];
        correct += best == b.ws.target[i].label;
    }
    model_loss(&b.model, &b.ws, &b.pass, &b.result);
    assert_true(fabs((double)b.result.loss - plain) < 1e-5);
    assert_int_equal(b.result.correct, correct);
    assert_true(correct >= 4);
    b.pass.loss.label_smoothing = 0.2f;
    model_loss(&b.model, &b.ws, &b.pass, &b.result);
    assert_true(fabs((double)b.result.loss - (0.8 * plain + 0.2 * uniform)) < 1e-5);
    b.pass.train = false; /* an evaluation's loss is not smoothed */
    model_loss(&b.model, &b.ws, &b.pass, &b.result);
    assert_true(fabs((double)b.result.loss - plain) < 1e-5);
    bench_release(&b);
}

struct noted {
    size_t next; /* where the last one began */
    int count;
    const float *grads;
};

static void note_range(void *context, size_t begin, size_t end)
{
    struct noted *noted = context;
    assert_int_equal(end, noted->next);
    for (size_t i = begin; i < end; i++)
        assert_true(isfinite(noted->grads[i]));
    noted->next = begin;
    noted->count++;
}

/* Backward writes all of the gradient (it was NaN before), padding as zeros, and
   announces ranges from the last layer to the first without a hole. */
static void test_ready(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, other, (struct shape){15, 14, 3}, 5, 4);
    bench_forward(&b);
    model_loss(&b.model, &b.ws, &b.pass, &b.result);
    struct noted noted = {.next = b.model.params, .grads = b.grads};
    model_backward(&b.model, &b.ws, &b.pass, note_range, &noted);
    assert_int_equal(noted.next, 0);
    assert_int_equal(noted.count, 5);
    for (int i = 0; i < b.model.layers; i++) {
        const struct layer *layer = b.model.layer[i];
        for (int t = 0; t < layer->tensors; t++) {
            size_t end = layer->tensor[t].offset + layer->tensor[t].count;
            for (; end % 16 != 0; end++)
                assert_true(b.grads[end] == 0.0f);
        }
    }
    bench_release(&b);
}

static void test_find_bad(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, letters, letter, 26, 4);
    assert_int_equal(model_find_bad(&b.model, &b.ws, &b.pass), -1);
    b.params[b.model.layer[3]->tensor[1].offset] = INFINITY;
    int bad =
        model_find_bad(&b.model, &b.ws, &b.pass); /* the op that has layer 3 in it */
    assert_true(bad >= 0 && b.model.op[bad]->index <= 3);
    assert_true(b.model.op[bad + 1]->index > 3);
    model_loss(&b.model, &b.ws, &b.pass, &b.result);
    assert_false(isfinite(b.result.loss));
    bench_release(&b);
}

/* Evaluation: dropout off, the same for each step; a sample's result does not depend on
   the others' values. */
static void test_evaluation(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, letters, letter, 26, 6);
    b.pass.train = false;
    bench_forward(&b);
    float first[6 * 26];
    memcpy(first, bench_logprobs(&b), sizeof first);
    b.pass.step = 99;
    b.pass.seed = 98;
    fill_samples(&b.model, &b.ws, 6, 0);
    for (int i = 784; i < 6 * 784; i++)
        b.ws.activation[0][i] = 0.5f;
    bench_forward(&b);
    assert_memory_equal(first, bench_logprobs(&b), 26 * sizeof *first);
    b.pass.train = true;
    bench_forward(&b);
    assert_memory_not_equal(first, bench_logprobs(&b), 26 * sizeof *first);
    bench_release(&b);
}

/* --- the same bits for every team --- */

struct crew {
    struct bench *bench; /* one for each team */
    int size;            /* threads of a team */
};

static void crew_step(void *context, int thread)
{
    struct crew *crew = context;
    struct bench *b = &crew->bench[thread / crew->size];
    struct grain_pass pass = b->pass;
    pass.team = (struct team){
        .size = crew->size, .index = thread % crew->size, .shared = &b->ws.team};
    model_forward(&b->model, &b->ws, &pass);
    model_loss(&b->model, &b->ws, &pass, &b->result);
    model_backward(&b->model, &b->ws, &pass, NULL, NULL);
}

static void assert_same_step(const struct bench *a, const struct bench *b)
{
    assert_memory_equal(&a->result.loss, &b->result.loss, sizeof(float));
    assert_int_equal(a->result.correct, b->result.correct);
    assert_memory_equal(bench_logprobs(a), bench_logprobs(b),
                        (size_t)(a->pass.n * a->model.classes) * sizeof(float));
    assert_memory_equal(a->grads, b->grads, a->model.params * sizeof(float));
}

/* Every split for all layers, then each layer another one. */
static void plan_number(struct split_plan *plan, int number)
{
    for (int s = 0; s < MODEL_LAYERS; s++) {
        plan->forward[s] = (unsigned char)(number < SPLITS ? number : (s + 3) % SPLITS);
        plan->backward[s] = (unsigned char)(number < SPLITS ? number : (2 * s) % SPLITS);
    }
}

static void check_teams(const char *const *lines, struct shape in, int n)
{
    struct bench alone, shared;
    struct split_plan plan;
    bench_init(&alone, lines, in, 26, n);
    bench_step(&alone);
    bench_init(&shared, lines, in, 26, n);
    for (int size = 1; size <= 5; size++) {
        for (int number = 0; number <= SPLITS; number++) {
            struct crew crew = {&shared, size};
            plan_number(&plan, number);
            shared.pass.plan = &plan;
            memset(shared.grads, 0xff, shared.model.params * sizeof(float));
            team_run(size, crew_step, &crew);
            assert_same_step(&alone, &shared);
        }
    }
    bench_release(&shared);
    bench_release(&alone);
}

static void test_teams(void **state)
{
    (void)state;
    check_teams(letters, letter, 32);
    check_teams(letters, letter, 7);
    check_teams(letters, letter, 1);
    check_teams(other, (struct shape){15, 14, 3}, 9);
}

/* Two teams of two side by side, on different samples. */
static void test_sub_teams(void **state)
{
    (void)state;
    struct bench alone[2], shared[2];
    for (int i = 0; i < 2; i++) {
        bench_init(&alone[i], letters, letter, 26, 8);
        bench_init(&shared[i], letters, letter, 26, 8);
        fill_samples(&alone[i].model, &alone[i].ws, 8, 100 * (uint64_t)i);
        fill_samples(&shared[i].model, &shared[i].ws, 8, 100 * (uint64_t)i);
        bench_step(&alone[i]);
    }
    struct crew crew = {shared, 2};
    team_run(4, crew_step, &crew);
    for (int i = 0; i < 2; i++)
        assert_same_step(&alone[i], &shared[i]);
    assert_memory_not_equal(shared[0].grads, shared[1].grads,
                            shared[0].model.params * sizeof(float));
    for (int i = 0; i < 2; i++) {
        bench_release(&alone[i]);
        bench_release(&shared[i]);
    }
}

/* A short grain in a workspace that held a full one gives what a fresh one gives. */
static void test_short_grain(void **state)
{
    (void)state;
    struct bench used, fresh;
    bench_init(&used, letters, letter, 26, 20);
    bench_step(&used);
    bench_init(&fresh, letters, letter, 26, 20);
    used.pass.n = fresh.pass.n = 3;
    bench_step(&used);
    bench_step(&fresh);
    assert_same_step(&used, &fresh);
    bench_release(&used);
    bench_release(&fresh);
}

/* As many layers as there may be: forward, backward, ranges, units, and a cut of them.
   Dropouts whose indices are the same modulo 64 drop different elements. */
static void test_most_layers(void **state)
{
    (void)state;
    const char *lines[MODEL_LAYERS + 1];
    for (int i = 0; i < MODEL_LAYERS - 2; i++)
        lines[i] = i % 64 == 1 ? "dropout" : i % 4 == 0 ? "linear 40 init=he" : "relu";
    lines[MODEL_LAYERS - 2] = "linear classes";
    lines[MODEL_LAYERS - 1] = "logsoftmax";
    lines[MODEL_LAYERS] = NULL;
    struct bench b;
    bench_init(&b, lines, (struct shape){1, 1, 40}, 3, 2);
    assert_int_equal(b.model.layers, MODEL_LAYERS);
    assert_int_equal(b.model.units, MODEL_LAYERS / 4 + 1);
    assert_int_equal(b.model.ranges.count, 2 * b.model.units);
    bench_step(&b);
    assert_true(isfinite(b.result.loss));
    for (size_t i = 0; i < b.model.params; i++)
        assert_true(isfinite(b.grads[i]));
    bench_forward(&b);
    const void *first = b.ws.op[1].save;
    for (int i = 65; i < MODEL_LAYERS - 2; i += 64)
        assert_memory_not_equal(b.ws.op[i].save, first, 40);

    struct model_cut cut, again;
    double *cost = mem_zeroed((size_t)b.model.units, sizeof *cost);
    for (int u = 0; u < b.model.units; u++)
        cost[u] = 1;
    assert_true(cut_balance(&cut, &b.model, b.model.units, cost, NULL));
    char *text = cut_text(&cut, &b.model);
    assert_int_equal(cut_read(&again, &b.model, "key", text), ST_OK);
    assert_memory_equal(&again, &cut, sizeof(int) * (size_t)(1 + b.model.units));
    struct model part;
    model_part(&part, &b.model, 100, 120);
    assert_int_equal(part.ranges.count, 40);
    assert_int_equal(part.ranges.range[39].end, part.params);
    model_release(&part);
    free(text);
    free(cost);
    bench_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),      cmocka_unit_test(test_print),
        cmocka_unit_test(test_params),      cmocka_unit_test(test_loss),
        cmocka_unit_test(test_ready),       cmocka_unit_test(test_find_bad),
        cmocka_unit_test(test_evaluation),  cmocka_unit_test(test_teams),
        cmocka_unit_test(test_sub_teams),   cmocka_unit_test(test_short_grain),
        cmocka_unit_test(test_most_layers),
    };
    cpu_blas_single_thread();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
