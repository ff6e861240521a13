#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "train/reduce.h"

enum { PARAMS = 48, COUNT = PARAMS + TAIL_COUNT, GRAINS = 70, LANES = 4 };

static float grain_vector[GRAINS][COUNT];

static int draw_grains(void **state)
{
    (void)state;
    for (int g = 0; g < GRAINS; g++) {
        struct rng rng;
        rng_init(&rng, 3, RNG_TEST, 0, (uint64_t)g);
        for (int i = 0; i < COUNT; i++)
            grain_vector[g][i] = rng_normal(&rng) * (float)(1 << g % 20);
    }
    return 0;
}

static void make_reduce(struct reduce *reduce, int lanes, int grains, bool all)
{
    const struct reduce_size size = {PARAMS, lanes, grains, all, 0};
    reduce_init(reduce, size, mem_aligned(reduce_floats(size), sizeof(float)));
}

static void release(struct reduce *reduce)
{
    free(reduce->memory);
    reduce_release(reduce);
}

static float node_sum(int begin, int end, int i)
{
    if (end - begin == 1)
        return grain_vector[begin][i];
    int m = tree_split(begin, end);
    return node_sum(begin, m, i) + node_sum(m, end, i);
}

/* The terms left are the maximal nodes of [begin, end), with the bits of the
   definition. */
static void check_parts(struct reduce *reduce, int lanes, int begin, int end)
{
    struct tree_node nodes[TREE_NODES_MAX];
    int expected = tree_cover(reduce->n, begin, end, nodes);
    assert_int_equal(reduce_terms(reduce, lanes), expected);
    for (int p = 0; p < expected; p++) {
        for (int i = 0; i < COUNT; i++) {
            float sum = node_sum(nodes[p].begin, nodes[p].end, i);
            assert_memory_equal(&reduce->terms[p][i], &sum, sizeof sum);
        }
    }
}

static void push_share(struct reduce *reduce, int lane, const struct team *team,
                       int begin, int end)
{
    for (int g = begin; g < end; g++) {
        if (team->index == 0)
            memcpy(reduce_top(reduce, lane), grain_vector[g], sizeof grain_vector[g]);
        team_barrier(team);
        reduce_push(reduce, lane, team, g);
    }
}

/* The lanes, and then the members of the team that joins them, run one after the other in
   this thread. */
static void reduce_range(struct reduce *reduce, int n, int lanes, int members, int begin,
                         int end)
{
    const struct team alone = {.size = 1};
    reduce_begin(reduce, n);
    for (int lane = 0; lane < lanes; lane++) {
        int b, e;
        tree_share(end - begin, lanes, lane, &b, &e);
        push_share(reduce, lane, &alone, begin + b, begin + e);
    }
    for (int i = 0; i < members; i++)
        reduce_join_range(reduce, lanes, &(struct team){.size = members, .index = i}, 0,
                          COUNT);
    check_parts(reduce, lanes, begin, end);
}

/* All ranges that a rank can own in batches of up to 24 grains, with one struct
   reduce. */
static void test_ranges(void **state)
{
    (void)state;
    struct reduce reduce;
    make_reduce(&reduce, LANES, 24, false);
    for (int n = 1; n <= 24; n++)
        for (int lanes = 1; lanes <= LANES; lanes++)
            for (int begin = 0; begin <= n; begin++)
                for (int end = begin; end <= n; end++)
                    reduce_range(&reduce, n, lanes, 1 + (n + end) % 3, begin, end);
    release(&reduce);
}

/* The memory of reduce_floats is enough for the longest ranges, wherever they begin. */
static void test_room(void **state)
{
    (void)state;
    for (int grains = 1; grains <= GRAINS; grains++) {
        struct reduce reduce;
        make_reduce(&reduce, 1, grains, false);
        reduce_range(&reduce, GRAINS, 1, 1, 0, grains);
        reduce_range(&reduce, GRAINS, 1, 1, GRAINS - grains, GRAINS);
        reduce_range(&reduce, GRAINS, 1, 1, (GRAINS - grains) / 2,
                     (GRAINS - grains) / 2 + grains);
        release(&reduce);
    }
}

/* A lane that has the whole batch needs less memory, also for shorter batches. */
static void test_room_for_all(void **state)
{
    (void)state;
    for (int grains = 1; grains <= GRAINS; grains++) {
        struct reduce reduce;
        make_reduce(&reduce, 1, grains, true);
        for (int n = 1; n <= grains; n++)
            reduce_range(&reduce, n, 1, 1, 0, n);
        release(&reduce);
    }
    const struct reduce_size part = {PARAMS, 1, 8, false, 0},
                             all = {PARAMS, 1, 8, true, 0};
    assert_true(reduce_floats(all) == 4 * COUNT);
    assert_true(reduce_floats(part) > reduce_floats(all));
}

/* Vectors become final range by range, from the end, after their place in the stack was
   taken; then they are joined range by range. */
static void test_promises(void **state)
{
    (void)state;
    static const size_t border[] = {COUNT, 48, 16, 0};
    struct reduce reduce;
    make_reduce(&reduce, 2, 24, false);
    for (int n = 1; n <= 24; n++) {
        int begin = n / 4;
        reduce_begin(&reduce, n);
        for (int g = begin; g < n; g++) {
            int lane = g >= (begin + n + 1) / 2;
            memcpy(reduce_top(&reduce, lane), grain_vector[g], sizeof grain_vector[g]);
            struct tree_chain chain = reduce_promise(&reduce, lane, g);
            for (int i = 0; i < 3; i++)
                reduce_settle(&reduce, lane, chain, border[i + 1], border[i]);
        }
        for (int i = 0; i < 3; i++)
            for (int member = 0; member < 2; member++)
                reduce_join_range(&reduce, 2, &(struct team){.size = 2, .index = member},
                                  border[i + 1], border[i]);
        check_parts(&reduce, 2, begin, n);
    }
    release(&reduce);
}

/* --- with threads --- */

struct reduce_job {
    struct reduce *reduce;
    struct team_shared shared[LANES], everyone;
    int lanes, members, begin, end;
};

static void reduce_work(void *context, int thread)
{
    struct reduce_job *job = context;
    int lane = thread / job->members, b, e;
    struct team team = {.size = job->members,
                        .index = thread % job->members,
                        .shared = &job->shared[lane]};
    struct team all = {
        .size = job->lanes * job->members, .index = thread, .shared = &job->everyone};
    tree_share(job->end - job->begin, job->lanes, lane, &b, &e);
    push_share(job->reduce, lane, &team, job->begin + b, job->begin + e);
    team_barrier(&all);
    reduce_join_range(job->reduce, job->lanes, &all, 0, COUNT);
}

/* Lanes of one to three threads, all in parallel. */
static void test_teams(void **state)
{
    (void)state;
    struct reduce reduce;
    make_reduce(&reduce, LANES, GRAINS, false);
    for (int lanes = 1; lanes <= LANES; lanes++) {
        for (int members = 1; lanes * members <= 4; members++) {
            for (int n = 1; n <= GRAINS; n += 23) {
                struct reduce_job job = {.reduce = &reduce,
                                         .lanes = lanes,
                                         .members = members,
                                         .begin = n / 3,
                                         .end = n};
                reduce_begin(&reduce, n);
                team_run(lanes * members, reduce_work, &job);
                check_parts(&reduce, lanes, job.begin, job.end);
            }
        }
    }
    release(&reduce);
}

/* A new batch does not depend on the last one. */
static void test_begin(void **state)
{
    (void)state;
    struct reduce reduce;
    make_reduce(&reduce, 2, 8, true);
    reduce_range(&reduce, 8, 2, 1, 0, 8);
    reduce_begin(&reduce, 3);
    assert_int_equal(reduce_terms(&reduce, 2), 0);
    reduce_range(&reduce, 3, 1, 1, 0, 3);
    release(&reduce);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),   cmocka_unit_test(test_room),
        cmocka_unit_test(test_promises), cmocka_unit_test(test_teams),
        cmocka_unit_test(test_begin),    cmocka_unit_test(test_room_for_all),
    };
    return cmocka_run_group_tests(tests, draw_grains, NULL);
}
