#include "../scratch.h"

#include "app/network.h"

static void expect_found(const char *path, const char *expected)
{
    char found[FS_PATH];
    assert_int_equal(network_find(found, scratch_path(path)), ST_OK);
    assert_string_equal(found, scratch_path(expected));
}

/* A run's best checkpoint, or the newest if it keeps no best; a file is taken as it is.
 */
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

/* What cannot be opened is said once, and leaves nothing to close. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_open_fails),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
