#include "../scratch.h"

#include <unistd.h>

#include "app/run/network.h"
#include "base/mem.h"

static void expect_found(const char *path, const char *expected)
{
    char found[FS_PATH];
    assert_int_equal(network_find(found, scratch_path(path)), ST_OK);
    assert_string_equal(found, scratch_path(expected));
}

/* Of a run the best checkpoint, or the newest if it keeps no best; a file means
   itself. */
static void test_find(void **state)
{
    (void)state;
    char found[FS_PATH];
    assert_int_equal(fs_make_folder(scratch_path("run/checkpoints")), ST_OK);
    assert_int_equal(network_find(found, scratch_path("run")), ST_FAIL);
    expect_said("run' holds no checkpoint");
    scratch_write("run/checkpoints/step-000000000009.h5", "x", 1);
    scratch_write("run/checkpoints/step-000000000010.h5", "x", 1);
    scratch_write("run/checkpoints/step-000000000011.h5.tmp.node.1", "x", 1);
    expect_found("run", "run/checkpoints/step-000000000010.h5");
    scratch_write("run/checkpoints/best.h5", "x", 1);
    expect_found("run", "run/checkpoints/best.h5");
    expect_found("run/checkpoints/step-000000000009.h5",
                 "run/checkpoints/step-000000000009.h5");
    assert_int_equal(fs_make_folder(scratch_path("empty")), ST_OK);
    assert_int_equal(network_find(found, scratch_path("empty")), ST_FAIL);
    expect_said("empty' holds no checkpoint");
}

/* A failure is reported once, and leaves nothing to close. */
static void test_open_fails(void **state)
{
    (void)state;
    struct network network;
    assert_int_equal(network_open(&network, scratch_path("none.h5")), ST_FAIL);
    expect_said("none.h5'");
    assert_null(network.params);
    const char *text = scratch_write("text.h5", "hello", 5);
    assert_int_equal(network_open(&network, text), ST_FAIL);
    expect_said("text.h5'");
}

#define PLAIN "[model]\nlayer = flatten\nlayer = linear classes\nlayer = logsoftmax\n"

/* A checkpoint of a network for 2 classes, with an arbitrary config. */
static const char *write_checkpoint(char *config, int h, int w)
{
    const char *path = scratch_path("a.h5");
    char one[] = "cat", two[] = "dog", text[] = "x";
    struct config plain;
    struct model model;
    struct metrics metrics;
    config_init(&plain);
    assert_int_equal(config_parse(&plain, PLAIN, "plain"), ST_OK);
    assert_int_equal(model_init(&model, &plain.model, (struct shape){4, 3, 1}, 2, 4),
                     ST_OK);
    metrics_init(&metrics, 2);
    struct run_state state = {.params = mem_aligned(model.params, sizeof(float))};
    const struct checkpoint_info info = {
        .config = config,
        .class_name = (char *[]){one, two},
        .classes = 2,
        .shape = {h, w, 1},
        .std = {1},
        .treatment = (char[]){""},
        .decoder = (char[]){""},
        .lockstep = text,
        .mpi = text,
        .blas = text,
        .isa = text,
        .bits = text,
        .plan = text,
    };
    struct state_store store = {&model, &state};
    struct state_stream from = state_stream_of(&store);
    assert_int_equal(checkpoint_write(path, &info, &model, &state, &from, &metrics),
                     ST_OK);
    free(state.params);
    metrics_release(&metrics);
    model_release(&model);
    config_release(&plain);
    return path;
}

static void refuse(const char *lines, int h, int w, const char *message)
{
    struct network network;
    char *config = mem_format("[model]\n%s", lines);
    assert_int_equal(network_open(&network, write_checkpoint(config, h, w)) == ST_OK,
                     false);
    expect_said(message);
    assert_null(network.params);
    free(config);
}

/* No memory is allocated for sizes that a checkpoint only claims. */
static void test_hostile_sizes(void **state)
{
    (void)state;
    struct network network;
    char config[] = PLAIN;
    assert_int_equal(network_open(&network, write_checkpoint(config, 4, 3)), ST_OK);
    assert_int_equal(model_param_count(&network.model), 26);
    network_close(&network);
    refuse("layer = flatten\nlayer = linear 100000\nlayer = linear classes\n"
           "layer = logsoftmax\n",
           4, 3, "a.h5' is damaged: it is too short for the 1500002 parameters");
    refuse("layer = flatten\nlayer = linear 1048576\nlayer = linear 1048576\n"
           "layer = linear classes\nlayer = logsoftmax\n",
           4, 3, "TB for a grain of 32 samples, a process may have ");
    refuse("layer = conv 1 kernel=3\nlayer = logsoftmax\n", 0, 3,
           "a.h5' is damaged: it says that it takes images of 0 x 3 pixels");
    refuse("layer = conv 1 kernel=3\nlayer = logsoftmax\n", 4, 40000,
           "images of 4 x 40000 pixels and 1 channels and knows 2 classes");
}

/* network_describe does not look at the arrays, network_check at all of them; neither
   keeps any. */
static void test_without_weights(void **state)
{
    (void)state;
    struct network network;
    char config[] = PLAIN;
    const char *path = write_checkpoint(config, 4, 3);
    assert_int_equal(network_describe(&network, path), ST_OK);
    assert_string_equal(network.checkpoint, path);
    assert_int_equal(model_param_count(&network.model), 26);
    assert_null(network.params);
    network_close(&network);
    assert_int_equal(network_check(&network, path), ST_OK);
    assert_int_equal(network.averaged, false);
    assert_null(network.params);
    network_close(&network);
    char wider[] = "[model]\nlayer = flatten\nlayer = linear 3\nlayer = linear classes\n"
                   "layer = logsoftmax\n";
    path = write_checkpoint(wider, 4, 3);
    assert_int_equal(network_describe(&network, path), ST_OK);
    network_close(&network);
    assert_int_equal(network_check(&network, path), ST_FAIL);
    expect_said("a.h5' is of another network: '/weights/linear1/weight' is 2x12 there");
    assert_null(network.params);
}

/* The file is long enough, because most of it is a hole. */
static void test_huge_array(void **state)
{
    (void)state;
    struct network network;
    char config[] =
        "[model]\nlayer = flatten\nlayer = linear 1048576\n"
        "layer = linear 1048576\nlayer = linear classes\nlayer = logsoftmax\n";
    const char *path = write_checkpoint(config, 4, 3);
    assert_int_equal(truncate(path, (off_t)2 << 40), 0);
    assert_int_equal(network_describe(&network, path), ST_FAIL);
    expect_said("a.h5' has an array of 4.40 TB, a process may have ");
    assert_int_equal(network_check(&network, path), ST_FAIL);
    expect_said("a.h5' has an array of 4.40 TB, a process may have ");
}

/* Of two classes of one name, none is the one that a data set means. */
static void test_equal_names(void **state)
{
    (void)state;
    struct network network;
    struct loader_match match;
    char config[] = PLAIN, path[] = "data.h5", cat[] = "cat", dog[] = "dog";
    char *names[] = {dog, cat};
    const struct dataset data = {.info = {.path = path,
                                          .shape = {4, 3, 1},
                                          .classes = 2,
                                          .class_name = names,
                                          .count = {[DATASET_TEST] = 1}}};
    assert_int_equal(network_describe(&network, write_checkpoint(config, 4, 3)), ST_OK);
    assert_int_equal(network_match(&network, "a.h5", &data, DATASET_TEST, &match), ST_OK);
    assert_true(match.class_of[0] == 1 && match.class_of[1] == 0);
    network_match_release(&match);
    strcpy(network.info.class_name[1], "cat");
    strcpy(dog, "cat");
    assert_int_equal(network_match(&network, "a.h5", &data, DATASET_TEST, &match),
                     ST_USAGE);
    expect_said("'a.h5' has several classes named 'cat', which cannot be told apart");
    network_match_release(&match);
    network_close(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),          cmocka_unit_test(test_open_fails),
        cmocka_unit_test(test_hostile_sizes), cmocka_unit_test(test_without_weights),
        cmocka_unit_test(test_huge_array),    cmocka_unit_test(test_equal_names),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
