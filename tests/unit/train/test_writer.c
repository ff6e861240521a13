#include "../scratch.h"

#include "base/mem.h"
#include "train/writer.h"

static struct model model;
static struct run_state state;
static struct metrics metrics;
static char *class_name[2];

static void make_state(void)
{
    struct model_spec spec = {0};
    model_spec_add(&spec, "flatten", "spec:1");
    model_spec_add(&spec, "linear classes", "spec:2");
    model_spec_add(&spec, "logsoftmax", "spec:3");
    assert_int_equal(model_init(&model, &spec, (struct shape){4, 4, 1}, 2, 4), ST_OK);
    model_spec_release(&spec);
    state.params = mem_aligned(model.params, sizeof(float));
    state.ema = mem_aligned(model.params, sizeof(float));
    state.optims = 1;
    state.optim_name[0] = "momentum";
    state.optim[0] = mem_aligned(model.params, sizeof(float));
    metrics_init(&metrics, 2);
    class_name[0] = mem_strdup("A");
    class_name[1] = mem_strdup("B");
}

/* Puts the state of `step`, whose number is the first weight. */
static void put(struct writer *writer, unsigned what, uint64_t step)
{
    static char text[] = "";
    struct checkpoint_info info = {
        .config = text,
        .lockstep = text,
        .mpi = text,
        .blas = text,
        .isa = text,
        .bits = text,
        .plan = text,
        .class_name = class_name,
        .classes = 2,
        .shape = {4, 4, 1},
        .treatment = (char[]){""},
        .decoder = (char[]){""},
        .progress = {.step = step},
    };
    const struct layer_tensor *bias = &model.layer[1]->tensor[1];
    state.params[bias->offset] = state.ema[bias->offset] = (float)step;
    writer_put(writer, what, &info, &state, &metrics);
    state.params[bias->offset] = -1; /* training continues at once */
}

static struct writer *make(const char *folder, int keep)
{
    const struct writer_setup setup = {.model = &model, .folder = folder, .keep = keep};
    return writer_create(&setup, &state);
}

/* The file holds the state of `step`. */
static void expect_state(const char *folder, const char *name, uint64_t step)
{
    char path[FS_PATH];
    bool averaged;
    float *params = mem_aligned(model.params, sizeof *params);
    struct checkpoint_info info;
    char checkpoints[FS_PATH];
    assert_int_equal(fs_join(checkpoints, folder, "checkpoints"), ST_OK);
    assert_int_equal(fs_join(path, checkpoints, name), ST_OK);
    assert_int_equal(checkpoint_read_info(path, &info), ST_OK);
    assert_int_equal(info.progress.step, step);
    checkpoint_info_release(&info);
    const struct run_state weights = {.params = params};
    struct state_store store = {&model, &weights};
    struct state_stream to = state_stream_of(&store);
    assert_int_equal(checkpoint_read_weights(path, &model, &to, &averaged), ST_OK);
    assert_true(averaged);
    assert_true(params[model.layer[1]->tensor[1].offset] == (float)step);
    free(params);
}

static bool there(const char *folder, const char *name)
{
    char path[FS_PATH];
    return fs_join(path, folder, name) == ST_OK && fs_is_file(path);
}

static void test_writes_copies(void **unused)
{
    (void)unused;
    char folder[FS_PATH];
    snprintf(folder, sizeof folder, "%s", scratch_path("run"));
    struct writer *writer = make(folder, 2);
    for (uint64_t step = 1; step <= 20; step++)
        put(writer, step == 7 ? WRITER_STEP | WRITER_BEST : WRITER_STEP, step);
    assert_int_equal(writer_wait(writer), ST_OK);
    assert_true(writer_idle(writer));
    assert_true(writer_slowest(writer) > 0);
    expect_state(folder, "step-000000000020.h5", 20);
    expect_state(folder, "step-000000000019.h5", 19);
    expect_state(folder, "best.h5", 7);
    assert_false(there(folder, "checkpoints/step-000000000018.h5"));
    put(writer, WRITER_BEST, 21);
    put(writer, 0, 22);
    writer_free(writer); /* writes what was put */
    expect_state(folder, "best.h5", 21);
    assert_false(there(folder, "checkpoints/step-000000000021.h5"));
    assert_true(there(folder, "metrics.h5"));
}

/* There is one note when writing begins to fail, and one when it works again. */
static void test_trouble_passes(void **unused)
{
    (void)unused;
    char folder[FS_PATH];
    snprintf(folder, sizeof folder, "%s", scratch_write("busy", "a file", 6));
    struct writer *writer = make(folder, 9);
    scratch_said();
    put(writer, WRITER_STEP | WRITER_BEST, 1);
    put(writer, WRITER_STEP, 2);
    put(writer, 0, 3);
    assert_int_equal(writer_wait(writer), ST_FAIL);
    expect_lines(2, "step 1: ", "the last state is not saved (");
    assert_int_equal(unlink(folder), 0);
    put(writer, 0, 4);
    assert_int_equal(writer_wait(writer), ST_FAIL); /* only metrics.h5 was written */
    scratch_said();
    put(writer, WRITER_STEP, 5);
    assert_int_equal(writer_wait(writer), ST_OK);
    expect_lines(1, "step 5: checkpoints are written again", NULL);
    expect_state(folder, "step-000000000005.h5", 5);
    expect_state(folder, "best.h5", 1); /* was kept */
    writer_free(writer);
}

/* Of two best states that could not be written, the newer one is kept. */
static void test_newer_best(void **unused)
{
    (void)unused;
    char folder[FS_PATH];
    snprintf(folder, sizeof folder, "%s", scratch_write("again", "a file", 6));
    struct writer *writer = make(folder, 9);
    put(writer, WRITER_BEST, 1);
    put(writer, WRITER_BEST, 2);
    assert_int_equal(writer_wait(writer), ST_FAIL);
    assert_int_equal(unlink(folder), 0);
    put(writer, WRITER_STEP, 3);
    assert_int_equal(writer_wait(writer), ST_OK);
    expect_state(folder, "best.h5", 2);
    writer_free(writer);
}

/* A folder that is deleted is made again, with the lock. */
static void test_folder_comes_back(void **unused)
{
    (void)unused;
    char folder[FS_PATH], moved[FS_PATH], path[FS_PATH];
    struct lockfile lock;
    snprintf(folder, sizeof folder, "%s", scratch_path("gone"));
    snprintf(moved, sizeof moved, "%s", scratch_path("moved"));
    assert_int_equal(fs_join(path, folder, "lock"), ST_OK);
    assert_int_equal(fs_make_folder(folder), ST_OK);
    assert_int_equal(lockfile_take(&lock, path, folder, 0), ST_OK);
    const struct writer_setup setup = {
        .model = &model, .folder = folder, .lock = &lock, .keep = 9};
    struct writer *writer = writer_create(&setup, &state);
    put(writer, WRITER_STEP, 1);
    assert_int_equal(writer_wait(writer), ST_OK);
    assert_int_equal(rename(folder, moved), 0);
    put(writer, WRITER_STEP, 2);
    assert_int_equal(writer_wait(writer), ST_OK);
    expect_state(folder, "step-000000000002.h5", 2);
    expect_state(moved, "step-000000000001.h5", 1);
    assert_true(there(folder, "lock"));
    writer_free(writer);
    lockfile_release(&lock);
    assert_false(there(folder, "lock"));
}

/* A streamed state is written before writer_put returns. */
static void test_streams(void **unused)
{
    (void)unused;
    char folder[FS_PATH];
    snprintf(folder, sizeof folder, "%s", scratch_path("streamed"));
    struct state_store store = {&model, &state};
    struct state_stream stream = state_stream_of(&store);
    const struct writer_setup setup = {
        .model = &model, .folder = folder, .keep = 9, .stream = &stream};
    struct writer *writer = writer_create(&setup, &state);
    put(writer, WRITER_STEP | WRITER_BEST, 1);
    assert_true(writer_idle(writer));
    expect_state(folder, "step-000000000001.h5", 1);
    expect_state(folder, "best.h5", 1);
    char path[FS_PATH];
    assert_int_equal(fs_join(path, folder, "metrics.h5"), ST_OK);
    assert_int_equal(unlink(path), 0);
    put(writer, 0, 2); /* metrics only: the thread writes them */
    assert_int_equal(writer_wait(writer), ST_OK);
    assert_true(there(folder, "metrics.h5"));
    writer_free(writer);
}

/* A streamed best state that cannot be written is lost: there is no copy. */
static void test_stream_fails(void **unused)
{
    (void)unused;
    char folder[FS_PATH];
    snprintf(folder, sizeof folder, "%s", scratch_write("blocked", "a file", 6));
    struct state_store store = {&model, &state};
    struct state_stream stream = state_stream_of(&store);
    const struct writer_setup setup = {
        .model = &model, .folder = folder, .keep = 9, .stream = &stream};
    struct writer *writer = writer_create(&setup, &state);
    put(writer, WRITER_BEST, 1);
    assert_int_equal(unlink(folder), 0);
    put(writer, WRITER_STEP, 2);
    scratch_said();
    assert_int_equal(writer_wait(writer), ST_FAIL);
    expect_lines(1, "the best state, of step 1, is not saved (", NULL);
    expect_state(folder, "step-000000000002.h5", 2);
    assert_false(there(folder, "checkpoints/best.h5"));
    put(writer, WRITER_BEST, 3);
    assert_int_equal(writer_wait(writer), ST_OK);
    expect_state(folder, "best.h5", 3);
    writer_free(writer);
}

static int setup_all(void **unused)
{
    int bad = scratch_setup(unused);
    make_state();
    return bad;
}

static int teardown_all(void **unused)
{
    free(state.params);
    free(state.ema);
    free(state.optim[0]);
    free(class_name[0]);
    free(class_name[1]);
    metrics_release(&metrics);
    model_release(&model);
    return scratch_teardown(unused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes_copies), cmocka_unit_test(test_trouble_passes),
        cmocka_unit_test(test_newer_best),    cmocka_unit_test(test_folder_comes_back),
        cmocka_unit_test(test_streams),       cmocka_unit_test(test_stream_fails),
    };
    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
