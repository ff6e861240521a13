/* A checkpoint is read exactly as it was written, or refused. */
#include "checkpoint_run.h"

static enum status read_weights(const struct model *model, const char *path,
                                float *params, bool *averaged)
{
    const struct run_state weights = {.params = params};
    struct state_store store = {model, &weights};
    struct state_stream to = state_stream_of(&store);
    bool same;
    enum status st = checkpoint_read_weights(path, model, NULL, &same); /* verifies */
    scratch_said();
    assert_int_equal(checkpoint_read_weights(path, model, &to, averaged), st);
    assert_true(st != ST_OK || same == *averaged);
    return st;
}

/* A state of the same shapes with other values, to be overwritten. */
static void state_like(const struct run *run, struct run_state *state)
{
    *state = run->state;
    state->params = draw(&run->model, 10);
    state->ema = run->state.ema ? draw(&run->model, 11) : NULL;
    for (int i = 0; i < state->optims; i++)
        state->optim[i] = draw(&run->model, (uint32_t)(12 + i));
}

static bool same_state(const struct run *run, const struct run_state *state)
{
    size_t bytes = run->model.params * sizeof(float);
    bool same = memcmp(state->params, run->state.params, bytes) == 0;
    if (run->state.ema)
        same = same && memcmp(state->ema, run->state.ema, bytes) == 0;
    for (int i = 0; i < state->optims; i++)
        same = same && memcmp(state->optim[i], run->state.optim[i], bytes) == 0;
    return same;
}

static bool same_info(const struct checkpoint_info *a, const struct checkpoint_info *b)
{
    bool same = a->classes == b->classes && a->shape.h == b->shape.h &&
                a->shape.w == b->shape.w && a->shape.c == b->shape.c &&
                memcmp(a->mean, b->mean, sizeof a->mean) == 0 &&
                memcmp(a->std, b->std, sizeof a->std) == 0 &&
                strcmp(a->treatment, b->treatment) == 0 && a->data_hash == b->data_hash &&
                a->sample_weights_hash == b->sample_weights_hash &&
                a->state == b->state && strcmp(a->config, b->config) == 0;
    for (int i = 0; same && i < a->classes; i++)
        same = strcmp(a->class_name[i], b->class_name[i]) == 0;
    return same && memcmp(&a->progress, &b->progress, sizeof a->progress) == 0;
}

/* *same: everything is as it was written. */
static enum status read_back(const struct run *run, const char *path, bool *same)
{
    struct run_state state;
    struct metrics metrics;
    struct checkpoint_info info;
    state_like(run, &state);
    metrics_init(&metrics, 3);
    struct state_store store = {&run->model, &state};
    struct state_stream to = state_stream_of(&store);
    enum status st = checkpoint_read(path, &run->model, &state, &to, &metrics, &info);
    *same = st == ST_OK && same_state(run, &state) && same_info(&run->info, &info) &&
            metrics.trains == 1 && metrics.evals == 1 && metrics.confusion[8] == 9 &&
            memcmp(metrics.train, run->metrics.train, sizeof *metrics.train) == 0;
    state_release(&state);
    metrics_release(&metrics);
    checkpoint_info_release(&info);
    return st;
}

static void test_round_trip(void **state)
{
    (void)state;
    for (int ema = 0; ema <= 1; ema++) {
        struct run run;
        bool same;
        run_init(&run, ema);
        const char *path = scratch_path("whole.h5");
        assert_int_equal(run_write(&run, path), ST_OK);
        assert_int_equal(read_back(&run, path, &same), ST_OK);
        assert_true(same);
        struct checkpoint_info info;
        assert_int_equal(checkpoint_read_info(path, &info), ST_OK);
        assert_true(same_info(&run.info, &info));
        assert_string_equal(info.mpi, "Open MPI 4.1.4");
        assert_string_equal(info.lockstep, "0.1.0 (abc)");
        assert_string_equal(info.blas, "OpenBLAS");
        assert_string_equal(info.isa, "v4");
        checkpoint_info_release(&info);
        run_release(&run);
    }
}

/* The weights to compute with are the averaged ones if there are any. */
static void test_weights(void **state)
{
    (void)state;
    for (int ema = 0; ema <= 1; ema++) {
        struct run run;
        bool averaged = !ema;
        run_init(&run, ema);
        assert_int_equal(run_write(&run, scratch_path("weights.h5")), ST_OK);
        float *params = mem_aligned(run.model.params, sizeof *params);
        assert_int_equal(
            read_weights(&run.model, scratch_path("weights.h5"), params, &averaged),
            ST_OK);
        assert_int_equal(averaged, ema);
        assert_memory_equal(params, ema ? run.state.ema : run.state.params,
                            run.model.params * sizeof *params);
        free(params);
        run_release(&run);
    }
}

/* --- damage --- */

/* The offset in a file's content at which `data` stands. */
static size_t place_of(const char *text, size_t size, const void *data, size_t bytes)
{
    char *at = memmem(text, size, data, bytes);
    assert_non_null(at);
    return (size_t)(at - text);
}

static void refuse_flipped(const struct run *run, const char *text, size_t size,
                           const void *data, size_t bytes, const char *message)
{
    char *copy = mem_zeroed(size, 1);
    bool same;
    memcpy(copy, text, size);
    copy[place_of(text, size, data, bytes) + bytes / 2] ^= 1;
    const char *path = scratch_write("damaged.h5", copy, size);
    assert_int_equal(read_back(run, path, &same), ST_FAIL);
    expect_said(message);
    float *params = mem_aligned(run->model.params, sizeof *params);
    assert_int_equal(read_weights(&run->model, path, params, &same), ST_FAIL);
    expect_said(message);
    free(params);
    free(copy);
}

static const struct layer_tensor *tensor_of(const struct model *model, const char *layer,
                                            int t)
{
    for (int l = 0; l < model->layers; l++)
        if (strcmp(model->layer[l]->name, layer) == 0)
            return &model->layer[l]->tensor[t];
    fail_msg("no layer '%s'", layer);
    return NULL;
}

/* One bit, in weights, averages, optimizer state, history and progress. */
static void test_damaged_bit(void **state)
{
    (void)state;
    struct run run;
    size_t size;
    run_init(&run, true);
    assert_int_equal(run_write(&run, scratch_path("whole.h5")), ST_OK);
    char *text = scratch_read(scratch_path("whole.h5"), &size);
    const struct layer_tensor *bias = tensor_of(&run.model, "linear1", 1);
    size_t bytes = bias->count * sizeof(float);
    const char *content = "damaged.h5' is damaged: its content does not match its hash";
    const char *refused = "damaged.h5'"; /* HDF5 finds damaged attributes by itself */
    refuse_flipped(&run, text, size, run.state.params + bias->offset, bytes, content);
    refuse_flipped(&run, text, size, run.state.ema + bias->offset, bytes, content);
    refuse_flipped(&run, text, size, run.state.optim[1] + bias->offset, bytes, content);
    refuse_flipped(&run, text, size, run.metrics.confusion, 36, content);
    refuse_flipped(&run, text, size, &run.info.progress.best_score, 8, refused);
    refuse_flipped(&run, text, size, &run.info.progress.step, 8, refused);
    refuse_flipped(&run, text, size, run.info.mean, 8, refused);
    refuse_flipped(&run, text, size, "epochs = 3", 10, refused);
    free(text);
    run_release(&run);
}

static void test_truncated(void **state)
{
    (void)state;
    struct run run;
    size_t size;
    bool same;
    run_init(&run, true);
    assert_int_equal(run_write(&run, scratch_path("whole.h5")), ST_OK);
    char *text = scratch_read(scratch_path("whole.h5"), &size);
    for (size_t part = 0; part < size; part += size / 13) {
        const char *path = scratch_write("damaged.h5", text, part);
        assert_int_equal(read_back(&run, path, &same), ST_FAIL);
        expect_said("damaged.h5'");
    }
    free(text);
    run_release(&run);
}

/* --- other networks --- */

static void refuse_for(const char *const *lines, const char *difference)
{
    struct run other = {0};
    bool same;
    model_of(&other.model, lines);
    other.state = (struct run_state){.params = draw(&other.model, 0)};
    assert_int_equal(read_back(&other, scratch_path("whole.h5"), &same), ST_FAIL);
    expect_said(difference);
    bool averaged;
    assert_int_equal(read_weights(&other.model, scratch_path("whole.h5"),
                                  other.state.params, &averaged),
                     ST_FAIL);
    expect_said("is of another network");
    free(other.state.params);
    model_release(&other.model);
}

static void test_other_network(void **state)
{
    (void)state;
    struct run run;
    run_init(&run, false);
    assert_int_equal(run_write(&run, scratch_path("whole.h5")), ST_OK);
    run_release(&run);
    refuse_for((const char *const[]){"conv 5 kernel=2", "maxpool 2", "relu", "flatten",
                                     "linear 6", "gelu", "linear classes", "logsoftmax",
                                     NULL},
               "'/weights/conv1/weight' is 5x1x3x3 there and 5x1x2x2 here");
    refuse_for((const char *const[]){"conv 5 kernel=3", "maxpool 2", "relu", "flatten",
                                     "linear 7", "gelu", "linear classes", "logsoftmax",
                                     NULL},
               "'/weights/linear1/weight' is 6x30 there and 7x30 here");
    refuse_for((const char *const[]){"flatten", "linear 6", "linear classes",
                                     "logsoftmax", NULL},
               "is of another network: '/weights' has 3 layers there and 2 here");
    refuse_for((const char *const[]){"conv 5 kernel=3", "maxpool 2", "flatten",
                                     "linear 6", "linear 6", "linear classes",
                                     "logsoftmax", NULL},
               "'/weights/linear2/weight' is 3x6 there and 6x6 here");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_weights),
        cmocka_unit_test(test_damaged_bit),   cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_other_network),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
