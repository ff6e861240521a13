/* Costs of the algorithms, in worlds of any size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "comm/world.h"

#define FLOATS 300000

static struct comm_work work_of(int ranks, int per_node, int n)
{
    struct topology world;
    topology_init_even(&world, ranks, per_node);
    struct comm_work work = comm_work_of(&world, n, FLOATS);
    topology_release(&world);
    return work;
}

static int first_share(const struct topology *world, int n)
{
    int begin, end;
    topology_share(world, n, 0, &begin, &end);
    return end - begin;
}

static void test_shape(void **state)
{
    (void)state;
    struct topology world;
    topology_init_even(&world, 10, 4);
    world.share_align = 2;
    assert_int_equal(world.nodes, 3);
    assert_int_equal(first_share(&world, 20), 2);
    assert_int_equal(first_share(&world, 21), 4); /* whole pairs */
    assert_int_equal(first_share(&world, 1), 1);
    topology_release(&world);
}

static void test_one_node(void **state)
{
    (void)state;
    struct comm_work none = work_of(1, 1, 8), node = work_of(4, 4, 8);
    assert_null(none.name);
    assert_true(none.rounds == 0 && none.floats == 0 && none.meetings == 0);
    assert_string_equal(node.name, "shared");
    assert_true(node.floats == 0 && node.messages == 0);
    assert_true(node.touched >= FLOATS && node.meetings > 0);
}

static void test_nodes(void **state)
{
    (void)state;
    struct comm_work two = work_of(2, 1, 8), many = work_of(64, 1, 64);
    assert_true(two.rounds >= 1 && two.touched == 0);
    assert_true(two.floats == FLOATS); /* the whole vector, each way */
    assert_true(many.floats > FLOATS && many.floats < 3.0 * FLOATS);
    struct comm_work levels = work_of(16, 8, 16);
    assert_memory_equal(levels.name, "levels", 6);
    assert_true(levels.floats == FLOATS); /* once for a node, not for each rank */
    assert_true(levels.touched > 0);
}

static struct comm_work over(double bandwidth, int per_node, int nodes)
{
    struct topology world;
    topology_init_even(&world, per_node * nodes, per_node);
    world.link = (struct comm_link){20e-6, bandwidth};
    struct comm_work work = comm_work_of(&world, world.ranks, FLOATS);
    topology_release(&world);
    return work;
}

/* Half of the vector, a quarter, an eighth ..., there and back, however many ranks a node
   has: within a node they use shared memory. */
static void test_halving_between_nodes(void **state)
{
    (void)state;
    assert_string_equal(over(1e8, 1, 64).name, "halving");
    for (int per_node = 1; per_node <= 64; per_node *= 2) {
        struct comm_work work = over(1e8, per_node, 64);
        assert_non_null(strstr(work.name, "halving"));
        assert_true(work.floats < 2.0 * FLOATS && work.floats > 1.9 * FLOATS);
        assert_true(work.rounds == 12);
        assert_true((work.meetings > 0) == (per_node > 1));
    }
    struct comm_work odd =
        over(1e8, 3, 64); /* each node of the cluster holds two nodes of the tree */
    assert_string_equal(odd.name, "levels-halving");
    assert_true(odd.floats < 3.0 * FLOATS && odd.rounds == 12);
}

/* Few bytes through a slow network, few messages through a fast one. */
static void test_link(void **state)
{
    (void)state;
    struct comm_work slow = over(1e7, 1, 16), fast = over(1e11, 1, 16);
    assert_true(slow.floats < fast.floats);
    assert_true(slow.messages > fast.messages);
    assert_true(over(1e8, 2, 2).floats == FLOATS);
}

/* Shares that are not single nodes of the tree cost more. */
static void test_odd_shares(void **state)
{
    (void)state;
    assert_true(work_of(3, 1, 8).floats > work_of(4, 1, 8).floats);
    for (int ranks = 2; ranks <= 4096; ranks += ranks / 2) {
        struct comm_work work = work_of(ranks, 1, ranks + 5);
        assert_non_null(work.name);
        assert_true(work.floats >= FLOATS / 2 && work.messages >= 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shape), cmocka_unit_test(test_one_node),
        cmocka_unit_test(test_nodes), cmocka_unit_test(test_halving_between_nodes),
        cmocka_unit_test(test_link),  cmocka_unit_test(test_odd_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
