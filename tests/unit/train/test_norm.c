#include "../network.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "train/norm.h"

static struct model model;

static int setup(void **unused)
{
    (void)unused;
    const char *const lines[] = {
        "conv 5 kernel=3", "flatten",        "linear 60",  "gelu",
        "linear 200",      "linear classes", "logsoftmax", NULL};
    network_build(&model, lines, (struct shape){8, 7, 1}, 3, 4);
    return 0;
}

static int teardown(void **unused)
{
    (void)unused;
    model_release(&model);
    return 0;
}

static float *draw(void)
{
    float *vector = mem_aligned(model.params, sizeof *vector);
    struct rng rng;
    rng_init(&rng, 4, RNG_TEST, 0, 0);
    for (size_t i = 0; i < model.params; i++)
        vector[i] = rng_normal(&rng) * (float)pow(10, (double)(i % 9) - 4);
    return vector;
}

static void square_all(struct norm *norm, const float *vector, int threads,
                       double *unit_sum)
{
    for (int t = threads - 1; t >= 0; t--) { /* in any order */
        const struct team team = {.size = threads, .index = t};
        int first, last;
        norm_share(norm, &team, &first, &last);
        norm_square(norm, vector, first, last);
    }
    norm_unit_sums(norm, unit_sum);
}

/* Chunks are whole, in order, and end where units do. */
static void test_chunks(void **unused)
{
    (void)unused;
    struct norm norm;
    norm_init(&norm, &model);
    assert_true(norm.chunks > model.units);
    for (int c = 0; c < norm.chunks; c++) {
        assert_true(norm.begin[c] < norm.begin[c + 1]);
        assert_true(norm.begin[c + 1] - norm.begin[c] <= NORM_CHUNK);
    }
    for (int u = 0; u < model.units; u++)
        assert_true(norm.begin[norm.first[u]] == model.unit[u].begin);
    assert_true(norm.begin[norm.chunks] == model.params);
    norm_release(&norm);
}

/* Threads take each chunk once, and their number changes no bit. */
static void test_threads(void **unused)
{
    (void)unused;
    struct norm norm;
    double alone[MODEL_LAYERS], shared[MODEL_LAYERS];
    float *vector = draw();
    norm_init(&norm, &model);
    square_all(&norm, vector, 1, alone);
    for (int u = 0; u < model.units; u++) {
        double sum = 0;
        for (size_t i = model.unit[u].begin; i < model.unit[u].end; i++)
            sum += (double)vector[i] * vector[i];
        assert_true(fabs(alone[u] - sum) <= 1e-12 * sum);
    }
    for (int threads = 2; threads < 12; threads++) {
        int next = 0;
        for (int t = 0; t < threads; t++) {
            const struct team team = {.size = threads, .index = t};
            int first, last;
            norm_share(&norm, &team, &first, &last);
            assert_int_equal(first, next);
            assert_true(last >= first);
            next = last;
        }
        assert_int_equal(next, norm.chunks);
        for (int c = 0; c < norm.chunks; c++)
            norm.sum[c] = NAN;
        square_all(&norm, vector, threads, shared);
        assert_memory_equal(shared, alone, (size_t)model.units * sizeof *shared);
    }
    norm_release(&norm);
    free(vector);
}

/* The units of a part have the sums that they have in the whole model. */
static void test_parts(void **unused)
{
    (void)unused;
    struct norm norm;
    double whole[MODEL_LAYERS], part_sum[MODEL_LAYERS];
    float *vector = draw();
    norm_init(&norm, &model);
    square_all(&norm, vector, 1, whole);
    norm_release(&norm);
    for (int begin = 0; begin < model.units; begin++) {
        for (int end = begin + 1; end <= model.units; end++) {
            struct model part;
            model_part(&part, &model, begin, end);
            norm_init(&norm, &part);
            square_all(&norm, vector + model.unit[begin].begin, 1, part_sum);
            assert_memory_equal(part_sum, whole + begin,
                                (size_t)(end - begin) * sizeof *whole);
            norm_release(&norm);
            model_release(&part);
        }
    }
    free(vector);
}

/* Statistics and frozen ranges do not count, and cut chunks without changing the rest. */
static void test_ranges(void **unused)
{
    (void)unused;
    struct norm norm;
    double sum[MODEL_LAYERS];
    float *vector = draw();
    size_t params = model.params;
    struct ranges own = model.ranges;
    model.ranges = (struct ranges){0};
    ranges_append(&model.ranges, 30, RANGE_TRAIN);
    ranges_append(&model.ranges, 33, RANGE_STATISTIC);
    ranges_append(&model.ranges, 5000, RANGE_TRAIN_DECAY);
    ranges_append(&model.ranges, 5100, RANGE_FROZEN);
    ranges_append(&model.ranges, 5103, RANGE_STATISTIC);
    ranges_append(&model.ranges, params, RANGE_TRAIN);
    assert_true(params > 5200);
    for (size_t i = 0; i < params; i++)
        if ((i >= 30 && i < 33) || (i >= 5000 && i < 5103))
            vector[i] = NAN;
    norm_init(&norm, &model);
    square_all(&norm, vector, 2, sum);
    for (int u = 0; u < model.units; u++) {
        double expected = 0;
        for (size_t i = model.unit[u].begin; i < model.unit[u].end; i++)
            expected += isnan(vector[i]) ? 0 : (double)vector[i] * vector[i];
        assert_true(fabs(sum[u] - expected) <= 1e-12 * expected);
    }
    norm_release(&norm);
    ranges_release(&model.ranges);
    model.ranges = own;
    free(vector);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_ranges),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
