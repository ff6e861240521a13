/* Sums over any number of ranks, by every algorithm. */
#include "ranks.h"

#include "base/mem.h"
#include "base/rng.h"
#include "comm/tree.h"

enum { GRAINS = 20, COUNT = 1043 };
static float grain_vector[GRAINS][COUNT];

static int draw_grains(void **state)
{
    (void)state;
    for (int g = 0; g < GRAINS; g++) {
        struct rng rng;
        rng_init(&rng, 3, RNG_TEST, 0, (uint64_t)g);
        for (int i = 0; i < COUNT; i++)
            grain_vector[g][i] = rng_normal(&rng) * (float)(1 << g);
    }
    return 0;
}

static float node_sum(int begin, int end, int i)
{
    if (end - begin == 1)
        return grain_vector[begin][i];
    int m = tree_split(begin, end);
    return node_sum(begin, m, i) + node_sum(m, end, i);
}

/* The vectors of this rank's maximal nodes; one after the other in `memory`, if given. */
static int make_parts(int n, int count, float *memory, float *parts[TREE_NODES_MAX])
{
    struct tree_node nodes[TREE_NODES_MAX];
    int begin, end;
    comm_share(comm, n, rank, &begin, &end);
    int k = tree_cover(n, begin, end, nodes);
    for (int p = 0; p < k; p++) {
        parts[p] = memory ? memory + p * count : mem_zeroed((size_t)count, sizeof(float));
        for (int i = 0; i < count; i++)
            parts[p][i] = node_sum(nodes[p].begin, nodes[p].end, i);
    }
    return k;
}

/* From the last element to the first, as backward finishes them; a piece may be empty. */
static double sum_in_pieces(int n, float *const *parts, float *sum, int count, int pieces)
{
    for (int i = pieces; i > 0; i--) {
        size_t begin = (size_t)(count * (i - 1) / pieces);
        size_t end = (size_t)(count * i / pieces);
        comm_tree_start(comm, n, parts, sum, begin, end);
        for (int polls = 0; polls < (i + rank) % 4; polls++)
            comm_tree_poll(comm);
    }
    return comm_tree_wait(comm);
}

static float *vectors; /* of comm_vectors; NULL: the parts are elsewhere */

/* The sum has the bits of the recursive definition, stays in its bounds and does not
   change the parts. pieces 0: by comm_tree_sum. */
static bool tree_sum_is_right(int n, int count, int pieces)
{
    float *parts[TREE_NODES_MAX], *before[TREE_NODES_MAX];
    int k = make_parts(n, count, vectors, parts);
    make_parts(n, count, NULL, before);
    float *sum = mem_zeroed((size_t)count + 1, sizeof *sum);
    sum[count] = 42;
    bool good = true;
    if (pieces)
        good = sum_in_pieces(n, parts, sum, count, pieces) >= 0;
    else
        comm_tree_sum(comm, n, parts, sum, (size_t)count);
    good = good && sum[count] == 42;
    for (int i = 0; i < count; i++) {
        float expected = node_sum(0, n, i);
        good = good && memcmp(&sum[i], &expected, sizeof expected) == 0;
    }
    for (int p = 0; p < k; p++) {
        good = good && memcmp(parts[p], before[p], (size_t)count * sizeof(float)) == 0;
        if (!vectors)
            free(parts[p]);
        free(before[p]);
    }
    free(sum);
    return good;
}

/* By "auto" and all algorithms, also those that do not apply. */
static void by_all(void (*sums)(void))
{
    for (int i = 0; comm_tree_names[i]; i++) {
        ALL(comm_tree_use(comm, comm_tree_names[i]));
        sums();
    }
}

/* Lengths shorter than the number of ranks, and not of whole cache lines, growing and
   shrinking; also fewer grains than ranks. */
static void sums_of_all_lengths(void)
{
    static const int counts[] = {1, 2, 3, 15, 16, 17, 64, 100, COUNT, 5};
    for (int n = 1; n <= GRAINS; n++)
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++)
            ALL(tree_sum_is_right(n, counts[c], 0));
}

/* Several pieces under way at once, polled more often on some ranks than on others. */
static void sums_in_pieces(void)
{
    for (int n = 1; n <= GRAINS; n += 3)
        for (int pieces = 1; pieces <= COMM_TREE_PIECES; pieces++)
            ALL(tree_sum_is_right(n, n % 2 ? 200 : 7, pieces));
    ALL(comm_tree_wait(comm) == 0); /* nothing is under way */
}

static void test_tree_sum(void **state)
{
    (void)state;
    by_all(sums_of_all_lengths);
}

static void test_tree_pieces(void **state)
{
    (void)state;
    by_all(sums_in_pieces);
}

/* Longer than what is added at once. */
static void test_tree_long(void **state)
{
    (void)state;
    enum { MANY = 5003 };
    float *part = mem_zeroed(MANY, sizeof *part), *sum = mem_zeroed(MANY, sizeof *sum);
    for (int i = 0; i < MANY; i++)
        part[i] = (float)(i * (rank + 1)); /* exact */
    for (int a = 0; comm_tree_names[a]; a++) {
        comm_tree_use(comm, comm_tree_names[a]);
        comm_tree_sum(comm, size, &part, sum, MANY);
        bool good = true;
        for (int i = 0; i < MANY; i++)
            good = good && sum[i] == (float)(i * (size * (size + 1) / 2));
        ALL(good);
    }
    free(part);
    free(sum);
}

/* The algorithm changes from sum to sum: none is disturbed by what another one left in
   the pieces. */
static void test_tree_turns(void **state)
{
    (void)state;
    int names = 0;
    while (comm_tree_names[names])
        names++;
    for (int i = 0; i < 8 * (names - 1); i++) {
        comm_tree_use(comm, comm_tree_names[1 + i % (names - 1)]);
        ALL(tree_sum_is_right(1 + i * 7 % GRAINS, 1 + i * 97 % COUNT, 1 + i % 3));
    }
    comm_tree_use(comm, "auto");
}

/* Parts that the other ranks of the node can read, and later parts that they cannot. */
static void test_tree_vectors(void **state)
{
    (void)state;
    for (int more = 1; more <= 2; more++) {
        vectors = comm_vectors(comm, (size_t)(more * GRAINS * COUNT));
        bool zero = true;
        for (int i = 0; i < more * GRAINS * COUNT; i++)
            zero = zero && vectors[i] == 0;
        ALL(zero && (uintptr_t)vectors % MEM_ALIGN == 0);
        by_all(sums_of_all_lengths);
        by_all(sums_in_pieces);
    }
    vectors = comm_vectors(comm, 0);
    ALL(!vectors);
    by_all(sums_in_pieces);
}

/* Aligned shares: each grain has one owner, and the sums are the same. */
static void test_tree_shares(void **state)
{
    (void)state;
    for (int unit = 1; unit <= 8; unit *= 2) {
        comm_align(comm, unit);
        bool good = true;
        for (int n = 0, last = 0; n <= 100; n++, last = 0) {
            for (int r = 0; r < size; r++) {
                int begin, end, most;
                comm_share(comm, n, 0, &begin, &most);
                comm_share(comm, n, r, &begin, &end);
                good = good && begin == last && end >= begin && end - begin <= most;
                good = good && (end % unit == 0 || end == n);
                last = end;
            }
            good = good && last == n;
        }
        ALL(good);
        by_all(sums_in_pieces);
    }
    comm_align(comm, 1);
}

static void test_tree_choice(void **state)
{
    (void)state;
    const char *name = comm_tree_choice(comm, size, COUNT);
    ALL(size == 1 ? !name : name != NULL);
    ALL(!comm_tree_use(comm, "none"));
    ALL(comm_tree_use(comm, "halving"));
    name = comm_tree_choice(comm, size, COUNT);
    ALL(size == 1 || strcmp(name, "halving") == 0);
    ALL(comm_tree_use(comm, comm_node_size(comm) == size ? "levels" : "shared"));
    ALL(size == 1 || strcmp(comm_tree_choice(comm, size, COUNT), name) != 0);
    comm_tree_use(comm, "auto");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree_sum),     cmocka_unit_test(test_tree_pieces),
        cmocka_unit_test(test_tree_long),    cmocka_unit_test(test_tree_turns),
        cmocka_unit_test(test_tree_vectors), cmocka_unit_test(test_tree_choice),
        cmocka_unit_test(test_tree_shares),
    };
    ranks_start(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, draw_grains, NULL);
    comm_finish(comm);
    return failed;
}
