/* Predictions in limiting cases, and the direction in which each figure moves. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lab/fabric.h"
#include "lab/scaling.h"

#define IMAGE   40e-6  /* seconds of computing */
#define UPDATE  100e-6 /* of any step */
#define FIXED   20e-6  /* of any step besides */
#define BATCH   1024
#define GRAIN   32
#define NOTHING 1e-12

/* Ranks that do not disturb each other, of one thread, one to a node. */
static struct scaling ideal(void)
{
    struct scaling s = {
        .batch = BATCH,
        .grain = GRAIN,
        .images = 100000,
        .threads = 1,
        .lanes = 1,
        .teams = true,
        .overlap = true,
        .align = 1,
        .per_node = 1,
        .cpus = 1,
        .measured = 1,
        .backward = {.polls = 3,
                     .share = {0.2, 0.5, 1},
                     .pieces = 2,
                     .floats = {200000, 100000},
                     .ready = {0, 2}},
        .network = {.known = true, .given = true, .between_nodes = true},
        .costs = {.latency = 20e-6,
                  .message = 1e-6,
                  .link = 4 / 1.2e9,
                  .copy = 1e-10,
                  .meeting = 1e-6,
                  .touched = 1e-10},
    };
    return s;
}

static void fill_in(struct scaling *s)
{
    for (int i = 0; i < s->points; i++) {
        struct workload_point *p = &s->point[i];
        p->update = UPDATE;
        p->backward = IMAGE / 2 * p->samples;
        p->seconds = FIXED + UPDATE + IMAGE * p->samples;
    }
}

static struct scaling_row predict(struct scaling s, int ranks, long long batch)
{
    struct scaling_row row;
    scaling_need(&s, 1, s.batch);
    scaling_need(&s, ranks, batch);
    fill_in(&s);
    scaling_predict(&s, ranks, batch, &row);
    return row;
}

static struct scaling_row weak(struct scaling s, int ranks)
{
    return predict(s, ranks, scaling_weak_batch(&s, ranks));
}

static void assert_near(double value, double wanted)
{
    if (fabs(value - wanted) > 1e-9 + 1e-6 * fabs(wanted))
        fail_msg("%g, wanted %g", value, wanted);
}

static void test_one_rank(void **state)
{
    (void)state;
    struct scaling_row row = predict(ideal(), 1, BATCH);
    assert_near(row.step, FIXED + UPDATE + IMAGE * BATCH);
    assert_near(row.reduce, 0);
    assert_near(row.exposed, 0);
    assert_near(row.step, row.step_no_overlap);
    assert_near(row.efficiency, 1);
    assert_near(row.images_per_second, BATCH / row.step);
    assert_near(row.epoch, ceil(100000.0 / BATCH) * row.step);
    assert_int_equal(row.nodes, 1);
}

static void test_infinite_network(void **state)
{
    (void)state;
    struct scaling s = ideal();
    s.costs = (struct scaling_costs){0};
    for (int ranks = 1; ranks <= 4096; ranks *= 4)
        assert_near(weak(s, ranks).efficiency, 1);
    struct scaling_row row = predict(s, 32, BATCH); /* one grain each */
    assert_near(row.step, FIXED + UPDATE + IMAGE * GRAIN);
    assert_near(predict(s, 4096, BATCH).step, row.step); /* the others have none */
}

static void test_directions(void **state)
{
    (void)state;
    double compute = INFINITY, efficiency = 2;
    for (int ranks = 1; ranks <= 4096; ranks *= 2) {
        struct scaling_row row = predict(ideal(), ranks, BATCH);
        assert_true(row.compute <= compute);
        assert_true(row.efficiency < efficiency);
        assert_true(row.step <= row.step_no_overlap + NOTHING);
        assert_true(row.exposed <= row.reduce + NOTHING);
        assert_true(row.step >= row.compute + row.update);
        compute = row.compute;
        efficiency = row.efficiency;
    }
}

static void test_network_speed(void **state)
{
    (void)state;
    for (int ranks = 2; ranks <= 512; ranks *= 2) {
        double last = 0;
        for (double speed = 1e10; speed > 1e6; speed /= 10) {
            struct scaling s = ideal();
            s.costs.link = 4 / speed;
            struct scaling_row row = predict(s, ranks, BATCH);
            assert_true(row.step >= last);
            last = row.step;
        }
        last = 0;
        for (double latency = 1e-6; latency < 1; latency *= 10) {
            struct scaling s = ideal();
            s.costs.latency = latency;
            struct scaling_row row = predict(s, ranks, BATCH);
            assert_true(row.reduce >= latency);
            assert_true(row.step >= 0.99 * last); /* it depends on when it is polled */
            last = row.step;
        }
    }
}

/* On a slow link the sum is what goes over it: on two ranks the whole vector each way. */
static void test_slow_link(void **state)
{
    (void)state;
    struct scaling s = ideal();
    s.costs = (struct scaling_costs){.link = 1e-6};
    assert_near(predict(s, 2, BATCH).reduce, 300000 * 1e-6);
    assert_near(predict(s, 2, BATCH).link, 300000 * 1e-6);
    assert_near(predict(s, 2, BATCH).latency, 0);
}

/* What is hidden is at most what is left of backward when the first piece is final. */
static void test_overlap(void **state)
{
    (void)state;
    struct scaling s = ideal();
    double last = IMAGE / 2 * GRAIN;
    struct scaling_row row = predict(s, 8, BATCH);
    assert_true(row.exposed < row.reduce);
    assert_true(row.reduce - row.exposed <= 0.8 * last + NOTHING);
    s.overlap = false;
    assert_near(predict(s, 8, BATCH).step, row.step_no_overlap);
    s = ideal(); /* teams do not overlap */
    s.threads = s.lanes = 4;
    row = predict(s, 32, BATCH);
    assert_near(row.step, row.step_no_overlap);
    s.teams = false;
    row = predict(s, 32, BATCH);
    assert_true(row.step < row.step_no_overlap);
}

/* A measured sum is predicted as measured, and others in proportion. */
static void test_measured_sums(void **state)
{
    (void)state;
    struct scaling s = ideal();
    s.measured = 4;
    s.network.given = false;
    s.sums = 1;
    s.sum[0] = (struct scaling_sum){
        4, {.grains = BATCH / GRAIN, .pieces = 2, .seconds = 5e-3, .busy = 1e-3}};
    struct scaling_row row = predict(s, 4, BATCH);
    assert_true(fabs(row.reduce - 5e-3) < 1e-6);
    assert_true(predict(s, 8, BATCH).reduce > predict(ideal(), 8, BATCH).reduce);
    s.network.given = true; /* a given network: measured sums do not count */
    assert_near(predict(s, 4, BATCH).reduce, predict(ideal(), 4, BATCH).reduce);
}

static void test_interpolation(void **state)
{
    (void)state;
    struct scaling s = ideal();
    struct scaling_row row;
    s.batch = 100 * GRAIN; /* more than is measured */
    scaling_need(&s, 1, s.batch);
    assert_int_equal(s.points, 2);
    fill_in(&s);
    scaling_predict(&s, 1, s.batch, &row);
    assert_near(row.step, FIXED + UPDATE + IMAGE * s.batch);
    scaling_predict(&s, 1, 3 * GRAIN, &row);
    assert_near(row.step, FIXED + UPDATE + IMAGE * 3 * GRAIN);
    s.points = 1; /* then in proportion */
    scaling_predict(&s, 1, 2LL * s.point[0].samples, &row);
    assert_near(row.step, UPDATE + 2 * (FIXED + IMAGE * s.point[0].samples));
}

static void test_batch_for(void **state)
{
    (void)state;
    for (int ranks = 2; ranks <= 64; ranks *= 2) {
        struct scaling s = ideal();
        scaling_need(&s, 1, s.batch);
        fill_in(&s);
        long long batch = scaling_batch_for(&s, ranks, 0.8);
        struct scaling_row row;
        assert_true(batch > 0 && batch % (GRAIN * ranks) == 0);
        scaling_predict(&s, ranks, batch, &row);
        assert_true(row.efficiency >= 0.8);
        if (batch > GRAIN * ranks) {
            scaling_predict(&s, ranks, batch - GRAIN * ranks, &row);
            assert_true(row.efficiency < 0.8);
        }
        assert_true(scaling_batch_for(&s, ranks, 1.1) == 0);
    }
}

static void test_covered(void **state)
{
    (void)state;
    struct scaling s = ideal();
    assert_int_equal(scaling_covered(&s), SCALING_MOST);
    s.network.given = false;
    s.network.between_nodes = false;
    s.per_node = 3;
    assert_int_equal(scaling_covered(&s), 3);
    assert_int_equal(scaling_concurrent(&s, 2), 2);
    assert_int_equal(scaling_concurrent(&s, 100), 3);
    s.measured = 8;
    assert_int_equal(scaling_concurrent(&s, 100), 8);
    assert_true(scaling_sums_count(&s, 2, 4));
    assert_false(scaling_sums_count(&s, 8, 4)); /* 4 to a node, not 3 */
    assert_true(scaling_sums_count(&s, 8, 3));
    assert_false(scaling_sums_count(&s, 16, 3));
}

static void parsed(const char *text, double bandwidth, double latency)
{
    struct fabric network;
    assert_int_equal(fabric_parse(text, &network), ST_OK);
    assert_string_equal(network.text, text);
    assert_true(network.known && network.given && network.between_nodes);
    assert_near(network.link.bandwidth, bandwidth * 1448 / 1538);
    assert_near(network.link.latency * 1e6, latency * 1e6);
}

static void test_network(void **state)
{
    (void)state;
    char why[STATUS_TEXT];
    struct fabric network;
    parsed("10Gbit,20us", 1.25e9, 20e-6);
    parsed("1Gbit,5ms", 1.25e8, 5e-3);
    parsed("100Mbit,0.5ms", 1.25e7, 5e-4);
    parsed("2.5GB,800ns", 2.5e9, 8e-7);
    parsed("300kB,1s", 3e5, 1);
    static const char *const bad[] = {
        "",
        ",",
        "10Gbit",
        "10Gbit,",
        ",20us",
        "0Gbit,20us",
        "10Gbit,0us",
        "-1Gbit,20us",
        "10Gbit,-20us",
        "10,20",
        "10Gbit,20",
        "20us,10Gbit",
        "10gbit,20us",
        "1e9Gbit,20us",
        "10Gbit,20us,3",
        "nan,20us",
        "infGbit,1us",
        "10 Gbit,20us",
        "10Gbit,1e3s",
        "10Gbits,20us",
        "0x10Gbit,20us",
        "1e3Mbit,1us",
    };
    status_capture(why);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (fabric_parse(bad[i], &network) != ST_USAGE)
            fail_msg("'%s' was taken", bad[i]);
    char long_one[200];
    memset(long_one, '1', sizeof long_one - 1);
    long_one[sizeof long_one - 1] = '\0';
    assert_int_equal(fabric_parse(long_one, &network), ST_USAGE);
    status_capture(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_rank),      cmocka_unit_test(test_infinite_network),
        cmocka_unit_test(test_directions),    cmocka_unit_test(test_network_speed),
        cmocka_unit_test(test_slow_link),     cmocka_unit_test(test_overlap),
        cmocka_unit_test(test_measured_sums), cmocka_unit_test(test_interpolation),
        cmocka_unit_test(test_batch_for),     cmocka_unit_test(test_covered),
        cmocka_unit_test(test_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
