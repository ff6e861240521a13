#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "comm/tree.h"

enum { MOST = 300 };

static void test_split(void **state)
{
    (void)state;
    for (int begin = 0; begin < 5; begin++) {
        for (int width = 2; width <= 2 * MOST; width++) {
            int left = tree_split(begin, begin + width) - begin;
            assert_int_equal(left & (left - 1), 0);
            assert_true(left >= 1 && left < width && 2 * left >= width);
        }
    }
    assert_int_equal(tree_split(0, INT_MAX), 1 << 30);
    assert_int_equal(tree_split(3, (1 << 30) + 3), (1 << 29) + 3);
}

/* is_node[b][e]: [b, e) is a node of the tree, and its sides meet at split[b][e]. */
static unsigned char is_node[MOST + 1][MOST + 1];
static short split[MOST + 1][MOST + 1];

static void mark(int begin, int end)
{
    is_node[begin][end] = 1;
    split[begin][end] = 0;
    if (end - begin < 2)
        return;
    split[begin][end] = (short)tree_split(begin, end);
    mark(begin, split[begin][end]);
    mark(split[begin][end], end);
}

static void mark_tree(int n)
{
    memset(is_node, 0, sizeof is_node);
    mark(0, n);
}

static void test_siblings(void **state)
{
    (void)state;
    for (int n = 1; n <= 40; n++) {
        mark_tree(n);
        for (int a = 0; a < n; a++) {
            for (int m = a + 1; m < n; m++) {
                for (int b = m + 1; b <= n; b++) {
                    struct tree_node left = {a, m}, right = {m, b};
                    assert_int_equal(tree_siblings(n, left, right),
                                     is_node[a][b] && split[a][b] == m);
                }
            }
        }
        assert_false(
            tree_siblings(n, (struct tree_node){0, 1}, (struct tree_node){2, 3}));
    }
}

static void test_siblings_of_large_trees(void **state)
{
    (void)state;
    for (int n = 2; n <= MOST; n++) {
        mark_tree(n);
        for (int a = 0; a < n; a++) {
            for (int b = a + 2; b <= n; b++) {
                int m = (a + b) / 2;
                if (is_node[a][b])
                    m = split[a][b];
                assert_int_equal(
                    tree_siblings(n, (struct tree_node){a, m}, (struct tree_node){m, b}),
                    is_node[a][b]);
            }
        }
    }
}

/* By definition: the first nodes inside [begin, end) on the way down from the root. */
static int cover_by_definition(struct tree_node at, int begin, int end,
                               struct tree_node *nodes, int count)
{
    if (at.begin >= end || at.end <= begin)
        return count;
    if (at.begin >= begin && at.end <= end) {
        nodes[count] = at;
        return count + 1;
    }
    int m = tree_split(at.begin, at.end);
    count =
        cover_by_definition((struct tree_node){at.begin, m}, begin, end, nodes, count);
    return cover_by_definition((struct tree_node){m, at.end}, begin, end, nodes, count);
}

static void check_cover(int n, int begin, int end)
{
    struct tree_node nodes[TREE_NODES_MAX], expected[2 * MOST];
    int count = tree_cover(n, begin, end, nodes), next = begin;
    int right = cover_by_definition((struct tree_node){0, n}, begin, end, expected, 0);
    if (begin == end)
        right = 0;
    assert_int_equal(count, right);
    for (int i = 0; i < count; i++) {
        assert_int_equal(nodes[i].begin, next);
        assert_memory_equal(&nodes[i], &expected[i], sizeof nodes[i]);
        next = nodes[i].end;
    }
    assert_int_equal(next, end);
}

static void test_cover(void **state)
{
    (void)state;
    static const int sizes[] = {100, 127, 128, 129, 200, 255, 256, 257, 299, 300};
    for (int n = 1; n <= 70; n++)
        for (int begin = 0; begin <= n; begin++)
            for (int end = begin; end <= n; end++)
                check_cover(n, begin, end);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int begin = 0; begin <= sizes[i]; begin += 1 + begin % 3)
            for (int end = begin; end <= sizes[i]; end += 1 + end % 5)
                check_cover(sizes[i], begin, end);
}

static void test_share(void **state)
{
    (void)state;
    for (int n = 0; n <= 60; n++) {
        for (int size = 1; size <= 70; size++) {
            int next = 0, least = n, most = 0;
            for (int rank = 0; rank < size; rank++) {
                int begin, end;
                tree_share(n, size, rank, &begin, &end);
                assert_int_equal(begin, next);
                assert_true(end >= begin);
                least = end - begin < least ? end - begin : least;
                most = end - begin > most ? end - begin : most;
                next = end;
            }
            assert_int_equal(next, n);
            assert_true(most - least <= 1);
        }
    }
}

/* The shares of ranks, for all numbers of grains and ranks. */
static void test_cover_of_shares(void **state)
{
    (void)state;
    for (int n = 1; n <= MOST; n++) {
        for (int size = 1; size <= n && size <= 16; size++) {
            for (int rank = 0; rank < size; rank++) {
                int begin, end;
                tree_share(n, size, rank, &begin, &end);
                check_cover(n, begin, end);
            }
        }
    }
}

/* --- the order of additions --- */

enum { TEXT_GRAINS = 70, TEXT_MOST = 4 * TEXT_GRAINS };

/* A vector as text: the additions that made it, "((A+B)+C)". */
struct text {
    int length;
    char chars[TEXT_MOST];
};

static void text_of_grain(struct text *text, int grain)
{
    text->length = 1;
    text->chars[0] = (char)('0' + grain); /* '0' .. 'u' */
}

static void text_add(struct text *to, const struct text *from)
{
    assert_true(to->length + from->length + 3 <= TEXT_MOST);
    memmove(to->chars + 1, to->chars, (size_t)to->length);
    to->chars[0] = '(';
    to->chars[to->length + 1] = '+';
    memcpy(to->chars + to->length + 2, from->chars, (size_t)from->length);
    to->length += from->length + 3;
    to->chars[to->length - 1] = ')';
}

/* T(begin, end) by its definition. */
static void text_by_definition(struct text *text, int begin, int end)
{
    struct text right;
    if (end - begin == 1) {
        text_of_grain(text, begin);
        return;
    }
    int m = tree_split(begin, end);
    text_by_definition(text, begin, m);
    text_by_definition(&right, m, end);
    text_add(text, &right);
}

static void assert_text(const struct text *text, const struct text *expected)
{
    assert_int_equal(text->length, expected->length);
    assert_memory_equal(text->chars, expected->chars, (size_t)text->length);
}

/* A user of tree_stack. */
struct adder {
    struct tree_stack stack;
    struct text vector[TREE_NODES_MAX];
};

static void adder_push(struct adder *adder, struct tree_node node,
                       const struct text *vector)
{
    struct tree_chain peek = tree_stack_peek(&adder->stack, node);
    struct tree_chain chain = tree_stack_push(&adder->stack, node);
    int to, from;
    assert_true(peek.top == chain.top && peek.bottom == chain.bottom);
    adder->vector[chain.top] = *vector;
    while (tree_chain_next(&chain, &to, &from)) {
        assert_int_equal(to, from - 1);
        text_add(&adder->vector[to], &adder->vector[from]);
    }
    assert_int_equal(adder->stack.depth, peek.bottom + 1);
}

/* owner[a][b]: the owner of grains [a, b) has pushed them one by one. */
static struct adder owner[TEXT_GRAINS + 1][TEXT_GRAINS + 1];

/* It is left with the cover of its range, each node by its definition. */
static void fill_owner(int n, int begin, int end)
{
    struct adder *adder = &owner[begin][end];
    struct tree_node nodes[TREE_NODES_MAX];
    struct text text;
    tree_stack_init(&adder->stack, n);
    for (int g = begin; g < end; g++) {
        text_of_grain(&text, g);
        adder_push(adder, (struct tree_node){g, g + 1}, &text);
    }
    assert_int_equal(adder->stack.depth, tree_cover(n, begin, end, nodes));
    assert_int_equal(adder->stack.depth, tree_cover_count(n, begin, end));
    for (int i = 0; i < adder->stack.depth; i++) {
        assert_memory_equal(&adder->stack.node[i], &nodes[i], sizeof nodes[i]);
        text_by_definition(&text, nodes[i].begin, nodes[i].end);
        assert_text(&adder->vector[i], &text);
    }
}

/* What the owners of [border[i], border[i + 1]) hold is joined from left to right. */
static void check_owners(const int *border, int owners, const struct text *expected)
{
    static struct adder all;
    tree_stack_init(&all.stack, border[owners]);
    for (int i = 0; i < owners; i++) {
        const struct adder *one = &owner[border[i]][border[i + 1]];
        for (int j = 0; j < one->stack.depth; j++)
            adder_push(&all, one->stack.node[j], &one->vector[j]);
    }
    assert_int_equal(all.stack.depth, 1);
    assert_text(&all.vector[0], expected);
}

/* All ways to cut n grains into up to three contiguous ranges, empty ones among them;
   into four for smaller n. */
static void test_order(void **state)
{
    (void)state;
    for (int n = 1; n <= TEXT_GRAINS; n++) {
        struct text expected;
        text_by_definition(&expected, 0, n);
        for (int begin = 0; begin <= n; begin++)
            for (int end = begin; end <= n; end++)
                fill_owner(n, begin, end);
        for (int a = 0; a <= n; a++)
            for (int b = a; b <= n; b++) {
                check_owners((int[]){0, a, b, n}, 3, &expected);
                for (int c = b; n <= 24 && c <= n; c++)
                    check_owners((int[]){0, a, b, c, n}, 4, &expected);
            }
    }
}

/* Larger trees, and more owners: the bits are those of the recursive definition. */
static float value[MOST];

static float sum_by_definition(int begin, int end)
{
    if (end - begin == 1)
        return value[begin];
    int m = tree_split(begin, end);
    return sum_by_definition(begin, m) + sum_by_definition(m, end);
}

struct float_adder {
    struct tree_stack stack;
    float sum[TREE_NODES_MAX];
};

static void float_push(struct float_adder *adder, struct tree_node node, float sum)
{
    struct tree_chain chain = tree_stack_push(&adder->stack, node);
    int to, from;
    adder->sum[chain.top] = sum;
    while (tree_chain_next(&chain, &to, &from))
        adder->sum[to] += adder->sum[from];
}

static void check_sum(int n, int size, float expected)
{
    struct float_adder all;
    tree_stack_init(&all.stack, n);
    for (int rank = 0; rank < size; rank++) {
        struct float_adder mine;
        int begin, end;
        tree_stack_init(&mine.stack, n);
        tree_share(n, size, rank, &begin, &end);
        for (int g = begin; g < end; g++)
            float_push(&mine, (struct tree_node){g, g + 1}, value[g]);
        assert_int_equal(mine.stack.depth, tree_cover_count(n, begin, end));
        for (int i = 0; i < mine.stack.depth; i++)
            float_push(&all, mine.stack.node[i], mine.sum[i]);
    }
    assert_int_equal(all.stack.depth, 1);
    assert_memory_equal(&all.sum[0], &expected, sizeof expected);
}

static void test_sum(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 1, RNG_TEST, 0, 0);
    for (int i = 0; i < MOST; i++)
        value[i] = rng_normal(&rng) * (float)(1 << i % 20);
    int sequential = 0;
    for (int n = 1; n <= MOST; n++) {
        float expected = sum_by_definition(0, n), straight = 0;
        for (int i = 0; i < n; i++)
            straight += value[i];
        sequential += straight == expected;
        for (int size = 1; size <= 9; size++)
            check_sum(n, size, expected);
    }
    assert_true(sequential < MOST / 2); /* the order is seen in the bits */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_siblings),
        cmocka_unit_test(test_siblings_of_large_trees),
        cmocka_unit_test(test_cover),
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_cover_of_shares),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
