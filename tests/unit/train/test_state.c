#include "../network.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "train/state.h"

static struct model model;

static float *draw(uint32_t which)
{
    float *vector = mem_aligned(model.params, sizeof *vector);
    struct rng rng;
    rng_init(&rng, 8, RNG_TEST, which, 0);
    for (size_t i = 0; i < model.params; i++)
        vector[i] = rng_normal(&rng);
    return vector;
}

static struct run_state make_state(bool ema)
{
    return (struct run_state){
        .params = draw(0),
        .ema = ema ? draw(1) : NULL,
        .optim = {draw(2), draw(3)},
        .optims = 2,
        .optim_name = {"m", "v"},
    };
}

static void state_release(struct run_state *state)
{
    struct state_vector list[STATE_VECTORS];
    int count = run_state_list(state, list);
    for (int i = 0; i < count; i++)
        free(list[i].data);
}

static int setup(void **unused)
{
    (void)unused;
    const char *const lines[] = {
        "conv 5 kernel=3", "maxpool 2",      "relu",       "flatten", "linear 6", "gelu",
        "linear 9",        "linear classes", "logsoftmax", NULL};
    network_build(&model, lines, (struct shape){8, 7, 1}, 3, 4);
    return 0;
}

static int teardown(void **unused)
{
    (void)unused;
    model_release(&model);
    return 0;
}

static void test_list(void **unused)
{
    (void)unused;
    struct state_vector list[STATE_VECTORS];
    struct run_state state = make_state(true);
    assert_int_equal(run_state_list(&state, list), 4);
    assert_string_equal(list[0].group, "/weights");
    assert_string_equal(list[1].group, "/ema");
    assert_string_equal(list[3].group, "/optimizer/v");
    assert_ptr_equal(list[3].data, state.optim[1]);
    free(state.ema);
    state.ema = NULL;
    assert_int_equal(run_state_list(&state, list), 3);
    assert_string_equal(list[1].group, "/optimizer/m");
    state_release(&state);
}

/* The hash depends on every vector, on the order of the values, and on the step. */
static void test_hash(void **unused)
{
    (void)unused;
    struct run_state state = make_state(true);
    uint64_t hash = run_state_hash(&state, &model, 9);
    assert_true(hash == run_state_hash(&state, &model, 9));
    assert_true(hash != run_state_hash(&state, &model, 10));
    float *vectors[] = {state.params, state.ema, state.optim[0], state.optim[1]};
    for (int i = 0; i < 4; i++) {
        for (int u = 0; u < model.units; u++) {
            float *value = &vectors[i][model.unit[u].begin], kept = *value;
            *value = nextafterf(kept, 9);
            assert_true(run_state_hash(&state, &model, 9) != hash);
            *value = kept;
        }
    }
    assert_true(hash == run_state_hash(&state, &model, 9));
    state.optim[0] = vectors[3];
    state.optim[1] = vectors[2];
    assert_true(hash != run_state_hash(&state, &model, 9)); /* swapped */
    state_release(&state);
}

/* The state of a part of the model: ranges of the same memory. */
static struct run_state part_of(const struct run_state *state, const struct model *part)
{
    size_t begin = model.unit[part->unit_before].begin;
    struct run_state of = *state;
    of.params += begin;
    of.ema = state->ema ? state->ema + begin : NULL;
    for (int i = 0; i < of.optims; i++)
        of.optim[i] += begin;
    return of;
}

static void test_hash_of_parts(void **unused)
{
    (void)unused;
    struct run_state state = make_state(false);
    for (int cut = 1; cut < model.units; cut++) {
        uint64_t hashes[STATE_VECTORS * MODEL_LAYERS] = {0};
        for (int p = 0; p < 2; p++) {
            struct model part;
            model_part(&part, &model, p ? cut : 0, p ? model.units : cut);
            struct run_state mine = part_of(&state, &part);
            run_state_unit_hashes(&mine, &part, model.units, hashes);
            model_release(&part);
        }
        assert_true(run_state_join(hashes, (size_t)(3 * model.units), 7) ==
                    run_state_hash(&state, &model, 7));
    }
    state_release(&state);
}

/* Tensors given by parts and taken by other parts are those of the whole model. */
static void test_tensors_of_parts(void **unused)
{
    (void)unused;
    struct run_state from = make_state(true), to = make_state(true);
    float *values = mem_aligned(state_largest(&model), sizeof *values);
    for (int v = 0; v < 4; v++) {
        for (int l = 0; l < model.layers; l++) {
            struct model part;
            int unit = 0;
            while (model.unit[unit].layer_end <= l)
                unit++;
            model_part(&part, &model, unit, unit + 1);
            struct run_state mine = part_of(&from, &part);
            for (int t = 0; t < model.layer[l]->tensors; t++) {
                state_give(&part, &mine, (struct tensor_name){v, l, t}, values);
                state_take(&model, &to, (struct tensor_name){v, l, t}, values);
            }
            model_release(&part);
        }
    }
    struct state_vector a[STATE_VECTORS], b[STATE_VECTORS];
    run_state_list(&from, a);
    run_state_list(&to, b);
    for (int v = 0; v < 4; v++)
        for (int l = 0; l < model.layers; l++)
            for (int t = 0; t < model.layer[l]->tensors; t++) {
                const struct layer_tensor *tensor = &model.layer[l]->tensor[t];
                assert_memory_equal(a[v].data + tensor->offset,
                                    b[v].data + tensor->offset,
                                    tensor->count * sizeof(float));
            }
    free(values);
    state_release(&from);
    state_release(&to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_hash_of_parts),
        cmocka_unit_test(test_tensors_of_parts),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
