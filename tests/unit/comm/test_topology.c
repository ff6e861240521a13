/* Who is on which node, and who owns which grains. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "comm/topology.h"
#include "comm/tree.h"

static void test_nodes(void **state)
{
    (void)state;
    const int first[] = {0, 3, 4, 9};
    struct topology topology;
    topology_init(&topology, 3, first);
    assert_int_equal(topology.ranks, 9);
    assert_int_equal(topology.largest_node, 5);
    assert_int_equal(topology.smallest_node, 1);
    assert_int_equal(topology.share_align, 1);
    for (int node = 0; node < 3; node++)
        for (int rank = -1; rank <= 9; rank++)
            assert_int_equal(topology_on_node(&topology, node, rank),
                             rank >= first[node] && rank < first[node + 1]);
    topology_release(&topology);
}

static void test_even(void **state)
{
    (void)state;
    for (int ranks = 1; ranks <= 20; ranks++) {
        for (int per_node = 1; per_node <= 24; per_node++) {
            struct topology topology;
            topology_init_even(&topology, ranks, per_node);
            int sum = 0, last = topology.nodes - 1;
            for (int i = 0; i <= last; i++) {
                int size = topology.node_first[i + 1] - topology.node_first[i];
                assert_true(i == last || size == per_node);
                assert_true(size >= 1 && size <= per_node);
                sum += size;
            }
            assert_int_equal(sum, ranks);
            assert_int_equal(topology.largest_node, last > 0 ? per_node : ranks);
            assert_int_equal(topology.smallest_node, ranks - topology.node_first[last]);
            topology_release(&topology);
        }
    }
}

/* The ranges of ranks, and those of nodes, follow each other and have aligned borders. */
static void check_members(const struct topology *topology, enum topology_scope scope,
                          int n)
{
    int members = topology_members(topology, scope), next = 0;
    assert_int_equal(members, scope == SCOPE_NODES ? topology->nodes : topology->ranks);
    assert_int_equal(topology_member_grain(topology, scope, n, 0), 0);
    assert_int_equal(topology_member_grain(topology, scope, n, members), n);
    for (int i = 0; i < members; i++) {
        int end = topology_member_grain(topology, scope, n, i + 1);
        assert_true(end >= next);
        assert_true(end % topology->share_align == 0 || end == n);
        assert_int_equal(topology_member_terms(topology, scope, n, i, i + 1),
                         tree_cover_count(n, next, end));
        next = end;
    }
}

static void test_shares(void **state)
{
    (void)state;
    const int first[] = {0, 3, 4, 9};
    struct topology topology;
    topology_init(&topology, 3, first);
    for (int align = 1; align <= 8; align *= 2) {
        topology.share_align = align;
        for (int n = 1; n <= 60; n++) {
            check_members(&topology, SCOPE_RANKS, n);
            check_members(&topology, SCOPE_NODES, n);
            int begin, most, end;
            topology_share(&topology, n, 0, &begin, &most);
            for (int rank = 1; rank < topology.ranks; rank++) {
                topology_share(&topology, n, rank, &begin, &end);
                assert_int_equal(begin,
                                 topology_member_grain(&topology, SCOPE_RANKS, n, rank));
                assert_true(end >= begin && end - begin <= most);
            }
        }
    }
    topology_release(&topology);
}

/* A plan may hold a large alignment; the borders of shares must not overflow. */
static void test_large_alignment(void **state)
{
    (void)state;
    enum { GRAINS = INT_MAX - 5, ALIGN = 1 << 20 };
    struct topology topology;
    int begin, end, at = 0;
    topology_init_even(&topology, 3, 2);
    topology.share_align = ALIGN;
    for (int rank = 0; rank < 3; rank++) {
        topology_share(&topology, GRAINS, rank, &begin, &end);
        assert_int_equal(begin, at);
        assert_true(end == GRAINS || end % ALIGN == 0);
        at = end;
    }
    assert_int_equal(at, GRAINS);
    topology_release(&topology);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nodes),
        cmocka_unit_test(test_even),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_large_alignment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
