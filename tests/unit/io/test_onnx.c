/* Models of ONNX, written and read. */
#include "../scratch.h"

#include "base/mem.h"
#include "io/kind.h"
#include "io/onnx.h"

#define GIVEN 7 /* which weights the source is asked for */

static void give_squares(void *context, int given, float *values)
{
    const struct onnx_model *model = context;
    assert_int_equal(given, GIVEN);
    for (size_t i = 0; i < model->tensor[0].count; i++)
        values[i] = (float)(i * i);
}

/* One of everything. */
static void make_model(struct onnx_model *model)
{
    const size_t dim[] = {2, 3};
    const int64_t ints[] = {-1, 0, INT64_MAX}, numbers[] = {5, -6};
    const float half = 0.5f;
    char image[] = "image", answer[] = "answer";
    const struct onnx_value input = {
        .name = image, .type = ONNX_UINT8, .dims = 3, .dim = {ONNX_ANY, 4, 1}};
    const struct onnx_value output = {
        .name = answer, .type = ONNX_FLOAT, .dims = 1, .dim = {ONNX_ANY}};
    *model = (struct onnx_model){.opset = 13,
                                 .producer = mem_strdup("lockstep"),
                                 .version = mem_strdup("1"),
                                 .name = mem_strdup("network"),
                                 .doc = mem_strdup("what it is")};
    onnx_add_tensor(model, "weights", ONNX_FLOAT, 2, dim, NULL)->given = GIVEN;
    onnx_add_tensor(model, "half", ONNX_FLOAT, 0, NULL, &half);
    onnx_add_tensor(model, "list", ONNX_INT64, 1, dim, numbers);
    struct onnx_node *node = onnx_add_node(model, "Conv", "/a", "answer");
    onnx_node_input(node, "image");
    onnx_node_input(node, "weights");
    onnx_node_int(node, "group", -3);
    onnx_node_real(node, "alpha", 0.25f);
    onnx_node_ints(node, "pads", 3, ints);
    onnx_node_ints(node, "none", 0, ints);
    onnx_add_input(model, &input);
    onnx_add_output(model, &output);
    onnx_add_text(model, "key", "text\nwith gr\xc3\xbc\xc3\x9f");
    onnx_add_text(model, "empty", "");
}

static const char *write_model(const struct onnx_model *model)
{
    const char *path = scratch_path("x.onnx");
    const struct onnx_source source = {give_squares, (void *)(uintptr_t)model};
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(onnx_write(file, path, model, &source), ST_OK);
    assert_int_equal(fclose(file), 0);
    return path;
}

static void expect_node(const struct onnx_node *node)
{
    assert_string_equal(node->op, "Conv");
    assert_string_equal(node->name, "/a");
    assert_string_equal(node->output, "answer");
    assert_int_equal(node->inputs, 2);
    assert_string_equal(node->input[1], "weights");
    assert_int_equal(node->attributes, 4);
    assert_int_equal(onnx_node_attribute(node, "group", ONNX_INT)->ints[0], -3);
    assert_true(onnx_node_attribute(node, "alpha", ONNX_REAL)->real == 0.25f);
    const struct onnx_attribute *pads = onnx_node_attribute(node, "pads", ONNX_INTS);
    assert_int_equal(pads->count, 3);
    assert_true(pads->ints[0] == -1 && pads->ints[2] == INT64_MAX);
    assert_int_equal(onnx_node_attribute(node, "none", ONNX_INTS)->count, 0);
    assert_null(onnx_node_attribute(node, "group", ONNX_INTS));
    assert_null(onnx_node_attribute(node, "other", ONNX_INT));
}

static void expect_tensors(const struct onnx_model *model)
{
    assert_int_equal(model->tensors, 3);
    const struct onnx_tensor *weights = &model->tensor[0];
    assert_string_equal(weights->name, "weights");
    assert_true(weights->dims == 2 && weights->dim[0] == 2 && weights->dim[1] == 3);
    assert_int_equal(weights->count, 6);
    for (int i = 0; i < 6; i++)
        assert_true(((const float *)weights->values)[i] == (float)(i * i));
    assert_true(model->tensor[1].dims == 0 && model->tensor[1].count == 1);
    assert_true(*(const float *)model->tensor[1].values == 0.5f);
    assert_int_equal(model->tensor[2].type, ONNX_INT64);
    assert_int_equal(((const int64_t *)model->tensor[2].values)[1], -6);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct onnx_model model, back;
    struct kind kind;
    make_model(&model);
    const char *path = write_model(&model);
    assert_int_equal(kind_of_file(path, &kind), ST_OK);
    assert_string_equal(kind.words, "an ONNX model");
    assert_int_equal(onnx_read(&back, path), ST_OK);
    assert_int_equal(back.opset, 13);
    assert_string_equal(back.producer, "lockstep");
    assert_string_equal(back.version, "1");
    assert_string_equal(back.name, "network");
    assert_string_equal(back.doc, "what it is");
    assert_int_equal(back.nodes, 1);
    expect_node(&back.node[0]);
    expect_tensors(&back);
    assert_true(back.inputs == 1 && back.outputs == 1);
    assert_string_equal(back.input[0].name, "image");
    assert_int_equal(back.input[0].type, ONNX_UINT8);
    assert_true(back.input[0].dims == 3 && back.input[0].dim[0] == ONNX_ANY);
    assert_int_equal(back.input[0].dim[1], 4);
    assert_true(back.output[0].dims == 1 && back.output[0].dim[0] == ONNX_ANY);
    assert_int_equal(back.texts, 2);
    assert_string_equal(back.text[0].text, "text\nwith gr\xc3\xbc\xc3\x9f");
    assert_string_equal(back.text[1].text, "");
    onnx_release(&model);
    onnx_release(&back);
}

/* More than protobuf can count, and what is no text, are refused before a byte is
   written. */
static void test_refusals(void **state)
{
    (void)state;
    struct onnx_model model;
    const size_t many = ONNX_BYTES_MAX / sizeof(float);
    char byte[4] = "";
    FILE *file = fmemopen(byte, sizeof byte, "w");
    assert_non_null(file);
    make_model(&model);
    onnx_add_tensor(&model, "huge", ONNX_FLOAT, 1, &many, NULL);
    assert_int_equal(onnx_write(file, "x.onnx", &model, NULL), ST_USAGE);
    expect_said("'x.onnx' would have 2.15 GB, and a file of ONNX has less than 2 GiB");
    onnx_release(&model);
    make_model(&model);
    onnx_add_text(&model, "odd", "\xff");
    assert_int_equal(onnx_write(file, "x.onnx", &model, NULL), ST_FAIL);
    expect_said("cannot write 'x.onnx': its text 'odd' is not UTF-8");
    onnx_release(&model);
    fclose(file);
    assert_int_equal(byte[0], 0);
}

/* What lockstep did not write is refused with one line, or read: nothing crashes. */
static void test_damage(void **state)
{
    (void)state;
    struct onnx_model model, back;
    char why[STATUS_TEXT];
    size_t bytes, refused = 0;
    make_model(&model);
    char *good = scratch_read(write_model(&model), &bytes);
    onnx_release(&model);
    assert_true(bytes > 200);
    for (size_t i = 0; i < 2 * bytes; i++) {
        char *bad = mem_zeroed(bytes, 1);
        memcpy(bad, good, bytes);
        bad[i % bytes] = (char)(bad[i % bytes] ^ (i < bytes ? 0x01 : 0xff));
        const char *path = scratch_write("bad.onnx", bad, i < bytes ? bytes : i - bytes);
        free(bad);
        *why = '\0';
        status_capture(why);
        enum status st = onnx_read(&back, path);
        status_capture(NULL);
        if (st == ST_OK) {
            onnx_release(&back);
            continue;
        }
        assert_int_equal(st, ST_FAIL);
        assert_non_null(strstr(why, "bad.onnx' is not a model that lockstep wrote"));
        refused++;
    }
    free(good);
    assert_true(refused > bytes);
    assert_int_equal(onnx_read(&back, scratch_path("none.onnx")), ST_FAIL);
    expect_said("cannot open");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
