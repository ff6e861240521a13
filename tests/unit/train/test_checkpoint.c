#include "../network.h"
#include "../scratch.h"

#include "base/mem.h"
#include "base/rng.h"
#include "io/h5file.h"
#include "train/checkpoint.h"

/* A network, a state with every vector, and all that goes with it into a checkpoint. */
struct run {
    struct model model;
    struct run_state state;
    struct metrics metrics;
    struct checkpoint_info info;
};

static const char *const network[] = {
    "conv 5 kernel=3", "maxpool 2",  "relu", "flatten", "linear 6", "gelu",
    "linear classes",  "logsoftmax", NULL,
};

/* Distinct values in every tensor; padding stays zero, as in training. */
static float *draw(const struct model *model, uint32_t which)
{
    float *vector = mem_aligned(model->params, sizeof *vector);
    struct rng rng;
    rng_init(&rng, 8, RNG_TEST, which, 0);
    for (int l = 0; l < model->layers; l++)
        for (int t = 0; t < model->layer[l]->tensors; t++)
            for (size_t i = 0; i < model->layer[l]->tensor[t].count; i++)
                vector[model->layer[l]->tensor[t].offset + i] = rng_normal(&rng);
    return vector;
}

static void model_of(struct model *model, const char *const *lines)
{
    network_build(model, lines, (struct shape){8, 7, 1}, 3, 4);
}

static struct checkpoint_info info_of(void)
{
    char **names = mem_zeroed(3, sizeof *names);
    names[0] = mem_strdup("A");
    names[1] = mem_strdup("B");
    names[2] = mem_strdup("\xc3\x84 umlaut");
    return (struct checkpoint_info){
        .config = mem_strdup("[train]\nepochs = 3\n"),
        .class_name = names,
        .classes = 3,
        .h = 8,
        .w = 7,
        .mean = 0.17364,
        .std = 0.33163,
        .data_hash = 0xfedcba9876543210u,
        .state = 0x0123456789abcdefu,
        .lockstep = mem_strdup("0.1.0 (abc)"),
        .mpi = mem_strdup("Open MPI 4.1.4"),
        .blas = mem_strdup("OpenBLAS"),
        .isa = mem_strdup("v4"),
        .plan = mem_strdup("threads=1"),
        .progress = {.step = 1ull << 40 | 5,
                     .epoch = 2.25,
                     .evaluated_step = 4,
                     .best_step = 3,
                     .best_accuracy = 0.911234567,
                     .evals_without_gain = 2,
                     .interval_loss = 12.5,
                     .interval_correct = 77,
                     .interval_samples = 99},
    };
}

static void run_init(struct run *run, bool ema)
{
    *run = (struct run){0};
    model_of(&run->model, network);
    run->state = (struct run_state){
        .params = draw(&run->model, 0),
        .ema = ema ? draw(&run->model, 1) : NULL,
        .optim = {draw(&run->model, 2), draw(&run->model, 3)},
        .optims = 2,
        .optim_name = {"m", "v"},
    };
    run->info = info_of();
    metrics_init(&run->metrics, 3);
    metrics_add_train(&run->metrics, &(struct metrics_train){.step = 4, .loss = 0.5});
    metrics_add_eval(&run->metrics, &(struct metrics_eval){.step = 4, .accuracy = 0.9},
                     (uint64_t[9]){1, 2, 3, 4, 5, 6, 7, 8, 9});
}

static void state_release(struct run_state *state)
{
    free(state->params);
    free(state->ema);
    for (int i = 0; i < state->optims; i++)
        free(state->optim[i]);
}

static void run_release(struct run *run)
{
    state_release(&run->state);
    metrics_release(&run->metrics);
    checkpoint_info_release(&run->info);
    model_release(&run->model);
}

static enum status run_write(const struct run *run, const char *path)
{
    struct state_store store = {&run->model, &run->state};
    struct state_stream from = state_stream_of(&store);
    return checkpoint_write(path, &run->info, &run->model, &run->state, &from,
                            &run->metrics);
}

static enum status read_weights(const struct model *model, const char *path,
                                float *params, bool *averaged)
{
    const struct run_state weights = {.params = params};
    struct state_store store = {model, &weights};
    struct state_stream to = state_stream_of(&store);
    bool same;
    enum status st = checkpoint_read_weights(path, model, NULL, &same); /* verifies */
    scratch_said();
    assert_int_equal(checkpoint_read_weights(path, model, &to, averaged), st);
    assert_true(st != ST_OK || same == *averaged);
    return st;
}

/* The same shapes, drawn to be overwritten. */
static void state_like(const struct run *run, struct run_state *state)
{
    *state = run->state;
    state->params = draw(&run->model, 10);
    state->ema = run->state.ema ? draw(&run->model, 11) : NULL;
    for (int i = 0; i < state->optims; i++)
        state->optim[i] = draw(&run->model, (uint32_t)(12 + i));
}

static bool same_state(const struct run *run, const struct run_state *state)
{
    size_t bytes = run->model.params * sizeof(float);
    bool same = memcmp(state->params, run->state.params, bytes) == 0;
    if (run->state.ema)
        same = same && memcmp(state->ema, run->state.ema, bytes) == 0;
    for (int i = 0; i < state->optims; i++)
        same = same && memcmp(state->optim[i], run->state.optim[i], bytes) == 0;
    return same;
}

static bool same_info(const struct checkpoint_info *a, const struct checkpoint_info *b)
{
    bool same = a->classes == b->classes && a->h == b->h && a->w == b->w &&
                a->mean == b->mean && a->std == b->std && a->data_hash == b->data_hash &&
                a->state == b->state && strcmp(a->config, b->config) == 0;
    for (int i = 0; same && i < a->classes; i++)
        same = strcmp(a->class_name[i], b->class_name[i]) == 0;
    return same && memcmp(&a->progress, &b->progress, sizeof a->progress) == 0;
}

/* ST_OK only with everything as it was written. */
static enum status read_back(const struct run *run, const char *path, bool *same)
{
    struct run_state state;
    struct metrics metrics;
    struct checkpoint_info info;
    state_like(run, &state);
    metrics_init(&metrics, 3);
    struct state_store store = {&run->model, &state};
    struct state_stream to = state_stream_of(&store);
    enum status st = checkpoint_read(path, &run->model, &state, &to, &metrics, &info);
    *same = st == ST_OK && same_state(run, &state) && same_info(&run->info, &info) &&
            metrics.trains == 1 && metrics.evals == 1 && metrics.confusion[8] == 9 &&
            memcmp(metrics.train, run->metrics.train, sizeof *metrics.train) == 0;
    state_release(&state);
    metrics_release(&metrics);
    checkpoint_info_release(&info);
    return st;
}

static void test_round_trip(void **state)
{
    (void)state;
    for (int ema = 0; ema <= 1; ema++) {
        struct run run;
        bool same;
        run_init(&run, ema);
        const char *path = scratch_path("whole.h5");
        assert_int_equal(run_write(&run, path), ST_OK);
        assert_int_equal(read_back(&run, path, &same), ST_OK);
        assert_true(same);
        struct checkpoint_info info;
        assert_int_equal(checkpoint_read_info(path, &info), ST_OK);
        assert_true(same_info(&run.info, &info));
        assert_string_equal(info.mpi, "Open MPI 4.1.4");
        assert_string_equal(info.lockstep, "0.1.0 (abc)");
        assert_string_equal(info.blas, "OpenBLAS");
        assert_string_equal(info.isa, "v4");
        checkpoint_info_release(&info);
        run_release(&run);
    }
}

/* A user's weights are the averaged ones where there are any. */
static void test_weights(void **state)
{
    (void)state;
    for (int ema = 0; ema <= 1; ema++) {
        struct run run;
        bool averaged = !ema;
        run_init(&run, ema);
        assert_int_equal(run_write(&run, scratch_path("weights.h5")), ST_OK);
        float *params = mem_aligned(run.model.params, sizeof *params);
        assert_int_equal(
            read_weights(&run.model, scratch_path("weights.h5"), params, &averaged),
            ST_OK);
        assert_int_equal(averaged, ema);
        assert_memory_equal(params, ema ? run.state.ema : run.state.params,
                            run.model.params * sizeof *params);
        free(params);
        run_release(&run);
    }
}

/* --- damage --- */

/* Where `bytes` bytes of a file's content are `data`. */
static size_t place_of(const char *text, size_t size, const void *data, size_t bytes)
{
    char *at = memmem(text, size, data, bytes);
    assert_non_null(at);
    return (size_t)(at - text);
}

static void refuse_flipped(const struct run *run, const char *text, size_t size,
                           const void *data, size_t bytes, const char *message)
{
    char *copy = mem_zeroed(size, 1);
    bool same;
    memcpy(copy, text, size);
    copy[place_of(text, size, data, bytes) + bytes / 2] ^= 1;
    const char *path = scratch_write("damaged.h5", copy, size);
    assert_int_equal(read_back(run, path, &same), ST_FAIL);
    expect_said(message);
    float *params = mem_aligned(run->model.params, sizeof *params);
    assert_int_equal(read_weights(&run->model, path, params, &same), ST_FAIL);
    expect_said(message);
    free(params);
    free(copy);
}

static const struct layer_tensor *tensor_of(const struct model *model, const char *layer,
                                            int t)
{
    for (int l = 0; l < model->layers; l++)
        if (strcmp(model->layer[l]->name, layer) == 0)
            return &model->layer[l]->tensor[t];
    fail_msg("no layer '%s'", layer);
    return NULL;
}

/* One bit, in weights, averages, optimizer state, history and progress. */
static void test_damaged_bit(void **state)
{
    (void)state;
    struct run run;
    size_t size;
    run_init(&run, true);
    assert_int_equal(run_write(&run, scratch_path("whole.h5")), ST_OK);
    char *text = scratch_read(scratch_path("whole.h5"), &size);
    const struct layer_tensor *bias = tensor_of(&run.model, "linear1", 1);
    size_t bytes = bias->count * sizeof(float);
    const char *content = "damaged.h5' is damaged: its content does not match its hash";
    const char *refused = "damaged.h5'"; /* HDF5 finds damaged attributes by itself */
    refuse_flipped(&run, text, size, run.state.params + bias->offset, bytes, content);
    refuse_flipped(&run, text, size, run.state.ema + bias->offset, bytes, content);
    refuse_flipped(&run, text, size, run.state.optim[1] + bias->offset, bytes, content);
    refuse_flipped(&run, text, size, run.metrics.confusion, 36, content);
    refuse_flipped(&run, text, size, &run.info.progress.best_accuracy, 8, refused);
    refuse_flipped(&run, text, size, &run.info.progress.step, 8, refused);
    refuse_flipped(&run, text, size, &run.info.mean, 8, refused);
    refuse_flipped(&run, text, size, "epochs = 3", 10, refused);
    free(text);
    run_release(&run);
}

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

/* The hash is over all that a resume takes from the attributes, and not over who wrote
 * it.
 */
static void test_content_hash(void **state)
{
    (void)state;
    struct run run;
    char hash[17], other[17];
    run_init(&run, false);
    struct checkpoint_info *info = &run.info;
    char *bytes[32] = {(char *)&info->mean,  (char *)&info->std,
                       (char *)&info->state, (char *)&info->data_hash,
                       (char *)&info->h,     (char *)&info->w,
                       info->config,         info->class_name[2]};
    int count = 8;
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

static void test_truncated(void **state)
{
    (void)state;
    struct run run;
    size_t size;
    bool same;
    run_init(&run, true);
    assert_int_equal(run_write(&run, scratch_path("whole.h5")), ST_OK);
    char *text = scratch_read(scratch_path("whole.h5"), &size);
    for (size_t part = 0; part < size; part += size / 13) {
        const char *path = scratch_write("damaged.h5", text, part);
        assert_int_equal(read_back(&run, path, &same), ST_FAIL);
        expect_said("damaged.h5'");
    }
    free(text);
    run_release(&run);
}

/* --- other networks, other files --- */

static void refuse_for(const char *const *lines, const char *difference)
{
    struct run other = {0};
    bool same;
    model_of(&other.model, lines);
    other.state = (struct run_state){.params = draw(&other.model, 0)};
    assert_int_equal(read_back(&other, scratch_path("whole.h5"), &same), ST_FAIL);
    expect_said(difference);
    bool averaged;
    assert_int_equal(read_weights(&other.model, scratch_path("whole.h5"),
                                  other.state.params, &averaged),
                     ST_FAIL);
    expect_said("is of another network");
    free(other.state.params);
    model_release(&other.model);
}

static void test_other_network(void **state)
{
    (void)state;
    struct run run;
    run_init(&run, false);
    assert_int_equal(run_write(&run, scratch_path("whole.h5")), ST_OK);
    run_release(&run);
    refuse_for((const char *const[]){"conv 5 kernel=2", "maxpool 2", "relu", "flatten",
                                     "linear 6", "gelu", "linear classes", "logsoftmax",
                                     NULL},
               "'/weights/conv1/weight' is 5x1x3x3 there and 5x1x2x2 here");
    refuse_for((const char *const[]){"conv 5 kernel=3", "maxpool 2", "relu", "flatten",
                                     "linear 7", "gelu", "linear classes", "logsoftmax",
                                     NULL},
               "'/weights/linear1/weight' is 6x30 there and 7x30 here");
    refuse_for((const char *const[]){"flatten", "linear 6", "linear classes",
                                     "logsoftmax", NULL},
               "is of another network: '/weights' has 3 layers there and 2 here");
    refuse_for((const char *const[]){"conv 5 kernel=3", "maxpool 2", "flatten",
                                     "linear 6", "linear 6", "linear classes",
                                     "logsoftmax", NULL},
               "'/weights/linear2/weight' is 3x6 there and 6x6 here");
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
    expect_said("metrics.h5' is not a checkpoint");
    assert_int_equal(checkpoint_read_info(scratch_path("none.h5"), &info), ST_FAIL);
    expect_said("none.h5'");
    scratch_write("text.h5", "hello", 5);
    assert_int_equal(checkpoint_read_info(scratch_path("text.h5"), &info), ST_FAIL);
    expect_said("text.h5'");
}

/* A checkpoint that cannot be written leaves the one before it, and nothing else. */
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
        cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_weights),
        cmocka_unit_test(test_damaged_bit),  cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_content_hash), cmocka_unit_test(test_other_network),
        cmocka_unit_test(test_other_files),  cmocka_unit_test(test_write_fails),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
