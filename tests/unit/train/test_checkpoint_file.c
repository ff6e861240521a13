/* A checkpoint as a file: its hash, files that are none, files that cannot be written. */
#include "checkpoint_run.h"

#include "io/h5file.h"

static void content_hash(const struct run *run, char hash[17])
{
    struct h5file *file;
    char *text;
    assert_int_equal(run_write(run, scratch_path("hash.h5")), ST_OK);
    assert_int_equal(h5file_open(&file, scratch_path("hash.h5")), ST_OK);
    assert_int_equal(h5file_get_text(file, "/", "content_hash", &text), ST_OK);
    assert_int_equal(strlen(text), 16);
    strcpy(hash, text);
    free(text);
    h5file_close(file);
}

/* The hash covers all attributes that a resume needs, and not what wrote the file. */
static void test_content_hash(void **state)
{
    (void)state;
    struct run run;
    char hash[17], other[17];
    run_init(&run, false);
    struct checkpoint_info *info = &run.info;
    char *bytes[32] = {(char *)info->mean,     (char *)info->std,
                       (char *)&info->state,   (char *)&info->data_hash,
                       (char *)&info->shape.h, (char *)&info->shape.w,
                       info->config,           info->class_name[2],
                       info->treatment,        (char *)&info->sample_weights_hash};
    int count = 10;
    for (size_t i = 0; i < sizeof info->progress / 8; i++)
        bytes[count++] = (char *)&info->progress + 8 * i;
    content_hash(&run, hash);
    for (int i = 0; i < count; i++) {
        *bytes[i] ^= 1;
        content_hash(&run, other);
        assert_string_not_equal(hash, other);
        *bytes[i] ^= 1;
    }
    info->mpi[0] = info->isa[0] = info->blas[0] = info->lockstep[0] = 'x';
    content_hash(&run, other);
    assert_string_equal(hash, other);
    run_release(&run);
}

static void test_other_files(void **state)
{
    (void)state;
    struct checkpoint_info info;
    struct metrics metrics;
    metrics_init(&metrics, 2);
    assert_int_equal(metrics_save(&metrics, scratch_path("metrics.h5")), ST_OK);
    metrics_release(&metrics);
    assert_int_equal(checkpoint_read_info(scratch_path("metrics.h5"), &info), ST_FAIL);
    expect_said("metrics.h5' is the metrics of a run, not a checkpoint");
    assert_int_equal(checkpoint_read_info(scratch_path("none.h5"), &info), ST_FAIL);
    expect_said("none.h5'");
    scratch_write("text.h5", "hello", 5);
    assert_int_equal(checkpoint_read_info(scratch_path("text.h5"), &info), ST_FAIL);
    expect_said("text.h5'");
}

/* A checkpoint that cannot be written leaves the previous one, and no other file. */
static void test_write_fails(void **state)
{
    (void)state;
    struct run run;
    run_init(&run, false);
    assert_int_equal(run_write(&run, scratch_path("no/such/folder.h5")), ST_FAIL);
    expect_said("no/such/folder.h5");
    run_release(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_content_hash),
        cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_write_fails),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
