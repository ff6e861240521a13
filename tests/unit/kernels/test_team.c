#include "kernel_test.h"

#include "kernels/vector.h"

static void test_split(void **state)
{
    (void)state;
    for (int size = 1; size <= 7; size++) {
        for (int count = 0; count <= 40; count++) {
            int next = 0, least = count, most = 0;
            for (int i = 0; i < size; i++) {
                struct team team = {.size = size, .index = i};
                int begin, end;
                team_split(&team, count, &begin, &end);
                assert_int_equal(begin, next);
                assert_true(end >= begin);
                next = end;
                least = end - begin < least ? end - begin : least;
                most = end - begin > most ? end - begin : most;
            }
            assert_int_equal(next, count);
            assert_true(most - least <= 1);
        }
    }
}

enum { ROUNDS = 200, MEMBERS = 5 };

struct rounds {
    int written[MEMBERS];
    atomic_int bad;
};

/* Between two barriers every member must see what all wrote before the first. */
static void count_rounds(const struct team *team, void *context)
{
    struct rounds *r = context;
    for (int round = 1; round <= ROUNDS; round++) {
        r->written[team->index] = round;
        team_barrier(team);
        for (int i = 0; i < team->size; i++)
            if (r->written[i] != round)
                atomic_fetch_add(&r->bad, 1);
        team_barrier(team);
    }
}

static void test_barrier(void **state)
{
    static const double spins[] = {0, WAIT_BRIEF};
    (void)state;
    for (int i = 0; i < 2 * MEMBERS; i++) {
        struct rounds r = {0};
        int size = i / 2 + 1;
        wait_set_spin(spins[i % 2]);
        with_team(size, count_rounds, &r);
        assert_int_equal(atomic_load(&r.bad), 0);
        for (int m = 0; m < size; m++)
            assert_int_equal(r.written[m], ROUNDS);
    }
}

static void mark(void *context, int thread)
{
    int *calls = context;
    calls[thread]++;
}

static void test_run(void **state)
{
    (void)state;
    int calls[7] = {0};
    for (int i = 0; i < 3; i++)
        team_run(7, mark, calls);
    for (int i = 0; i < 7; i++)
        assert_int_equal(calls[i], 3);
}

static void test_vector(void **state)
{
    (void)state;
    float x[19], y[19];
    for (int i = 0; i < 19; i++) {
        x[i] = (float)i;
        y[i] = 100.0f;
    }
    vector_add(y, x, 18);
    for (int i = 0; i < 18; i++)
        assert_true(y[i] == 100.0f + (float)i);
    assert_true(y[18] == 100.0f);
    assert_true(vector_finite(x, 19));
    x[18] = NAN;
    assert_true(vector_finite(x, 18));
    assert_false(vector_finite(x, 19));
    x[3] = -INFINITY;
    assert_false(vector_finite(x, 18));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_barrier),
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_vector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
