/* The table of a small network, and the verdicts on made-up times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lab/strategy_table.h"

/* A made-up machine of two CPUs. */
static struct machine machine_of_two(void)
{
    struct machine machine = {
        .cpus = 2, .peak = 100e9, .cache = {32 << 10, 1 << 20, 32 << 20}, .teams = 3};
    static const int threads[] = {1, 2, 4};
    for (int i = 0; i < 3; i++) {
        struct machine_team *team = &machine.team[i];
        *team = (struct machine_team){.threads = threads[i],
                                      .wake = {.median = 5e-6},
                                      .barrier = {.median = 0.2e-6}};
        for (int level = 0; level < MACHINE_LEVELS; level++)
            team->bandwidth[level] = (level == MACHINE_MEMORY ? 20e9 : 200e9);
    }
    return machine;
}

static const char *const network[] = {"conv 17 kernel=3", "maxpool 2",  "gelu",
                                      "flatten",          "linear 19",  "relu",
                                      "linear classes",   "logsoftmax", NULL};

static void test_table(void **state)
{
    (void)state;
    struct machine machine = machine_of_two();
    struct model_spec spec = {0};
    struct strategy_table table;
    for (int i = 0; network[i]; i++)
        model_spec_add(&spec, network[i], "net.conf:1");
    float *images = mem_aligned(3 * 11 * 9, sizeof *images);
    struct strategy_table_setup setup = {.spec = &spec,
                                         .in = {11, 9, 1},
                                         .classes = 5,
                                         .batch = 3,
                                         .images = images,
                                         .machine = &machine,
                                         .seconds = 0.05};
    assert_int_equal(strategy_table_measure(&setup, &table), ST_OK);
    static const char *const names[] = {"conv1",   "maxpool1", "gelu1",   "conv1-gelu1",
                                        "linear1", "relu1",    "linear2", "logsoftmax1"};
    assert_int_equal(table.subjects, 8);
    for (int i = 0; i < table.subjects; i++) {
        assert_string_equal(table.subject[i].name, names[i]);
        assert_int_equal(table.subject[i].block, i == 3);
        for (int pass = 0; pass < STRATEGY_PASSES; pass++) {
            assert_true(table.subject[i].measured[pass]);
            assert_non_null(strategy_table_find(&table, i, pass, SPLIT_SEQUENTIAL, 1));
            assert_non_null(strategy_table_find(&table, i, pass, SPLIT_BATCH, 2));
            int best = 0;
            for (int r = 0; r < table.rows; r++)
                best += table.row[r].subject == i && (int)table.row[r].pass == pass &&
                        table.row[r].threads <= 2 && table.row[r].best;
            assert_in_range(best, 1, 2); /* sequential, and of two threads if faster */
        }
    }
    for (int r = 0; r < table.rows; r++) {
        const struct strategy_row *row = &table.row[r];
        assert_true(row->time.low <= row->time.median);
        assert_true(row->time.median <= row->time.high && row->time.low > 0);
        assert_true(row->time.count >= 7 && *row->verdict && row->speedup > 0);
        assert_true(row->split != SPLIT_SEQUENTIAL || row->speedup == 1);
    }
    strategy_table_release(&table);
    setup.layers = "conv1*";
    assert_int_equal(strategy_table_measure(&setup, &table), ST_OK);
    assert_int_equal(table.subjects, 2);
    strategy_table_release(&table);
    setup.layers = "nothing*";
    char why[STATUS_TEXT];
    status_capture(why);
    assert_int_equal(strategy_table_measure(&setup, &table), ST_USAGE);
    status_capture(NULL);
    strategy_table_release(&table);
    free(images);
    model_spec_release(&spec);
}

/* One subject, one pass: sequential takes 100 us, the rows what they are given. */
static void judged(struct strategy_row *rows, int count, double bytes,
                   const char *verdict)
{
    struct machine machine = machine_of_two();
    struct strategy_subject subject = {
        .flops[STRATEGY_FORWARD] = 1e6,
        .bytes[STRATEGY_FORWARD] = bytes,
        .level[STRATEGY_FORWARD] = machine_level(&machine, (size_t)bytes),
    };
    struct strategy_table table = {
        .subjects = 1, .subject = &subject, .rows = count, .row = rows};
    strategy_table_judge(&table, &machine);
    if (!strstr(rows[1].verdict, verdict))
        fail_msg("'%s' where '%s' belongs", rows[1].verdict, verdict);
}

static void judge_one(double alone, double time, int threads, int pieces, double sums,
                      double bytes, const char *verdict)
{
    struct strategy_row rows[] = {
        {.split = SPLIT_SEQUENTIAL,
         .threads = 1,
         .time = {alone, alone, alone, 9, false}},
        {.split = SPLIT_BATCH,
         .threads = threads,
         .time = {time, time, time, 9, false},
         .pieces = pieces,
         .sums = sums},
    };
    judged(rows, 2, bytes, verdict);
    assert_true(rows[1].speedup == alone / time);
    assert_true(rows[1].best == (time < alone));
}

static void test_verdicts(void **state)
{
    (void)state;
    judge_one(100e-6, 51e-6, 2, 16, 0, 1e4, "scales: 1.96x");
    judge_one(8e-6, 4.1e-6, 2, 16, 0, 1e4, "while the threads are awake (5 us");
    judge_one(100e-6, 99e-6, 2, 1, 0, 1e4, "too few pieces: 1 for 2 threads");
    judge_one(100e-6, 68e-6, 2, 3, 0, 1e4,
              "uneven: 3 pieces for 2 threads, at most 1.50x");
    judge_one(0.8e-6, 0.7e-6, 2, 16, 0, 1e2,
              "overhead: 0.4 us of work per thread, 0.2 us per barrier");
    judge_one(1000e-6, 900e-6, 2, 16, 0, 17e6, "scales in part: 1.11x");
    judge_one(10e-3, 9e-3, 2, 16, 0, 170e6, "bound by memory: 19 GB/s of 20");
    judge_one(100e-6, 80e-6, 2, 16, 0.3, 1e4, "partial sums take 30 %");
    judge_one(100e-6, 110e-6, 2, 16, 0, 1e4, "slower: 110.0 us against 100.0 alone");
    judge_one(100e-6, 51e-6, 4, 16, 0, 1e4, "the most that 2 CPUs can give");
    judge_one(100e-6, 91e-6, 4, 16, 0, 1e4, "oversubscribed: 4 threads on 2 CPUs");
    struct strategy_row rows[] = {
        {.split = SPLIT_SEQUENTIAL, .threads = 1, .time = {1e-4, 1e-4, 1e-4, 9, false}},
        {.split = SPLIT_BATCH, .threads = 2, .time = {5e-5, 4e-5, 9e-5, 9, false}},
    };
    judged(rows, 2, 1e4, "disturbed: the median lies anywhere in 40-90 us");
    assert_true(rows[0].best && rows[1].best);
    rows[1].time.doubtful = true;
    rows[1].disturbed = 0.97;
    judged(rows, 2, 1e4, "disturbed: other work took a CPU in 97 % of the rounds");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_verdicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
