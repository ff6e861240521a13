#include "nn_test.h"
#define IMAGE   \
    {           \
        8, 8, 3 \
    }
#define FLAT     \
    {            \
        1, 1, 12 \
    }

static const struct {
    struct shape in;
    const char *lines[5];
    const char *says;
} messages[] = {
    {IMAGE,
     {"convv 8 kernel=3"},
     "net.conf:1: unknown layer 'convv', did you mean 'conv'?"},
    {IMAGE,
     {"zzzzzzzz"},
     "net.conf:1: unknown layer 'zzzzzzzz': expected conv, depthwise, linear, "},
    {IMAGE, {"conv kernel=3"}, "net.conf:1: conv1: a number is missing"},
    {IMAGE, {"conv 8"}, "conv1: kernel=K is missing"},
    {IMAGE, {"conv 0 kernel=3"}, "conv1: size '0' is not a whole number from 1 to"},
    {IMAGE, {"conv 8x kernel=3"}, "conv1: size '8x' is not a whole number"},
    {IMAGE, {"conv 8 9 kernel=3"}, "conv1: '9' is one value too many"},
    {IMAGE, {"conv 8 kernel=3 kernel=5"}, "conv1: option 'kernel' is given twice"},
    {IMAGE, {"conv 8 kernle=3"}, "unknown option 'kernle', did you mean 'kernel'?"},
    {IMAGE, {"conv 8 kernel=3 stride=0"}, "conv1: stride '0' is not a whole number"},
    {IMAGE, {"conv 8 kernel=3 pad=-1"}, "conv1: pad '-1' is not a whole number"},
    {IMAGE,
     {"conv 8 kernel=3 pad=3"},
     "conv1: pad 3x3 is not smaller than the kernel's 3x3"},
    {IMAGE,
     {"conv 8 kernel=3x1 pad=2x1"},
     "conv1: pad 2x1 is not smaller than the kernel's 3x1"},
    {IMAGE, {"conv 8 kernel=3x"}, "conv1: kernel '3x' is not a whole number from 1"},
    {IMAGE, {"conv 8 kernel=3 init=hee"}, "unknown init 'hee', did you mean 'he'?"},
    {IMAGE,
     {"relu", "conv 8 kernel=9"},
     "net.conf:2: conv1: the kernel 9x9 is larger than its input 8x8x3; it needs "
     "images of 9x9 or larger"},
    {IMAGE,
     {"conv 8 kernel=3 stride=2x1 pad=1", "maxpool 3x2 pad=1x0",
      "conv 4 kernel=3x7 pad=1"},
     "net.conf:3: conv2: the kernel 3x7 with pad 1x1 is larger than its input 2x4x8; "
     "it needs images of 1x10 or larger\n"},
    {IMAGE,
     {"globalavgpool", "conv 8 kernel=3"},
     "conv1: the kernel 3x3 is larger than its input 1x1x3\n"},
    {IMAGE, {"maxpool"}, "maxpool1: a number is missing"},
    {IMAGE, {"maxpool 9"}, "maxpool1: the window 9x9 is larger than its input 8x8x3"},
    {IMAGE, {"avgpool 17"}, "avgpool1: size '17' is not a whole number from 1 to 16"},
    {IMAGE,
     {"avgpool 3 pad=2"},
     "avgpool1: pad 2x2 is more than half of the window's 3x3"},
    {IMAGE,
     {"conv 9 kernel=3 groups=2"},
     "conv1: 2 groups do not divide the 3 channels of its input"},
    {IMAGE, {"conv 8 kernel=3 groups=3"}, "conv1: 3 groups do not divide its 8"},
    {IMAGE, {"depthwise kernel=3 groups=3"}, "depthwise1: unknown option 'groups'"},
    {IMAGE, {"depthwise 3 kernel=3"}, "depthwise1: '3' is one value too many"},
    {IMAGE, {"conv 8 kernel=3 pad=sane"}, "conv1: unknown pad 'sane', did you mean"},
    {IMAGE,
     {"conv 8 kernel=3 dilation=4"},
     "the kernel 3x3 with dilation 4x4 is larger than its input 8x8x3; it needs "
     "images "
     "of 9x9 or larger"},
    {IMAGE, {"maxpool 2 count_pad=off"}, "maxpool1: unknown option 'count_pad'"},
    {IMAGE, {"avgpool 2 count_pad=no"}, "avgpool1: unknown count_pad 'no'"},
    {IMAGE, {"conv 8 kernel=3 init=diracc"}, "did you mean 'dirac'?"},
    {IMAGE,
     {"conv 8 kernel=3 init=?"},
     "unknown init '?': expected pytorch, he, he_out, "},
    {IMAGE, {"conv 8 kernel=3 init=he:2"}, "conv1: init 'he' takes no number"},
    {IMAGE, {"conv 8 kernel=3 init=normal"}, "conv1: init 'normal' lacks its"},
    {IMAGE,
     {"conv 8 kernel=3 init=normal:-1"},
     "conv1: the standard deviation '-1' of init 'normal' is not a number from 0 to"},
    {IMAGE,
     {"conv 8 kernel=3 init=normal:nan"},
     "deviation 'nan' of init 'normal' is not"},
    {IMAGE,
     {"conv 8 kernel=3 init=normal:1e9"},
     "deviation '1e9' of init 'normal' is not"},
    {IMAGE, {"conv 8 kernel=3 init=normal:"}, "deviation '' of init 'normal' is not"},
    {IMAGE, {"conv 1 kernel=3 init=whiten"}, "give the layer 2 channels or more"},
    {IMAGE,
     {"batchnorm affine=maybe"},
     "batchnorm1: unknown affine 'maybe': expected off, on or bias"},
    {FLAT, {"linear 5 init=dirac"}, "linear1: init 'dirac' is for convolutions"},
    {IMAGE, {"batchnorm init=he"}, "unknown init 'he': expected one or zero"},
    {IMAGE,
     {"batchnorm init=two"},
     "batchnorm1: unknown init 'two': expected one or zero"},
    {IMAGE, {"batchnorm affine=off init=zero"}, "affine=off has no weight"},
    {IMAGE, {"gelu 3"}, "gelu1: '3' is one value too many"},
    {IMAGE, {"relu a=1"}, "relu1: unknown option 'a'"},
    {IMAGE, {"dropout p=1"}, "dropout1: p '1' is not a number from 0 to 0.99"},
    {IMAGE, {"linear 5"}, "linear1: its input 8x8x3 is an image, put a layer 'flatten'"},
    {FLAT, {"linear"}, "linear1: a number is missing"},
    {IMAGE, {"logsoftmax"}, "logsoftmax1: its input 8x8x3 is an image"},
    {FLAT,
     {"linear classes"},
     "net.conf:1: linear1: the last layer must be 'logsoftmax', or 'logsigmoid' for"},
    {IMAGE, {"logsigmoid"}, "logsigmoid1: its input 8x8x3 is an image"},
    {FLAT, {"linear 9", "logsigmoid"}, "the network has 9 outputs, the data 10 classes"},
    {FLAT, {"logsigmoid 2"}, "logsigmoid1: '2' is one value too many"},
    {FLAT,
     {"logsigmoid", "linear classes", "logsoftmax"},
     "net.conf:1: logsigmoid1: 'logsigmoid' can only be the last layer"},
    {FLAT,
     {"linear classes", "logsigmoid", "linear classes from=input", "logsoftmax"},
     "net.conf:2: the network has two ends, 'logsigmoid1' here and 'logsoftmax1'"},
    {FLAT, {"linear 9", "logsoftmax"}, "the network has 9 outputs, the data 10 classes"},
    {FLAT, {NULL}, "the network has no layers"},
    {{1, 1, 10}, {"logsoftmax"}, "net.conf:1: the network has nothing to learn"},
    {{100, 100, 1}, {"conv 65536 kernel=1"}, "100x100x65536 for a grain of 4"},
};

static void test_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        char message[512];
        spec_refused(messages[i].lines, messages[i].in, message, sizeof message);
        if (!strstr(message, messages[i].says))
            fail_msg("'%s' is not in: %s", messages[i].says, message);
        assert_ptr_equal(strchr(message, '\n'), message + strlen(message) - 1);
    }
}

/* Padding lets a kernel be far larger than its input. */
static void test_huge_kernel(void **state)
{
    (void)state;
    const char *const lines[] = {"conv 40000 kernel=1", "conv 1 kernel=101 pad=100",
                                 NULL};
    char message[512];
    spec_refused(lines, (struct shape){8, 8, 3}, message, sizeof message);
    assert_non_null(
        strstr(message, "conv2: a kernel of 101x101x40000 values is too large"));
}

static void test_shapes(void **state)
{
    (void)state;
    const char *const lines[] = {"conv 7 kernel=3 stride=2 pad=1",
                                 "maxpool 3 stride=1 pad=1",
                                 "avgpool 2",
                                 "conv\t5  kernel=1",
                                 "flatten",
                                 "dropout",
                                 "linear classes",
                                 "logsoftmax",
                                 NULL};
    const struct shape want[] = {{6, 5, 7},  {6, 5, 7},  {3, 2, 7},  {3, 2, 5},
                                 {1, 1, 30}, {1, 1, 30}, {1, 1, 10}, {1, 1, 10}};
    struct bench b;
    bench_init(&b, lines, (struct shape){11, 10, 3}, 10, 2);
    for (int i = 0; i < b.model.layers; i++)
        assert_memory_equal(&b.model.layer[i]->out, &want[i], sizeof want[i]);
    assert_string_equal(b.model.layer[0]->name, "conv1");
    assert_string_equal(b.model.layer[3]->name, "conv2");
    assert_true(b.model.layer[0]->flops == 2.0 * 6 * 5 * 7 * 27);
    assert_true(b.model.layer[6]->flops == 2.0 * 30 * 10);
    const struct layer_tensor *w = &b.model.layer[0]->tensor[0];
    assert_int_equal(w->dims, 4);
    assert_int_equal(w->dim[0], 7);
    assert_int_equal(w->dim[1], 3);
    assert_int_equal(w->dim[2], 3);
    assert_int_equal(w->dim[3], 3);
    bench_release(&b);
}

/* Sizes by hand; pad=same as TensorFlow defines it. */
static void test_windows(void **state)
{
    (void)state;
    const char *const lines[] = {"conv 4 kernel=3x1 stride=2x1 pad=1x0",
                                 "maxpool 3x2 stride=2x1 pad=1x0",
                                 "conv 4 kernel=3 stride=2 pad=same",
                                 "avgpool 2x3 stride=1 pad=same count_pad=off",
                                 "depthwise kernel=5x3 stride=1x2 pad=same",
                                 "maxpool 2 pad=same",
                                 "flatten",
                                 "linear classes",
                                 "logsoftmax",
                                 NULL};
    const struct shape want[] = {{10, 17, 4}, {5, 16, 4}, {3, 8, 4},
                                 {3, 8, 4},   {3, 4, 4},  {2, 2, 4}};
    const struct window row[] = {{3, 2, 1, 0, 1}, {3, 2, 1, 0, 1}, {3, 2, 1, 0, 1},
                                 {2, 1, 0, 1, 1}, {5, 1, 2, 0, 1}, {2, 2, 0, 1, 1}};
    struct bench b;
    bench_init(&b, lines, (struct shape){19, 17, 3}, 10, 2);
    for (int i = 0; i < 6; i++) {
        const struct layer *layer = b.model.layer[i];
        assert_memory_equal(&layer->out, &want[i], sizeof want[i]);
        assert_memory_equal(&layer->rows, &row[i], sizeof row[i]);
    }
    assert_int_equal(b.model.layer[2]->columns.extra, 1); /* 16 columns: none before */
    assert_int_equal(b.model.layer[2]->columns.pad, 0);
    assert_true(b.model.layer[0]->flops == 2.0 * 10 * 17 * 4 * 9);
    bench_release(&b);
}

/* The file has conv weights as (O, I, R, S), whatever lies in memory; there and back is
   the identity. */
static void test_file_order(void **state)
{
    (void)state;
    const char *const lines[] = {"conv 5 kernel=2", "flatten", "linear classes",
                                 "logsoftmax", NULL};
    struct bench b;
    bench_init(&b, lines, (struct shape){2, 2, 3}, 10, 1);
    const struct layer *conv = b.model.layer[0];
    size_t count = conv->tensor[0].count;
    float *file = mem_zeroed(count, sizeof *file),
          *memory = mem_zeroed(count, sizeof *file);
    float *back = mem_zeroed(count, sizeof *file);
    for (size_t i = 0; i < count; i++)
        file[i] = (float)i;
    conv->ops->from_file(conv, 0, file, memory);
    for (int o = 0; o < 5; o++)
        for (int c = 0; c < 3; c++)
            for (int r = 0; r < 2; r++)
                for (int s = 0; s < 2; s++)
                    assert_true(memory[((o * 2 + r) * 2 + s) * 3 + c] ==
                                file[((o * 3 + c) * 2 + r) * 2 + s]);
    conv->ops->to_file(conv, 0, memory, back);
    assert_memory_equal(back, file, count * sizeof *file);
    conv->ops->from_file(conv, 1, file, memory);
    assert_memory_equal(memory, file, 5 * sizeof *file);
    assert_null(b.model.layer[2]->ops->to_file);
    free(file);
    free(memory);
    free(back);
    bench_release(&b);
}

/* (K, C / groups, R, S) in the file, (K, R, S, C / groups) in memory; depthwise, whatever
   the line calls it, (R, S, C). */
static void test_file_order_groups(void **state)
{
    (void)state;
    const char *const lines[] = {"conv 8 kernel=3x2 groups=2",
                                 "conv 8 kernel=2x1 groups=8",
                                 "depthwise kernel=1x2",
                                 "flatten",
                                 "linear classes",
                                 "logsoftmax",
                                 NULL};
    float file[96], memory[96];
    struct bench b;
    bench_init(&b, lines, (struct shape){4, 4, 4}, 10, 1);
    for (int i = 0; i < 96; i++)
        file[i] = (float)i;
    for (int l = 0; l < 3; l++) {
        const struct layer *layer = b.model.layer[l];
        const int *dim = layer->tensor[0].dim, taps = dim[2] * dim[3];
        assert_int_equal(dim[0], 8);
        assert_int_equal(dim[1], l == 0 ? 2 : 1);
        layer->ops->from_file(layer, 0, file, memory);
        for (int k = 0; k < 8; k++)
            for (int c = 0; c < dim[1]; c++)
                for (int t = 0; t < taps; t++) {
                    int at = l == 0 ? (k * taps + t) * dim[1] + c : t * 8 + k;
                    assert_true(memory[at] == file[(k * dim[1] + c) * taps + t]);
                }
    }
    assert_true(b.model.layer[0]->flops == 2.0 * 2 * 3 * 8 * 12);
    assert_true(b.model.layer[1]->flops == 2.0 * 1 * 3 * 8 * 2);
    bench_release(&b);
}

/* flatten gives PyTorch's order (C, H, W) and takes gradients back. */
static void test_flatten(void **state)
{
    (void)state;
    const char *const lines[] = {"relu", "flatten", "linear classes", "logsoftmax", NULL};
    struct bench b;
    bench_init(&b, lines, (struct shape){3, 2, 4}, 10, 2);
    float x[48], y[48], dx[48];
    for (int i = 0; i < 48; i++)
        x[i] = (float)i;
    const struct layer *flatten = b.model.layer[1];
    struct pass pass = {.team = {.size = 1}, .n = 2, .x = x, .y = y, .dy = y, .dx = dx};
    layer_forward(flatten, &pass);
    for (int n = 0; n < 2; n++)
        for (int c = 0; c < 4; c++)
            for (int i = 0; i < 6; i++)
                assert_true(y[n * 24 + c * 6 + i] == x[n * 24 + i * 4 + c]);
    layer_backward(flatten, &pass);
    assert_memory_equal(dx, x, sizeof x);
    bench_release(&b);
}

/* --- dropout --- */

enum { WIDE = 400, SAMPLES = 40 };

struct dropout_run {
    struct bench b;
    float *y, *dx;
    uint8_t *keep;
};

static void dropout_pass(struct dropout_run *run, bool train, uint64_t seed,
                         uint64_t step)
{
    const struct layer *layer = run->b.model.layer[0];
    struct pass pass = {.team = {.size = 1},
                        .n = SAMPLES,
                        .train = train,
                        .x = run->b.ws.activation[0],
                        .y = run->y,
                        .dy = run->b.ws.activation[0],
                        .dx = run->dx,
                        .save = run->keep,
                        .seed = seed,
                        .step = step,
                        .sample = run->b.ws.sample};
    layer_forward(layer, &pass);
    if (train)
        layer_backward(layer, &pass);
}

static void test_dropout(void **state)
{
    (void)state;
    const char *const lines[] = {"dropout p=0.25", "linear classes", "logsoftmax", NULL};
    enum { COUNT = WIDE * SAMPLES };
    struct dropout_run run;
    bench_init(&run.b, lines, (struct shape){1, 1, WIDE}, 10, SAMPLES);
    run.y = mem_aligned(COUNT, sizeof(float));
    run.dx = mem_aligned(COUNT, sizeof(float));
    run.keep = mem_aligned(COUNT, 1);
    uint8_t *first = mem_aligned(COUNT, 1);
    const float *x = run.b.ws.activation[0];
    dropout_pass(&run, true, 7, 3);
    int kept = 0;
    for (int i = 0; i < COUNT; i++) {
        float want = run.keep[i] ? x[i] * (float)(1.0 / 0.75) : 0.0f;
        assert_true(run.y[i] == want && run.dx[i] == want);
        kept += run.keep[i];
    }
    /* The name of the draws is fixed: runs of older versions go on with the same bits. */
    struct rng rng;
    rng_init(&rng, 7, RNG_DROPOUT, 3 * 64 + 0, run.b.ws.sample[2]);
    for (int j = 0; j < WIDE; j++)
        assert_int_equal(run.keep[2 * WIDE + j], rng_u32(&rng) >= 1u << 30);
    assert_true(fabs((double)kept / COUNT - 0.75) < 4.0 * sqrt(0.75 * 0.25 / COUNT));
    memcpy(first, run.keep, COUNT);
    dropout_pass(&run, true, 7, 3);
    assert_memory_equal(first, run.keep, COUNT);
    dropout_pass(&run, true, 8, 3);
    assert_memory_not_equal(first, run.keep, COUNT);
    dropout_pass(&run, true, 7, 4);
    assert_memory_not_equal(first, run.keep, COUNT);
    assert_memory_not_equal(first, first + WIDE, WIDE);
    run.b.ws.sample[0] = 17; /* the mask follows the sample, not its place */
    run.b.ws.sample[17] = 0;
    dropout_pass(&run, true, 7, 3);
    assert_memory_equal(first, run.keep + 17 * WIDE, WIDE);
    assert_memory_equal(first + 17 * WIDE, run.keep, WIDE);
    dropout_pass(&run, false, 7, 3);
    assert_memory_equal(run.y, x, COUNT * sizeof(float));
    free(run.y);
    free(run.dx);
    free(run.keep);
    free(first);
    bench_release(&run.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages), cmocka_unit_test(test_huge_kernel),
        cmocka_unit_test(test_shapes),   cmocka_unit_test(test_file_order),
        cmocka_unit_test(test_flatten),  cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_windows),  cmocka_unit_test(test_file_order_groups),
    };
    cpu_blas_single_thread();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
