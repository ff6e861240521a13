#include "../scratch.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/thread.h"
#include "comm/comm.h"
#include "data/dataset_writer.h"
#include "data/prefetch.h"

/* 61 images in batches of 9 are 7 steps an epoch, the last one with 7 images; this rank's
   share is all of a batch except the first 2 positions. */
enum { H = 9, W = 7, COUNT = 61, BATCH = 9, SKIPPED = 2, STEPS = 7, SEED = 3 };
enum { PLENTY = 1 << 30 };

static struct comm *comm;
static struct dataset set[2]; /* resident, not resident */
static struct balance balance;
static const struct augment_options augment = {.shift = 2, .rotate = 20, .elastic = 1};

static void write_data(const char *path, int h, size_t count)
{
    struct dataset_builder b = {.h = h,
                                .w = W,
                                .classes = 5,
                                .count = {[DATASET_TRAIN] = count, [DATASET_TEST] = 1}};
    struct rng rng;
    rng_init(&rng, 1, RNG_TEST, 0, 0);
    b.source = mem_strdup("a test");
    b.class_name = mem_zeroed(5, sizeof *b.class_name);
    for (int i = 0; i < 5; i++)
        b.class_name[i] = mem_format("%d", i);
    for (int s = 0; s < DATASET_SPLITS; s++) {
        size_t bytes = b.count[s] * (size_t)h * W;
        b.images[s] = mem_zeroed(bytes, 1);
        b.labels[s] = mem_zeroed(b.count[s], sizeof(uint16_t));
        for (size_t i = 0; i < bytes; i++)
            b.images[s][i] = (uint8_t)rng_below(&rng, 256);
        for (size_t i = 0; i < b.count[s]; i++)
            b.labels[s][i] = (uint16_t)(i < 50 ? 0 : 1 + i % 4); /* uneven */
    }
    assert_int_equal(dataset_write(&b, path, false), ST_OK);
    dataset_builder_release(&b);
}

static int setup(void **state)
{
    const bool train[DATASET_SPLITS] = {true, false};
    const size_t limit[] = {0, 1};
    if (scratch_setup(state) != 0)
        return -1;
    write_data(scratch_path("set.h5"), H, COUNT);
    for (int i = 0; i < 2; i++)
        assert_int_equal(dataset_open(&set[i], comm, scratch_path("set.h5"), train,
                                      &(struct dataset_use){.memory_limit = limit[i]}),
                         ST_OK);
    balance_init(&balance, SEED, dataset_labels(&set[0], DATASET_TRAIN), COUNT, 5);
    assert_true(dataset_resident(&set[0], DATASET_TRAIN));
    assert_false(dataset_resident(&set[1], DATASET_TRAIN));
    scratch_said();
    return 0;
}

static int teardown(void **state)
{
    balance_release(&balance);
    dataset_close(&set[0]);
    dataset_close(&set[1]);
    return scratch_teardown(state);
}

static void share(const void *context, uint64_t number, struct prefetch_batch *batch)
{
    (void)context;
    uint64_t first = number % STEPS * BATCH, left = COUNT - first;
    *batch = (struct prefetch_batch){
        .epoch = (uint32_t)(number / STEPS),
        .first = first + SKIPPED,
        .count = (left < BATCH ? left : BATCH) - SKIPPED,
    };
}

enum order { IN_FILE, SHUFFLED, BALANCED, ORDERS }; /* all but the first augmented */

static struct loader loader_of(struct dataset *dataset, enum order order)
{
    struct loader loader;
    loader_init(&loader, dataset, DATASET_TRAIN);
    if (order != IN_FILE)
        loader_shuffle(&loader, SEED, &augment);
    if (order == BALANCED)
        loader.balance = &balance;
    loader.input.crop.shift_x = -1;
    return loader;
}

static struct prefetch *make(const struct loader *loader, int depth, bool augmenter,
                             size_t memory)
{
    const struct prefetch_setup with = {
        .loader = loader,
        .most = BATCH,
        .depth = depth,
        .augment = augmenter,
        .memory = memory,
        .batch = share,
    };
    return prefetch_create(&with);
}

/* A compute thread; two of them fill a batch from both ends. */
struct worker {
    struct prefetch *prefetch;
    struct prefetch_batch batch;
    bool backwards;
    float x[BATCH][H * W];
    struct loader_sample sample[BATCH];
};

static void *fill_all(void *context)
{
    struct worker *worker = context;
    int count = (int)worker->batch.count;
    for (int n = 0; n < count; n++) {
        int i = worker->backwards ? count - 1 - n : n;
        prefetch_fill(worker->prefetch, worker->batch.first + (uint64_t)i, worker->x[i],
                      &worker->sample[i]);
    }
    return NULL;
}

static void expect_batch(const struct worker *worker, struct loader *reference)
{
    const struct prefetch_batch *batch = &worker->batch;
    assert_int_equal(
        loader_prepare(reference, batch->epoch, batch->first, batch->count, BATCH),
        ST_OK);
    for (uint64_t i = 0; i < batch->count; i++) {
        float x[H * W];
        struct loader_sample sample;
        loader_fill(reference, batch->first + i, x, &sample);
        assert_memory_equal(worker->x[i], x, sizeof x);
        assert_int_equal(worker->sample[i].label, sample.label);
        assert_int_equal(worker->sample[i].number, sample.number);
        assert_int_equal(worker->sample[i].key, sample.key);
    }
}

static void expect_taken(struct prefetch *prefetch, struct loader *reference,
                         uint64_t number)
{
    static struct worker worker[2];
    pthread_t thread;
    assert_int_equal(prefetch_take(prefetch, number), ST_OK);
    for (int i = 0; i < 2; i++) {
        worker[i] = (struct worker){.prefetch = prefetch, .backwards = i == 1};
        share(NULL, number, &worker[i].batch);
    }
    thread_start(&thread, fill_all, &worker[1]);
    fill_all(&worker[0]);
    pthread_join(thread, NULL);
    expect_batch(&worker[0], reference);
    expect_batch(&worker[1], reference);
}

static void expect_epochs(struct dataset *dataset, enum order order, int depth,
                          bool augmenter)
{
    struct loader loader = loader_of(dataset, order);
    struct loader reference = loader_of(&set[0], order);
    struct prefetch *prefetch = make(&loader, depth, augmenter, PLENTY);
    bool resident = dataset_resident(dataset, DATASET_TRAIN);
    assert_int_equal(prefetch_depth(prefetch), resident && !augmenter ? 0 : depth);
    for (uint64_t number = 4; number < 4 + 4 * STEPS; number++)
        expect_taken(prefetch, &reference, number);
    prefetch_free(prefetch);
    loader_release(&reference);
}

static void test_the_same_at_every_depth(void **state)
{
    (void)state;
    const int depths[] = {0, 1, 2, 3, 4, PREFETCH_DEPTH_MAX};
    for (int i = 0; i < 6; i++)
        for (int which = 0; which < 4; which++)
            for (int order = 0; order < ORDERS; order++)
                expect_epochs(&set[which & 1], (enum order)order, depths[i], which & 2);
}

/* In a balanced epoch samples of small classes come several times. Each time they look
   different, and have other draws. */
static void test_a_sample_that_comes_again(void **state)
{
    (void)state;
    static float x[COUNT][H * W];
    struct loader_sample sample[COUNT];
    struct loader loader = loader_of(&set[0], BALANCED);
    int again = 0;
    assert_int_equal(loader_prepare(&loader, 3, 0, COUNT, COUNT), ST_OK);
    for (uint64_t i = 0; i < COUNT; i++) {
        assert_true(loader_fill(&loader, i, x[i], &sample[i]));
        assert_int_equal(sample[i].label, loader_class(&loader, sample[i].number));
        for (uint64_t j = 0; j < i; j++) {
            assert_int_not_equal(sample[i].key, sample[j].key);
            if (sample[i].number != sample[j].number)
                continue;
            again++;
            assert_memory_not_equal(x[i], x[j], sizeof x[i]);
        }
    }
    assert_true(again >= 40); /* four classes of 2 or 3 samples come 12 times each */
    loader_release(&loader);
}

/* The draws of a shuffled order are named by the sample alone: as in older versions. */
static void test_keys_of_shuffled_samples(void **state)
{
    (void)state;
    struct loader loader = loader_of(&set[0], SHUFFLED);
    for (uint64_t i = 0; i < COUNT; i++) {
        struct loader_sample sample = loader_look(&loader, i);
        assert_int_equal(sample.key, sample.number);
    }
    loader_release(&loader);
}

/* As when a run resumes at another batch, or a measurement goes back. */
static void test_any_order(void **state)
{
    (void)state;
    const uint64_t order[] = {40, 41, 3, 4, 5, 3, 3, 100000, 0, 1, 2, 6, 7};
    for (int which = 0; which < 2; which++) {
        struct loader loader = loader_of(&set[which], SHUFFLED);
        struct loader reference = loader_of(&set[0], SHUFFLED);
        struct prefetch *prefetch = make(&loader, 3, true, PLENTY);
        for (size_t i = 0; i < sizeof order / sizeof *order; i++)
            expect_taken(prefetch, &reference, order[i]);
        prefetch_free(prefetch);
        loader_release(&reference);
    }
}

static void test_stopped_at_any_time(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        for (int steps = 0; steps < 20; steps++) {
            struct loader loader = loader_of(&set[which], SHUFFLED);
            struct prefetch *prefetch = make(&loader, 1 + steps % 4, true, PLENTY);
            for (uint64_t number = 0; number < (uint64_t)steps; number++)
                assert_int_equal(prefetch_take(prefetch, number), ST_OK);
            prefetch_free(prefetch);
        }
    }
    prefetch_free(NULL);
}

/* The augmenting thread prepares samples if it gets CPU time. */
static void test_augmented_ahead(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        struct loader loader = loader_of(&set[which], SHUFFLED);
        struct loader reference = loader_of(&set[0], SHUFFLED);
        struct prefetch *prefetch = make(&loader, 2, true, PLENTY);
        struct prefetch_counts counts = {0};
        for (uint64_t n = 0; n < 20000 && counts.ahead == 0; n++) {
            expect_taken(prefetch, &reference, n);
            counts = prefetch_counts(prefetch);
            usleep(100);
        }
        assert_true(counts.ahead > 0);
        assert_true(counts.filled > 0 && counts.waited >= 0);
        assert_true(which || counts.waited == 0);
        prefetch_free(prefetch);
        loader_release(&reference);
    }
}

static void test_no_more_memory_than_there_is(void **state)
{
    (void)state;
    const size_t ready = BATCH * (H * W * sizeof(float) + sizeof(uint64_t));
    const size_t raw = BATCH * (H * W + 2 * sizeof(uint64_t));
    struct loader loader = loader_of(&set[0], SHUFFLED),
                  disk = loader_of(&set[1], SHUFFLED);
    const struct {
        const struct loader *loader;
        bool augmenter;
        size_t memory;
        int depth;
    } cases[] = {
        {&loader, true, 0, 0},
        {&loader, true, 2 * ready - 1, 0},
        {&loader, true, 2 * ready, 1},
        {&loader, true, 7 * ready, 5},
        {&disk, true, 2 * (ready + raw) + raw - 1, 0},
        {&disk, true, 2 * (ready + raw) + raw, 1},
        {&disk, false, 3 * raw, 2},
        {&loader, false, PLENTY, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct loader reference = loader_of(&set[0], SHUFFLED);
        struct prefetch *prefetch =
            make(cases[i].loader, 5, cases[i].augmenter, cases[i].memory);
        assert_int_equal(prefetch_depth(prefetch), cases[i].depth);
        expect_taken(prefetch, &reference, 12);
        expect_taken(prefetch, &reference, 13);
        prefetch_free(prefetch);
        loader_release(&reference);
    }
}

/* A file is truncated while it is read in file order: the batches before the cut are
   complete, and the first one after it fails when it is taken, not when it is read. */
static void test_an_error_comes_out_at_its_step(void **state)
{
    (void)state;
    const bool train[DATASET_SPLITS] = {true, false};
    struct dataset cut;
    size_t bytes;
    write_data(scratch_path("cut.h5"), H, COUNT);
    void *whole = scratch_read(scratch_path("cut.h5"), &bytes);
    for (int depth = 0; depth <= 4; depth++) {
        const char *path = scratch_write("cut.h5", whole, bytes);
        assert_int_equal(dataset_open(&cut, comm, path, train,
                                      &(struct dataset_use){.memory_limit = 1}),
                         ST_OK);
        scratch_said();
        struct loader loader = loader_of(&cut, IN_FILE);
        struct loader reference = loader_of(&set[0], IN_FILE);
        uint64_t sample = BATCH * 4 + SKIPPED + 1; /* the last complete one */
        uint8_t *last = memmem(
            whole, bytes, dataset_image(&set[0], DATASET_TRAIN, sample), (size_t)H * W);
        assert_non_null(last);
        assert_int_equal(truncate(path, last - (uint8_t *)whole + H * W), 0);
        struct prefetch *prefetch = make(&loader, depth, depth % 2, PLENTY);
        for (uint64_t number = 0; number < 4; number++)
            expect_taken(prefetch, &reference, number);
        assert_string_equal(scratch_said(), "");
        assert_int_equal(prefetch_take(prefetch, 4), ST_FAIL);
        expect_said("cut.h5': the file has become shorter");
        prefetch_free(prefetch);
        loader_release(&reference);
        dataset_close(&cut);
    }
    free(whole);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_at_every_depth),
        cmocka_unit_test(test_a_sample_that_comes_again),
        cmocka_unit_test(test_keys_of_shuffled_samples),
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_stopped_at_any_time),
        cmocka_unit_test(test_augmented_ahead),
        cmocka_unit_test(test_no_more_memory_than_there_is),
        cmocka_unit_test(test_an_error_comes_out_at_its_step),
    };
    comm = comm_start(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, setup, teardown);
    comm_finish(comm);
    return failed;
}
