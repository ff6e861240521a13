/* Networks as models of ONNX: every kind of layer has a form, and the file's own
   evaluation gives lockstep's answers. */
#include "../scratch.h"

#include <math.h>

#include "app/export/onnx_file.h"
#include "app/export/onnx_run.h"
#include "base/mem.h"
#include "base/rng.h"
#include "kernels/cpu.h"

#define CLASSES  5
#define PICTURES 3
#define CLOSE    2e-6 /* probabilities of small networks */

/* --- a network that was not trained, but could have been --- */

/* Values with which no tensor is without effect; the weights of some norms are below 0,
   so that these cannot be folded past a pool. */
static void fill_tensor(const struct layer *layer, int t, float *values)
{
    const struct layer_tensor *tensor = &layer->tensor[t];
    bool variance = strcmp(tensor->name, "running_var") == 0;
    bool norm = layer->ops == &layer_batchnorm || layer->ops == &layer_groupnorm;
    struct rng rng;
    rng_init(&rng, 3, RNG_TEST, (uint32_t)layer->index, (uint64_t)t);
    for (size_t i = 0; i < tensor->count; i++) {
        if (variance)
            values[i] = rng_range(&rng, 0.5f, 2);
        else if (norm && strcmp(tensor->name, "weight") == 0)
            values[i] = rng_range(&rng, 0.5f, 1.5f) * (rng_below(&rng, 4) ? 1 : -1);
        else if (tensor->dims == 1)
            values[i] = rng_range(&rng, -0.3f, 0.3f);
        else if (layer->head)
            values[i] *= 8; /* no two pictures are alike */
    }
}

static void network_make(struct network *network, const char *text, struct shape image)
{
    static char name[CLASSES][8] = {"a", "b", "c", "d", "gr\xc3\xbcn"}, none[] = "";
    static char *names[] = {name[0], name[1], name[2], name[3], name[4]};
    struct shape in;
    *network = (struct network){.checkpoint = "made.h5",
                                .info = {.config = none,
                                         .class_name = names,
                                         .classes = CLASSES,
                                         .shape = image,
                                         .mean = {0.4, 0.5, 0.6},
                                         .std = {0.2, 0.25, 0.3},
                                         .treatment = none}};
    config_init(&network->config);
    assert_int_equal(config_parse(&network->config, text, "made.conf"), ST_OK);
    assert_true(input_crop_shape(&network->config.run.input.crop, image, &in));
    assert_int_equal(model_init(&network->model, &network->config.model, in, CLASSES, 2),
                     ST_OK);
    const struct model *model = &network->model;
    network->params = mem_aligned(model->params, sizeof(float));
    model_init_params(model, 5, network->params);
    for (int l = 0; l < model->layers; l++)
        for (int t = 0; t < model->layer[l]->tensors; t++)
            fill_tensor(model->layer[l], t,
                        network->params + model->layer[l]->tensor[t].offset);
}

static void network_drop(struct network *network)
{
    config_release(&network->config);
    model_release(&network->model);
    free(network->params);
}

/* --- a network for each kind of layer --- */

/* Lines with " | " between them; the images; the part of the config before [model]. */
static const struct made_network {
    const char *lines;
    struct shape image;
    const char *before;
} made_networks[] = {
    {"conv 6 kernel=3 | maxpool 2 | gelu | conv 7 kernel=3x2 pad=1x0 stride=2x1 bias=off "
     "| "
     "batchnorm | relu | flatten | linear 9 | gelu | linear classes | logsoftmax",
     {12, 13, 1},
     ""},
    /* the centre of the image, moved */
    {"conv 6 kernel=3 stride=2 pad=same | batchnorm affine=off | relu6 | "
     "depthwise kernel=5x2 stride=2x3 pad=same | maxpool 3 stride=2 pad=same | batchnorm "
     "| "
     "silu | globalavgpool | linear classes bias=off | logsoftmax",
     {27, 24, 3},
     "[data]\ninput = 22x21\nshift_x = 2\nshift_y = -1\n"},
    {"conv 12 kernel=3 pad=1 groups=3 | groupnorm 4 | hardswish | "
     "conv 20 kernel=3 pad=2x4 dilation=2x3 groups=4 | groupnorm 20 eps=0.01 | silu | "
     "avgpool 3x2 stride=1x2 pad=1x0 | avgpool 3 stride=2 pad=1 count_pad=off | "
     "avgpool 3 stride=2 pad=same | flatten | linear 12 | groupnorm 3 | sigmoid | "
     "batchnorm affine=bias | linear classes | logsoftmax",
     {11, 14, 3},
     "[data]\nshift_x = -3\n"},
    /* squeeze and excite, with values of both ranks */
    {"conv 8 kernel=3 | silu as=x | globalavgpool | conv 4 kernel=1 | relu | "
     "conv 8 kernel=1 | hardsigmoid as=w | mul from=x,w as=y | globalavgpool from=x | "
     "flatten | linear 8 as=v | sigmoid as=u | mul from=y,u | add from=x | dropout | "
     "droppath as=z | globalavgpool | add from=v | mul from=u | flatten | padchannels 11 "
     "| "
     "scale by=-0.5 | conv 6 kernel=1 | linear classes | logsoftmax",
     {10, 9, 3},
     ""},
    {"conv 5 kernel=3 pad=1 as=a | relu as=b | padchannels 8 | scale by=2 | "
     "conv 5 kernel=3 pad=1 | add from=b | batchnorm as=n | add from=a | maxpool 2x3 | "
     "batchnorm from=maxpool1 | globalavgpool | logsoftmax as=l | linear 6 | "
     "linear classes | logsigmoid",
     {8, 9, 1},
     ""},
    {"globalavgpool | conv classes kernel=1 | logsoftmax", {4, 3, 3}, ""},
    /* norms of fine-tuning: one that is folded, and two that cannot be */
    {"conv 6 kernel=3 | relu | batchnorm frozen=on | conv 8 kernel=3 bias=off | "
     "batchnorm frozen=on | relu | maxpool 2 | conv 5 kernel=1 | maxpool 2 | "
     "batchnorm frozen=on | flatten | linear classes | logsoftmax",
     {12, 13, 3},
     ""},
};
#define MADE ((int)(sizeof made_networks / sizeof *made_networks))

static char *made_text(const struct made_network *made)
{
    char *text = mem_format("%s[model]\n", made->before);
    for (const char *line = made->lines; *line;) {
        const char *end = strstr(line, " | ");
        size_t length = end ? (size_t)(end - line) : strlen(line);
        mem_append(&text, "layer = %.*s\n", (int)length, line);
        line += length + (end ? 3 : 0);
    }
    return text;
}

static void made_open(struct network *network, int i)
{
    char *text = made_text(&made_networks[i]);
    network_make(network, text, made_networks[i].image);
    free(text);
}

static enum status made_write(struct network *network, enum onnx_layout layout,
                              struct onnx_file_result *result)
{
    struct export_notes notes;
    export_notes_init(&notes, network, "mine");
    const struct onnx_file_request request = {.network = network,
                                              .notes = &notes,
                                              .layout = layout,
                                              .pictures = PICTURES,
                                              .out = scratch_path("made.onnx")};
    enum status st = onnx_file_write(result, &request);
    export_notes_release(&notes);
    return st;
}

/* Whoever adds a kind of layer adds its form, and a network with it here. */
static void test_every_kind_has_a_form(void **state)
{
    (void)state;
    for (int k = 0; layer_kinds[k]; k++) {
        if (!onnx_graph_has_form(layer_kinds[k]))
            fail_msg("'%s' has no form: src/app/export/onnx_layers.c",
                     layer_kinds[k]->kind);
        bool met = false;
        for (int i = 0; i < MADE && !met; i++) {
            struct network network;
            made_open(&network, i);
            for (int l = 0; l < network.model.layers; l++)
                met = met || network.model.layer[l]->ops == layer_kinds[k];
            network_drop(&network);
        }
        if (!met)
            fail_msg("no network here has a '%s'", layer_kinds[k]->kind);
    }
    assert_false(onnx_graph_has_form(NULL));
}

static void test_answers(void **state)
{
    (void)state;
    for (int i = 0; i < MADE; i++)
        for (int layout = ONNX_NHWC; layout <= ONNX_NCHW; layout++) {
            struct network network;
            struct onnx_file_result result;
            made_open(&network, i);
            enum status st = made_write(&network, (enum onnx_layout)layout, &result);
            print_message("# network %d, %s: %d nodes, %.1e\n", i,
                          onnx_layout_words[layout], result.nodes, result.check.most);
            assert_int_equal(st, ST_OK);
            assert_int_equal(result.check.pictures, PICTURES);
            assert_string_equal(result.check.what, "random pictures");
            assert_true(result.check.most < CLOSE);
            onnx_check_release(&result.check);
            network_drop(&network);
        }
    assert_int_equal(scratch_count("made.onnx"), 1); /* no temporary file is left */
    scratch_said();
}

/* --- what the file says --- */

static const char *text_of(const struct onnx_model *model, const char *key)
{
    for (int i = 0; i < model->texts; i++)
        if (strcmp(model->text[i].key, key) == 0)
            return model->text[i].text;
    return "";
}

static void expect_shape(const struct onnx_value *value, const char *name,
                         enum onnx_type type, const int64_t *dim)
{
    assert_string_equal(value->name, name);
    assert_int_equal(value->type, type);
    for (int i = 0; i < value->dims; i++)
        assert_int_equal(value->dim[i], dim[i]);
}

static void test_description(void **state)
{
    (void)state;
    struct network network;
    struct onnx_file_result result;
    struct onnx_model model;
    made_open(&network, 1);
    assert_int_equal(made_write(&network, ONNX_NCHW, &result), ST_OK);
    assert_int_equal(onnx_read(&model, scratch_path("made.onnx")), ST_OK);
    assert_int_equal(model.opset, ONNX_GRAPH_OPSET);
    assert_string_equal(model.producer, "lockstep");
    assert_true(model.inputs == 1 && model.outputs == 2 && model.output[0].dims == 2);
    expect_shape(&model.input[0], "image", ONNX_UINT8,
                 (const int64_t[]){ONNX_ANY, 3, 27, 24});
    expect_shape(&model.output[0], "logits", ONNX_FLOAT,
                 (const int64_t[]){ONNX_ANY, CLASSES});
    expect_shape(&model.output[1], "probabilities", ONNX_FLOAT,
                 (const int64_t[]){ONNX_ANY, CLASSES});
    assert_string_equal(text_of(&model, "lockstep.classes"), "a\nb\nc\nd\ngr\xc3\xbcn");
    assert_string_equal(text_of(&model, "lockstep.image"), "27x24x3");
    assert_string_equal(text_of(&model, "lockstep.input"), "22x21x3");
    assert_string_equal(text_of(&model, "lockstep.shift"), "2,-1");
    assert_string_equal(text_of(&model, "lockstep.pixel_mean"), "102,127.5,153");
    assert_string_equal(text_of(&model, "lockstep.layout"), "nchw");
    assert_string_equal(text_of(&model, "lockstep.licence"), "mine");
    assert_string_equal(text_of(&model, "lockstep.state"), "0000000000000000");
    assert_non_null(strstr(model.doc, "(N, channels, height, width)"));
    /* conv and depthwise take over the norms behind them, but one with factors below 0
       stands behind a pool */
    assert_int_equal(result.norms, 1);
    onnx_release(&model);
    onnx_check_release(&result.check);
    network_drop(&network);
    scratch_said();
}

/* --- what the check finds --- */

static void test_other_answers(void **state)
{
    (void)state;
    struct network network;
    struct onnx_file_result result;
    struct onnx_check check;
    struct fold fold;
    made_open(&network, 0);
    assert_int_equal(made_write(&network, ONNX_NHWC, &result), ST_OK);
    onnx_check_release(&result.check);
    network.params[network.model.layer[0]->tensor[0].offset] += 0.5f;
    fold_init(&fold, &network.model, network.params);
    struct onnx_check_request request = {
        .network = &network, .fold = &fold, .layout = ONNX_NHWC, .pictures = PICTURES};
    scratch_said();
    assert_int_equal(onnx_check(&check, &request, scratch_path("made.onnx"), "it.onnx"),
                     ST_FAIL);
    expect_lines(2, "'it.onnx' was not kept: on 3 random pictures a probability differs",
                 "more than 1e-04");
    request.layout = ONNX_NCHW;
    assert_int_equal(onnx_check(&check, &request, scratch_path("made.onnx"), "it.onnx"),
                     ST_FAIL);
    expect_lines(2, "'it.onnx' wants another input", NULL);
    fold_release(&fold);
    network_drop(&network);
}

/* A failure leaves the file that was there. */
static void test_not_numbers(void **state)
{
    (void)state;
    struct network network;
    struct onnx_file_result result;
    made_open(&network, 5);
    scratch_write("made.onnx", "before", 6);
    network.params[network.model.layer[1]->tensor[0].offset] = NAN;
    scratch_said();
    assert_int_equal(made_write(&network, ONNX_NHWC, &result), ST_FAIL);
    expect_lines(2, "made.onnx' was not kept", "differs from lockstep's by inf");
    assert_int_equal(fs_bytes(scratch_path("made.onnx")), 6);
    assert_int_equal(scratch_count("made.onnx"), 1);
    network_drop(&network);
}

static void test_nothing_left(void **state)
{
    (void)state;
    struct network network;
    struct onnx_file_result result;
    network_make(&network,
                 "[data]\nshift_y = 4\n[model]\nlayer = flatten\n"
                 "layer = linear classes\nlayer = logsoftmax\n",
                 (struct shape){4, 3, 3});
    assert_int_equal(made_write(&network, ONNX_NHWC, &result), ST_USAGE);
    expect_said("'made.h5' moves images by 0,4 pixels (data.shift_x, data.shift_y)");
    network_drop(&network);
}

/* --- what cannot be evaluated --- */

/* One node on an input (N, 2). */
static struct onnx_node *model_of(struct onnx_model *model, const char *op)
{
    char x[] = "x", y[] = "y";
    const struct onnx_value input = {
        .name = x, .type = ONNX_UINT8, .dims = 2, .dim = {ONNX_ANY, 2}};
    const struct onnx_value output = {
        .name = y, .type = ONNX_FLOAT, .dims = 2, .dim = {ONNX_ANY, 2}};
    *model = (struct onnx_model){.opset = ONNX_GRAPH_OPSET};
    onnx_add_input(model, &input);
    onnx_add_output(model, &output);
    struct onnx_node *cast = onnx_add_node(model, "Cast", "cast", "f");
    onnx_node_input(cast, "x");
    onnx_node_int(cast, "to", ONNX_FLOAT);
    return onnx_add_node(model, op, "it", "y");
}

static void expect_not_run(struct onnx_model *model, const char *message)
{
    uint8_t pixels[] = {1, 2, 3, 4};
    struct onnx_array output,
        input = {
            .type = ONNX_UINT8, .dims = 2, .dim = {2, 2}, .count = 4, .values = pixels};
    assert_int_equal(onnx_run(model, "m.onnx", &input, &output), ST_FAIL);
    expect_said(message);
    onnx_release(model);
}

static void test_refused_graphs(void **state)
{
    (void)state;
    struct onnx_model model;
    const size_t three = 3;
    const float values[] = {1, 2, 3};
    onnx_node_input(model_of(&model, "Tanh"), "f");
    expect_not_run(&model, "'m.onnx': node 'it' (Tanh): this operator is not known here");
    onnx_node_input(model_of(&model, "Relu"), "g");
    expect_not_run(&model, "node 'it' reads 'g', which no node before it makes");
    onnx_node_input(model_of(&model, "Relu"), "x");
    expect_not_run(&model, "node 'it' (Relu): an input has another type");
    model_of(&model, "Relu");
    expect_not_run(&model, "node 'it' (Relu): it has too few inputs, or too many");
    onnx_node_input(model_of(&model, "Conv"), "f");
    onnx_node_input(&model.node[1], "f");
    expect_not_run(&model, "node 'it' (Conv): its input is no image");
    onnx_node_input(model_of(&model, "Add"), "f");
    onnx_node_input(&model.node[1], "t");
    onnx_add_tensor(&model, "t", ONNX_FLOAT, 1, &three, values);
    expect_not_run(&model, "node 'it' (Add): its inputs have shapes that do not fit");
    onnx_node_input(model_of(&model, "Relu"), "f");
    free(model.node[1].output);
    model.node[1].output = mem_strdup("f");
    expect_not_run(&model, "two values are called 'f'");
    onnx_node_input(model_of(&model, "Relu"), "f");
    free(model.node[1].output);
    model.node[1].output = mem_strdup("z");
    expect_not_run(&model, "no node makes its output 'y'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_has_a_form),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_description),
        cmocka_unit_test(test_other_answers),
        cmocka_unit_test(test_not_numbers),
        cmocka_unit_test(test_nothing_left),
        cmocka_unit_test(test_refused_graphs),
    };
    cpu_blas_single_thread();
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
