#include "nn_test.h"

static const char *const letters[] = {
    "conv 32 kernel=3",  "maxpool 2", "gelu",    "conv 64 kernel=3", "maxpool 2",  "gelu",
    "conv 128 kernel=3", "maxpool 2", "gelu",    "flatten",          "linear 512", "gelu",
    "linear 256",        "gelu",      "dropout", "linear classes",   "logsoftmax", NULL};

/* Layers without parameters come first here, and unfused convolutions. */
static const char *const other[] = {
    "dropout p=0.2",  "avgpool 2 stride=1", "conv 33 kernel=3 stride=2 pad=1",
    "relu",           "conv 20 kernel=1",   "flatten",
    "dropout p=0.2",  "linear 130",         "relu",
    "linear classes", "logsoftmax",         NULL};

enum { GRAIN = 7 };

/* A part with vectors and a workspace of its own. */
struct piece {
    struct model model;
    struct workspace ws;
    struct grain_pass pass;
    float *params, *packed, *grads;
};

static void piece_init(struct piece *piece, const struct bench *whole, int begin, int end)
{
    model_part(&piece->model, &whole->model, begin, end);
    workspace_init(&piece->ws, &piece->model, 1);
    piece->params = mem_aligned(piece->model.params, sizeof(float));
    piece->grads = mem_aligned(piece->model.params, sizeof(float));
    memset(piece->grads, 0xff, piece->model.params * sizeof(float));
    model_init_params(&piece->model, 11, piece->params);
    memcpy(piece->ws.target, whole->ws.target, GRAIN * sizeof *piece->ws.target);
    memcpy(piece->ws.sample, whole->ws.sample, GRAIN * sizeof *piece->ws.sample);
    piece->pass = whole->pass;
    piece->packed = model_packed(&piece->model, piece->params);
    piece->pass.params = piece->params;
    piece->pass.packed = piece->packed;
    piece->pass.grads = piece->grads;
}

static void piece_release(struct piece *piece)
{
    workspace_release(&piece->ws);
    model_release(&piece->model);
    free(piece->params);
    free(piece->packed);
    free(piece->grads);
}

static size_t input_bytes(const struct model *model)
{
    return GRAIN * (size_t)shape_size(model->in) * sizeof(float);
}

/* What passes between them by hand gives what the whole gives, bit by bit. */
static void check_chain(const struct bench *whole, struct piece *piece, int parts)
{
    const float *x = whole->ws.activation[0];
    for (int p = 0; p < parts; p++) {
        struct model *model = &piece[p].model;
        memcpy(piece[p].ws.activation[0], x, input_bytes(model));
        model_forward(model, &piece[p].ws, &piece[p].pass);
        x = piece[p].ws.activation[model->ops];
    }
    assert_memory_equal(piece[parts - 1].ws.logprobs, whole->ws.logprobs,
                        GRAIN * (size_t)whole->model.classes * sizeof(float));
    struct grain_result result;
    model_loss(&piece[parts - 1].model, &piece[parts - 1].ws, &piece[parts - 1].pass,
               &result);
    for (int p = parts - 1; p >= 0; p--) {
        struct model *model = &piece[p].model;
        size_t begin = whole->model.unit[model->unit_before].begin;
        model_backward(model, &piece[p].ws, &piece[p].pass, NULL, NULL);
        assert_memory_equal(piece[p].grads, whole->grads + begin,
                            model->params * sizeof(float));
        assert_memory_equal(piece[p].params, whole->params + begin,
                            model->params * sizeof(float));
        if (p > 0)
            memcpy(piece[p - 1].ws.output_gradient, piece[p].ws.input_gradient,
                   input_bytes(model));
    }
}

/* cut: the bits of a number say before which units the model is cut. */
static void check_cut(const struct bench *whole, int cut)
{
    struct piece piece[MODEL_LAYERS];
    int parts = 0, begin = 0, steps = 0, tensors = 0;
    for (int u = 1; u <= whole->model.units; u++) {
        if (u < whole->model.units && !(cut >> (u - 1) & 1))
            continue;
        struct piece *next = &piece[parts++];
        piece_init(next, whole, begin, u);
        assert_int_equal(next->model.op_before, steps);
        assert_int_equal(next->model.tensor_before, tensors);
        steps += next->model.ops;
        for (int l = 0; l < next->model.layers; l++)
            tensors += next->model.layer[l]->tensors;
        begin = u;
    }
    assert_int_equal(steps, whole->model.ops);
    check_chain(whole, piece, parts);
    for (int p = 0; p < parts; p++)
        piece_release(&piece[p]);
}

static void check_network(const char *const *lines, struct shape in)
{
    struct bench whole;
    bench_init(&whole, lines, in, 26, GRAIN);
    bench_step(&whole);
    for (int cut = 0; cut < 1 << (whole.model.units - 1); cut++)
        check_cut(&whole, cut);
    bench_release(&whole);
}

static void test_every_cut(void **state)
{
    (void)state;
    check_network(letters, (struct shape){28, 28, 1});
    check_network(other, (struct shape){15, 14, 3});
}

/* Units are all of the model, each with one layer of parameters. */
static void test_units(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, other, (struct shape){15, 14, 3}, 26, GRAIN);
    const struct model *model = &b.model;
    int layer = 0;
    size_t param = 0;
    assert_int_equal(model->units, 4);
    for (int u = 0; u < model->units; u++) {
        int with = 0;
        assert_int_equal(model->unit[u].layer, layer);
        assert_int_equal(model->unit[u].begin, param);
        layer = model->unit[u].layer_end;
        param = model->unit[u].end;
        for (int l = model->unit[u].layer; l < layer; l++)
            with += model->layer[l]->tensors > 0;
        assert_int_equal(with, 1);
    }
    assert_int_equal(layer, model->layers);
    assert_int_equal(param, model->params);
    bench_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_every_cut),
    };
    cpu_blas_single_thread();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
