/* TFRecord framing and TensorBoard's event files. tests/peers/tensorboard.bats reads them
   with TensorBoard's own reader. */
#include "../scratch.h"

#include <signal.h>
#include <sys/resource.h>
#include <tensorboard.pb-c.h>

#include "io/tfevents.h"
#include "io/tfrecord.h"

/* RFC 3720, B.4, and the usual check value. */
static void test_crc32c(void **state)
{
    (void)state;
    uint8_t bytes[32] = {0};
    assert_int_equal(tfrecord_crc32c("", 0), 0);
    assert_int_equal(tfrecord_crc32c("123456789", 9), 0xe3069283u);
    assert_int_equal(tfrecord_crc32c(bytes, 32), 0x8a9136aau);
    memset(bytes, 0xff, 32);
    assert_int_equal(tfrecord_crc32c(bytes, 32), 0x62a8ab43u);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(tfrecord_crc32c(bytes, 32), 0x46dd794eu);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)(31 - i);
    assert_int_equal(tfrecord_crc32c(bytes, 32), 0x113fdb5cu);
}

static void test_frame(void **state)
{
    (void)state;
    uint8_t record[TFRECORD_HEAD + 9 + TFRECORD_TAIL];
    static const uint8_t length[8] = {9};
    uint32_t crc;
    assert_int_equal(tfrecord_mask(0), 0xa282ead8u);
    assert_int_equal(tfrecord_mask(0x00008000u), 0xa282ead9u);
    memcpy(record + TFRECORD_HEAD, "123456789", 9);
    tfrecord_frame(record, 9);
    assert_memory_equal(record, length, 8);
    memcpy(&crc, record + 8, 4);
    assert_int_equal(crc, tfrecord_mask(tfrecord_crc32c(length, 8)));
    assert_memory_equal(record + TFRECORD_HEAD, "123456789", 9);
    memcpy(&crc, record + TFRECORD_HEAD + 9, 4);
    assert_int_equal(crc, tfrecord_mask(0xe3069283u));
}

/* --- files --- */

enum { EVENTS = 16 };
static Tensorboard__Event *event[EVENTS];
static int events;
static size_t file_bytes;

static void forget(void)
{
    for (int i = 0; i < events; i++)
        tensorboard__event__free_unpacked(event[i], NULL);
    events = 0;
}

/* The only file of a folder, or its i-th; its events. */
static void read_events(const char *folder, int index, int files)
{
    char path[FS_PATH], **name;
    size_t bytes, at = 0;
    int count;
    forget();
    assert_int_equal(fs_list(folder, &name, &count), ST_OK);
    assert_int_equal(count, files);
    assert_int_equal(fs_join(path, folder, name[index]), ST_OK);
    assert_int_equal(strncmp(name[index], "events.out.tfevents.", 20), 0);
    fs_free_list(name, count);
    uint8_t *data = scratch_read(path, &bytes);
    file_bytes = bytes;
    while (at < bytes) {
        uint64_t length;
        assert_true(events < EVENTS && bytes - at > TFRECORD_HEAD);
        memcpy(&length, data + at, 8);
        assert_true(length <= bytes - at - TFRECORD_HEAD - TFRECORD_TAIL);
        uint8_t *again = malloc(TFRECORD_HEAD + length + TFRECORD_TAIL);
        memcpy(again + TFRECORD_HEAD, data + at + TFRECORD_HEAD, length);
        tfrecord_frame(again, length);
        assert_memory_equal(again, data + at, TFRECORD_HEAD + length + TFRECORD_TAIL);
        event[events] = tensorboard__event__unpack(NULL, length, again + TFRECORD_HEAD);
        assert_non_null(event[events++]);
        free(again);
        at += TFRECORD_HEAD + length + TFRECORD_TAIL;
    }
    free(data);
}

static void expect_begin(uint64_t step)
{
    assert_true(events >= 2);
    assert_int_equal(event[0]->what_case, TENSORBOARD__EVENT__WHAT_FILE_VERSION);
    assert_string_equal(event[0]->file_version, "brain.Event:2");
    assert_true(event[0]->wall_time > 1e9);
    assert_int_equal(event[1]->what_case, TENSORBOARD__EVENT__WHAT_SESSION_LOG);
    assert_int_equal(event[1]->session_log->status,
                     TENSORBOARD__SESSION_LOG__SESSION_STATUS__START);
    assert_int_equal(event[1]->step, step);
}

static void test_scalars(void **state)
{
    (void)state;
    const char *folder = scratch_path("scalars");
    const struct tfevents_scalar scalars[] = {{"loss", 0.5}, {"accuracy", 0}};
    struct tfevents *file;
    assert_int_equal(tfevents_create(&file, folder, 0), ST_OK);
    assert_int_equal(tfevents_scalars(file, 7, scalars, 2), ST_OK);
    tfevents_close(file);
    read_events(folder, 0, 1);
    assert_int_equal(events, 3);
    expect_begin(0);
    assert_int_equal(event[2]->step, 7);
    assert_int_equal(event[2]->summary->n_value, 2);
    const Tensorboard__Summary__Value *value = event[2]->summary->value[1];
    assert_string_equal(value->tag, "accuracy");
    assert_int_equal(value->value_case,
                     TENSORBOARD__SUMMARY__VALUE__VALUE_SIMPLE_VALUE); /* though 0 */
    assert_true(event[2]->summary->value[0]->simple_value == 0.5f);
    forget();
}

/* A run that goes on has a file of its own, which is read last, whatever the clocks. */
static void test_next_file(void **state)
{
    (void)state;
    const char *folder = scratch_path("twice");
    struct tfevents *file;
    assert_int_equal(fs_make_folder(folder), ST_OK);
    assert_int_equal(tfevents_create(&file, folder, 0), ST_OK);
    tfevents_close(file);
    scratch_write("twice/events.out.tfevents.9999999998.host.1.0", "", 0);
    assert_int_equal(tfevents_create(&file, folder, 21), ST_OK);
    tfevents_close(file);
    read_events(folder, 2, 3);
    expect_begin(21);
    forget();
}

static void test_picture(void **state)
{
    (void)state;
    const char *folder = scratch_path("picture");
    static const uint8_t png[] = {1, 0, 2};
    const struct tfevents_image image = {"confusion", png, 3, 20, 30, 3};
    struct tfevents *file;
    assert_int_equal(tfevents_create(&file, folder, 0), ST_OK);
    assert_int_equal(tfevents_picture(file, 9, &image), ST_OK);
    tfevents_close(file);
    read_events(folder, 0, 1);
    const Tensorboard__Summary__Image *found = event[2]->summary->value[0]->image;
    assert_int_equal(found->height, 20);
    assert_int_equal(found->width, 30);
    assert_int_equal(found->colorspace, 3);
    assert_int_equal(found->encoded_image_string.len, 3);
    assert_memory_equal(found->encoded_image_string.data, png, 3);
    forget();
}

static void test_session(void **state)
{
    (void)state;
    const char *folder = scratch_path("session");
    static const char *const metrics[] = {"val/loss"};
    const struct tfevents_parameter parameters[] = {
        {.name = "optim.kind", .kind = TFEVENTS_TEXT, .text = "sgd"},
        {.name = "optim.lr", .kind = TFEVENTS_NUMBER, .number = 0.05},
        {.name = "optim.nesterov", .kind = TFEVENTS_FLAG, .flag = true},
    };
    struct tfevents *file;
    assert_int_equal(tfevents_create(&file, folder, 0), ST_OK);
    assert_int_equal(tfevents_session(file, parameters, 3, metrics, 1), ST_OK);
    assert_int_equal(tfevents_session_end(file, 5, true), ST_OK);
    tfevents_close(file);
    read_events(folder, 0, 1);
    assert_int_equal(events, 5);
    const Tensorboard__Summary__Value *value = event[3]->summary->value[0];
    const ProtobufCBinaryData *content = &value->metadata->plugin_data->content;
    assert_string_equal(value->tag, "_hparams_/session_start_info");
    assert_string_equal(value->metadata->plugin_data->plugin_name, "hparams");
    Tensorboard__HParamsPluginData *data =
        tensorboard__hparams_plugin_data__unpack(NULL, content->len, content->data);
    assert_non_null(data);
    assert_int_equal(data->session_start_info->n_hparams, 3);
    Tensorboard__HParam **entry = data->session_start_info->hparams;
    assert_string_equal(entry[0]->key, "optim.kind");
    assert_string_equal(entry[0]->value->string_value, "sgd");
    assert_true(entry[1]->value->number_value == 0.05);
    assert_true(entry[2]->value->bool_value);
    tensorboard__hparams_plugin_data__free_unpacked(data, NULL);
    assert_string_equal(event[2]->summary->value[0]->tag, "_hparams_/experiment");
    assert_string_equal(event[4]->summary->value[0]->tag, "_hparams_/session_end_info");
    forget();
}

/* After a failed write the file ends with its last whole record, and grows again
   later. */
static void test_full_disk(void **state)
{
    (void)state;
    const char *folder = scratch_path("full");
    const struct tfevents_scalar scalar = {"a scalar with a name of some length", 1};
    struct tfevents *file;
    struct rlimit before, small;
    char why[STATUS_TEXT];
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(tfevents_create(&file, folder, 0), ST_OK);
    assert_int_equal(tfevents_scalars(file, 1, &scalar, 1), ST_OK);
    read_events(folder, 0, 1);
    assert_int_equal(events, 3);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = file_bytes + 20; /* the next record is longer */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    status_capture(why); /* what would be printed meets the limit, too */
    enum status st = tfevents_scalars(file, 2, &scalar, 1);
    status_capture(NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(st, ST_FAIL);
    assert_non_null(strstr(why, "': File too large"));
    read_events(folder, 0, 1);
    assert_int_equal(events, 3);
    assert_int_equal(tfevents_scalars(file, 3, &scalar, 1), ST_OK);
    tfevents_close(file);
    read_events(folder, 0, 1);
    assert_int_equal(events, 4);
    assert_int_equal(event[3]->step, 3);
    forget();
}

static void test_no_folder(void **state)
{
    (void)state;
    struct tfevents *file;
    scratch_write("file", "text", 4);
    scratch_said();
    assert_int_equal(tfevents_create(&file, scratch_path("file"), 0), ST_FAIL);
    assert_null(file);
    expect_said("file");
    tfevents_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc32c),    cmocka_unit_test(test_frame),
        cmocka_unit_test(test_scalars),   cmocka_unit_test(test_next_file),
        cmocka_unit_test(test_picture),   cmocka_unit_test(test_session),
        cmocka_unit_test(test_full_disk), cmocka_unit_test(test_no_folder),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
