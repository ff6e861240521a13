#include "../../../src/train/trainer_impl.h"
#include "../scratch.h"

#include <math.h>
#include <signal.h>

#include "base/mem.h"
#include "base/stop.h"
#include "comm/comm.h"
#include "data/dataset_writer.h"
#include "io/h5file.h"
#include "train/confusion.h"
#include "train/trainer.h"

enum { SIDE = 4, IMAGES = 20, BATCH = 8, EPOCH = 3 /* steps */ };

static struct comm *comm;
static struct dataset data;
static struct model model;
static struct parallel_plan plan;

static void write_data(const char *path)
{
    struct dataset_builder builder = {
        .h = SIDE,
        .w = SIDE,
        .classes = 2,
        .count = {[DATASET_TRAIN] = IMAGES, [DATASET_TEST] = IMAGES / 2}};
    builder.class_name = mem_zeroed(2, sizeof *builder.class_name);
    builder.class_name[0] = mem_strdup("left");
    builder.class_name[1] = mem_strdup("right");
    builder.source = mem_strdup("halves");
    for (int s = 0; s < DATASET_SPLITS; s++) {
        builder.images[s] = mem_zeroed(builder.count[s], SIDE * SIDE);
        builder.labels[s] = mem_zeroed(builder.count[s], sizeof *builder.labels[s]);
        for (size_t i = 0; i < builder.count[s]; i++) {
            builder.labels[s][i] = (uint16_t)(i % 2);
            for (size_t p = 0; p < SIDE * SIDE; p++)
                builder.images[s][i * SIDE * SIDE + p] =
                    (uint8_t)(p % SIDE / 2 == i % 2 ? 200 - i : i);
        }
    }
    assert_int_equal(dataset_write(&builder, path, false), ST_OK);
    dataset_builder_release(&builder);
}

static const bool both[DATASET_SPLITS] = {[DATASET_TRAIN] = true, [DATASET_TEST] = true};

static int setup(void **state)
{
    struct model_spec spec = {0};
    if (scratch_setup(state) != 0)
        return -1;
    write_data(scratch_path("data.h5"));
    assert_int_equal(dataset_open(&data, comm, scratch_path("data.h5"), both,
                                  &(struct dataset_use){0}),
                     ST_OK);
    model_spec_add(&spec, "flatten", "spec:1");
    model_spec_add(&spec, "linear classes", "spec:2");
    model_spec_add(&spec, "logsoftmax", "spec:3");
    assert_int_equal(model_init(&model, &spec, (struct shape){SIDE, SIDE, 1}, 2, 4),
                     ST_OK);
    model_spec_release(&spec);
    plan_init(&plan, 1);
    return 0;
}

static int teardown(void **state)
{
    model_release(&model);
    dataset_close(&data);
    return scratch_teardown(state);
}

static struct run_options options_for(long long steps)
{
    return (struct run_options){
        .train = {.steps = steps,
                  .epochs = 1,
                  .batch = BATCH,
                  .grain = 4,
                  .seed = 5,
                  .ema = 0.5,
                  .eval_every = 1},
        .optim = {.kind = OPTIM_SGD, .lr = 0.1, .momentum = 0.9},
        .checkpoint = {.keep = 99},
        .log = {.every = 1},
    };
}

static struct trainer_setup setup_of(const struct model *of,
                                     const struct run_options *options)
{
    return (struct trainer_setup){
        .comm = comm,
        .dataset = &data,
        .model = of,
        .options = options,
        .plan = &plan,
        .config_text = "",
        .version = "test",
    };
}

static struct trainer *make(const char *folder, const struct run_options *options)
{
    char checkpoints[FS_PATH];
    assert_int_equal(fs_join(checkpoints, folder, "checkpoints"), ST_OK);
    assert_int_equal(fs_make_folder(checkpoints), ST_OK);
    struct trainer_setup with = setup_of(&model, options);
    with.folder = folder;
    return trainer_create(&with);
}

static const char *checkpoint(const char *folder, uint64_t step)
{
    static char path[FS_PATH];
    char checkpoints[FS_PATH];
    assert_int_equal(fs_join(checkpoints, folder, "checkpoints"), ST_OK);
    assert_int_equal(checkpoint_path(path, checkpoints, step), ST_OK);
    return path;
}

static struct progress progress_of(const char *path, uint64_t *hash)
{
    struct checkpoint_info info;
    assert_int_equal(checkpoint_read_info(path, &info), ST_OK);
    struct progress progress = info.progress;
    if (hash)
        *hash = info.state;
    checkpoint_info_release(&info);
    return progress;
}

static bool was_said(const char *text)
{
    size_t bytes;
    char *all = scratch_read(scratch_path("said"), &bytes);
    bool found = strstr(all, text) != NULL;
    free(all);
    return found;
}

/* A number of the history, which is the last array to be read. */
static double last_gradient(const char *folder)
{
    struct h5file *file;
    char path[FS_PATH];
    double norm[2 * EPOCH];
    assert_int_equal(fs_join(path, folder, "metrics.h5"), ST_OK);
    assert_int_equal(h5file_open(&file, path), ST_OK);
    assert_int_equal(
        h5file_read(file, "/metrics/train/grad_norm", H5FILE_F64, 2 * EPOCH, norm),
        ST_OK);
    h5file_close(file);
    return norm[2 * EPOCH - 1];
}

/* A copy of the file with one bit of the stored `value` flipped. */
static void spoil(const char *path, const char *copy, double value)
{
    size_t bytes, at = 0;
    char *all = scratch_read(path, &bytes);
    while (at + sizeof value <= bytes && memcmp(all + at, &value, sizeof value) != 0)
        at++;
    assert_true(at + sizeof value <= bytes);
    all[at] ^= 1;
    FILE *file = fopen(copy, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(all, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
    free(all);
}

/* Nothing is kept of a checkpoint that turns out to be damaged, not even momentum. */
static void test_start_after_damage(void **state)
{
    (void)state;
    const struct run_options options = options_for(2 * EPOCH);
    char whole[FS_PATH], again[FS_PATH], spoilt[FS_PATH];
    uint64_t expected, found;
    assert_int_equal(fs_join(whole, scratch_folder, "whole"), ST_OK);
    assert_int_equal(fs_join(again, scratch_folder, "again"), ST_OK);
    assert_int_equal(fs_join(spoilt, scratch_folder, "spoilt.h5"), ST_OK);

    struct trainer *trainer = make(whole, &options);
    trainer_start(trainer);
    assert_int_equal(trainer_run(trainer), ST_OK);
    trainer_free(trainer);
    struct progress end = progress_of(checkpoint(whole, 2 * EPOCH), &expected);
    assert_int_equal(end.evaluated_step, 2 * EPOCH);
    spoil(checkpoint(whole, 2 * EPOCH), spoilt, last_gradient(whole));

    trainer = make(again, &options);
    assert_int_equal(trainer_resume(trainer, spoilt), ST_FAIL);
    assert_true(was_said("its content does not match its hash"));
    trainer_start(trainer);
    assert_int_equal(trainer_step(trainer), 0);
    assert_int_equal(trainer_run(trainer), ST_OK);
    trainer_free(trainer);
    progress_of(checkpoint(again, 2 * EPOCH), &found);
    assert_true(found == expected);
}

static void test_bad_weights_are_not_kept(void **state)
{
    (void)state;
    struct run_options options = options_for(EPOCH);
    options.optim.lr = 1e300;
    options.checkpoint.every_steps = 1;
    char folder[FS_PATH];
    assert_int_equal(fs_join(folder, scratch_folder, "bad"), ST_OK);
    struct trainer *trainer = make(folder, &options);
    trainer_start(trainer);
    assert_int_equal(trainer_run(trainer), ST_FAIL);
    trainer_free(trainer);
    assert_true(was_said("step 1: the weights of layer 'linear1' are not finite"));
    assert_false(fs_is_file(checkpoint(folder, 1)));
}

/* A run stopped at its last step asks to be resumed, then evaluates and saves. */
static void test_stop_at_the_last_step(void **state)
{
    (void)state;
    const struct run_options options = options_for(1);
    char folder[FS_PATH];
    uint64_t before, after;
    assert_int_equal(fs_join(folder, scratch_folder, "stopped"), ST_OK);
    struct trainer *trainer = make(folder, &options);
    trainer_start(trainer);
    stop_install();
    raise(SIGUSR1);
    assert_int_equal(trainer_run(trainer), ST_AGAIN);
    trainer_free(trainer);
    assert_int_equal(progress_of(checkpoint(folder, 1), &before).evaluated_step, 0);

    stop_install();
    trainer = make(folder, &options);
    assert_int_equal(trainer_resume(trainer, checkpoint(folder, 1)), ST_OK);
    assert_int_equal(trainer_run(trainer), ST_OK);
    trainer_free(trainer);
    assert_int_equal(progress_of(checkpoint(folder, 1), &after).evaluated_step, 1);
    assert_true(before == after);
}

/* Batches of 8 and a last one of 4 in grains of 3 at most: 3, 3, 2 and 2, 2. The number
   of threads changes no bit. */
static void test_uneven_batches(void **state)
{
    (void)state;
    struct run_options options = options_for(2 * EPOCH);
    options.train.grain = 3;
    struct model_spec spec = {0};
    struct model uneven;
    struct model kept = model;
    model_spec_add(&spec, "flatten", "spec:1");
    model_spec_add(&spec, "linear classes", "spec:2");
    model_spec_add(&spec, "logsoftmax", "spec:3");
    assert_int_equal(model_init(&uneven, &spec, (struct shape){SIDE, SIDE, 1}, 2, 3),
                     ST_OK);
    model_spec_release(&spec);
    uint64_t hash[4];
    model = uneven;
    for (int i = 0; i < 4; i++) {
        char name[24], folder[FS_PATH];
        snprintf(name, sizeof name, "uneven%d", i);
        assert_int_equal(fs_join(folder, scratch_folder, name), ST_OK);
        plan_init(&plan, i + 1);
        struct trainer *trainer = make(folder, &options);
        trainer_start(trainer);
        assert_int_equal(trainer_run(trainer), ST_OK);
        trainer_free(trainer);
        progress_of(checkpoint(folder, 2 * EPOCH), &hash[i]);
        assert_true(hash[i] == hash[0]);
    }
    plan_init(&plan, 1);
    model_release(&model);
    model = kept;
}

/* A part of an epoch is rounded up to whole steps; steps come first. */
static void test_total_steps(void **state)
{
    (void)state;
    struct train_options options = {.epochs = 9.9, .batch = 1024};
    assert_int_equal(train_total_steps(&options, 50000), 486); /* 485.1 */
    options.epochs = 10;
    assert_int_equal(train_total_steps(&options, 50000), 490);
    options.epochs = 0.001;
    assert_int_equal(train_total_steps(&options, 50000), 1);
    options.epochs = 1.1; /* 11.000000000000002 in double */
    assert_int_equal(train_total_steps(&options, 10240), 11);
    options.epochs = 1e6;
    assert_int_equal(train_total_steps(&options, 10240), 10000000);
    assert_int_equal(train_total_steps(&options, 2048000), 2000000000);
    options.epochs = 999999.9; /* the double above it */
    assert_int_equal(train_total_steps(&options, 10240), 9999999);
    options.steps = 3;
    assert_int_equal(train_total_steps(&options, 50000), 3);
}

static void init_normed(struct model *normed)
{
    struct model_spec spec = {0};
    model_spec_add(&spec, "conv 2 kernel=1", "spec:1");
    model_spec_add(&spec, "batchnorm", "spec:2");
    model_spec_add(&spec, "flatten", "spec:3");
    model_spec_add(&spec, "linear classes", "spec:4");
    model_spec_add(&spec, "logsoftmax", "spec:5");
    assert_int_equal(model_init(normed, &spec, (struct shape){SIDE, SIDE, 1}, 2, 4),
                     ST_OK);
    model_spec_release(&spec);
}

/* Statistics of averaged weights are not taken to the end when a run has to stop. */
static void test_average_stops(void **state)
{
    (void)state;
    struct run_options options = options_for(EPOCH);
    options.train.ema_samples = IMAGES;
    struct model normed;
    init_normed(&normed);
    const struct trainer_setup with = setup_of(&normed, &options);
    struct trainer *trainer = trainer_create(&with);
    const struct run_state *vectors = &trainer->stepper.state;
    size_t mean = normed.statistics.statistic[0].mean;
    trainer_start(trainer);
    assert_int_equal(trainer->average.batches, EPOCH);
    assert_int_equal(average_statistics(&trainer->average, 0), ST_AGAIN);
    stop_install();
    raise(SIGUSR1);
    assert_int_equal(average_statistics(&trainer->average, INFINITY), ST_AGAIN);
    stop_install();
    assert_true(vectors->ema[mean] == vectors->params[mean]);
    assert_int_equal(average_statistics(&trainer->average, INFINITY), ST_OK);
    assert_true(vectors->ema[mean] != vectors->params[mean]);
    trainer_free(trainer);
    model_release(&normed);
}

/* The images for those statistics have their own place where the set is on disk. */
static void test_average_bytes(void **state)
{
    (void)state;
    struct run_options options = options_for(1);
    struct model normed;
    struct dataset disk;
    options.train.ema_samples = IMAGES;
    assert_int_equal(dataset_open(&disk, comm, scratch_path("data.h5"), both,
                                  &(struct dataset_use){.on_disk = true}),
                     ST_OK);
    assert_false(dataset_resident(&disk, DATASET_TRAIN));
    init_normed(&normed);
    struct trainer_setup with = setup_of(&normed, &options);
    size_t more = trainer_bytes(&with);
    with.dataset = &disk;
    more = trainer_bytes(&with) - more;
    assert_in_range(more, BATCH * SIDE * SIDE, IMAGES * SIDE * SIDE - 1);
    options.train.ema = 0;
    more = trainer_bytes(&with);
    with.dataset = &data;
    assert_true(trainer_bytes(&with) == more);
    model_release(&normed);
    dataset_close(&disk);
}

/* The counts of an evaluation are part of what training takes. */
static void test_bytes(void **state)
{
    (void)state;
    const struct run_options options = options_for(1);
    struct trainer_setup with = setup_of(&model, &options);
    size_t before = trainer_bytes(&with);
    int classes = data.info.classes;
    data.info.classes = CONFUSION_CLASSES;
    size_t many = trainer_bytes(&with);
    data.info.classes = 65536;
    size_t most = trainer_bytes(&with);
    data.info.classes = classes;
    assert_true(many - before > sizeof(int32_t) * CONFUSION_CLASSES * CONFUSION_CLASSES);
    assert_true(most - before < 8 << 20);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_after_damage),
        cmocka_unit_test(test_bad_weights_are_not_kept),
        cmocka_unit_test(test_stop_at_the_last_step),
        cmocka_unit_test(test_uneven_batches),
        cmocka_unit_test(test_total_steps),
        cmocka_unit_test(test_average_stops),
        cmocka_unit_test(test_average_bytes),
        cmocka_unit_test(test_bytes),
    };
    comm = comm_start(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, setup, teardown);
    comm_finish(comm);
    return failed;
}
