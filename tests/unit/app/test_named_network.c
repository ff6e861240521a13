/* The networks by name: their configs, tensors and sizes. */
#include "../config_text.h"
#include "base/mem.h"
#include "nn/named_network.h"

struct torch_network {
    const char *name;
    size_t params;
    int tensors;
    uint64_t hash; /* of the sorted lines "NAME DIMxDIM..." */
};
#include "networks_torch.inc"

static void network_config(struct config *config, const char *name)
{
    const struct named_network *network = named_network_find(name);
    assert_non_null(network);
    char *text = named_network_text(network);
    config_init(config);
    assert_int_equal(config_parse(config, text, name), ST_OK);
    free(text);
}

static enum status network_at(struct model *model, const char *name, struct shape in,
                              int classes)
{
    struct config config;
    network_config(&config, name);
    enum status st = model_describe(model, &config.model, in, classes, 2);
    config_release(&config);
    return st;
}

static void network_published(struct model *model, const char *name)
{
    const struct named_network *network = named_network_find(name);
    assert_non_null(network);
    assert_int_equal(network_at(model, name, network->in, network->classes), ST_OK);
}

/* --- tensors --- */

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *tensor_line(const struct layer *layer, const struct layer_tensor *tensor)
{
    char *line = mem_format("%s.%s ", layer->name, tensor->name);
    for (int d = 0; d < tensor->dims; d++)
        mem_append(&line, "%s%d", d ? "x" : "", tensor->dim[d]);
    return line;
}

/* The sorted lines "NAME DIMxDIM..."; the caller frees. */
static char *tensor_lines(const struct model *model, int *count)
{
    char *line[3 * MODEL_LAYERS], *text = mem_strdup("");
    *count = 0;
    for (int l = 0; l < model->layers; l++)
        for (int t = 0; t < model->layer[l]->tensors; t++)
            line[(*count)++] = tensor_line(model->layer[l], &model->layer[l]->tensor[t]);
    qsort(line, (size_t)*count, sizeof *line, compare_lines);
    for (int i = 0; i < *count; i++) {
        mem_append(&text, "%s\n", line[i]);
        free(line[i]);
    }
    return text;
}

static uint64_t fnv(const char *text)
{
    uint64_t value = 0xcbf29ce484222325;
    for (; *text; text++)
        value = (value ^ (unsigned char)*text) * 0x100000001b3;
    return value;
}

static void test_tensors_are_pytorchs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof torch_networks / sizeof *torch_networks; i++) {
        const struct torch_network *torch = &torch_networks[i];
        struct model model;
        int tensors;
        network_published(&model, torch->name);
        char *text = tensor_lines(&model, &tensors);
        assert_int_equal(model_param_count(&model), torch->params);
        assert_int_equal(tensors, torch->tensors);
        if (fnv(text) != torch->hash)
            fail_msg("%s: other names or shapes than PyTorch's:\n%s", torch->name, text);
        free(text);
        model_release(&model);
    }
}

static void check_names(const char *name, const char *torch)
{
    struct model model;
    int tensors;
    network_published(&model, name);
    char *text = tensor_lines(&model, &tensors);
    assert_string_equal(text, torch);
    free(text);
    model_release(&model);
}

static void test_names_in_full(void **state)
{
    (void)state;
    check_names("resnet18", torch_resnet18);
    check_names("mobilenetv3_small", torch_mobilenet_v3_small);
}

/* Those that torchvision does not have. He et al. give 0.27, 0.46, 0.66 and 0.85
   million. */
static void test_counts(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t params;
    } counts[] = {
        {"letters", 296730},     {"lenet5", 61706},    {"resnet20", 269722},
        {"resnet32", 464154},    {"resnet44", 658586}, {"resnet56", 853018},
        {"cifar_fast", 1971640},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct model model;
        network_published(&model, counts[i].name);
        assert_int_equal(model_param_count(&model), counts[i].params);
        model_release(&model);
    }
}

/* --- texts --- */

static void test_texts(void **state)
{
    (void)state;
    const struct named_network *network;
    int count = 0;
    for (; (network = named_network_at(count)) != NULL; count++) {
        char *text = named_network_text(network);
        struct config config, again;
        assert_null(strchr(text, '@'));
        assert_int_equal(text[0], '#');
        assert_ptr_equal(named_network_find(network->name), network);
        if (network->alias)
            assert_ptr_equal(named_network_find(network->alias), network);
        network_config(&config, network->name);
        char *whole = config_text(&config);
        assert_int_equal(parse(&again, whole), ST_OK);
        char *twice = config_text(&again);
        assert_string_equal(whole, twice);
        free(text);
        free(whole);
        free(twice);
        config_release(&config);
        config_release(&again);
    }
    assert_true(count >= 19);
}

/* A part of the text that belongs to others is not in it. */
static void test_family(void **state)
{
    (void)state;
    char *deep = named_network_text(named_network_find("resnet50"));
    char *flat = named_network_text(named_network_find("resnet34"));
    assert_non_null(strstr(deep, "# ResNet-50 "));
    assert_non_null(strstr(deep, "[block bottleneck]"));
    assert_null(strstr(deep, "[block basic]"));
    assert_non_null(strstr(flat, "layer = basic channels=256 stride=2,1 repeat=6 as="));
    assert_null(strstr(flat, "bottleneck"));
    free(deep);
    free(flat);
}

static void test_find(void **state)
{
    (void)state;
    assert_string_equal(named_network_find("mobilenet_v2")->name, "mobilenetv2");
    assert_null(named_network_find("resnet19"));
    assert_string_equal(named_network_nearest("resnt50"), "resnet50");
    assert_string_equal(named_network_nearest("mobilenet_v2_"), "mobilenetv2");
    assert_string_equal(named_network_nearest("ResNet-18-CIFAR"), "resnet18_cifar");
    assert_null(named_network_nearest("transformer"));
    const char *names[NAMED_NETWORKS_MAX];
    assert_int_equal(named_network_begin("VGG", names), 2);
    assert_string_equal(names[0], "vgg11_bn");
    assert_int_equal(named_network_begin("mobilenet_v", names), 3);
    assert_string_equal(names[2], "mobilenetv3_large");
    assert_int_equal(named_network_begin("air", names), 1);
    assert_string_equal(names[0], "airbench94");
    assert_int_equal(named_network_begin("", names), 0);
}

/* --- image sizes --- */

/* The shape of the first layer with this name. */
static struct shape shape_of(const struct model *model, const char *name)
{
    for (int l = 0; l < model->layers; l++)
        if (strcmp(model->layer[l]->name, name) == 0)
            return model->layer[l]->out;
    fail_msg("no layer '%s'", name);
    return (struct shape){0};
}

static void check_first(const char *name, const char *layer, int size, int side)
{
    struct model model;
    assert_int_equal(network_at(&model, name, (struct shape){size, size, 3}, 7), ST_OK);
    assert_int_equal(shape_of(&model, layer).h, side);
    model_release(&model);
}

/* Up to 64 pixels the first layers do not reduce the image. */
static void test_small_images(void **state)
{
    (void)state;
    check_first("resnet18", "layer1.0.conv1", 32, 32);
    check_first("resnet18", "layer1.0.conv1", 64, 64);
    check_first("resnet18", "layer1.0.conv1", 65, 17);
    check_first("resnet18", "layer1.0.conv1", 224, 56);
    check_first("resnet50_cifar", "layer1.0.conv1", 224, 224);
    check_first("mobilenetv2", "features.0.0", 64, 64);
    check_first("mobilenetv3_large", "features.0.0", 96, 48);
    check_first("efficientnet_b0", "features.0.0", 32, 32);
    check_first("efficientnet_lite0", "_conv_stem", 224, 112);
}

/* The longer side counts. */
static void test_rectangles(void **state)
{
    (void)state;
    struct model model;
    assert_int_equal(network_at(&model, "resnet18", (struct shape){32, 100, 3}, 7),
                     ST_OK);
    assert_int_equal(shape_of(&model, "conv1").w, 50);
    model_release(&model);
}

/* All of them are for grey images, too. */
static void test_grey(void **state)
{
    (void)state;
    for (int i = 0; named_network_at(i); i++) {
        struct model model;
        assert_int_equal(
            network_at(&model, named_network_at(i)->name, (struct shape){64, 64, 1}, 3),
            ST_OK);
        model_release(&model);
    }
}

static void test_too_small(void **state)
{
    (void)state;
    struct model model;
    assert_int_equal(network_at(&model, "vgg16", (struct shape){28, 28, 3}, 7), ST_USAGE);
    expect_said("vgg16:");
    assert_int_equal(network_at(&model, "letters", (struct shape){12, 12, 1}, 7),
                     ST_USAGE);
    expect_said("letters:");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensors_are_pytorchs),
        cmocka_unit_test(test_names_in_full),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_family),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_small_images),
        cmocka_unit_test(test_rectangles),
        cmocka_unit_test(test_grey),
        cmocka_unit_test(test_too_small),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
