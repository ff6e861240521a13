#include "../network.h"

#include <string.h>

#include "train/stage.h"

enum { STAGES = 6, ROUNDS = 17 };

/* Every round goes forward once and backward once, in order and in that order, with no
   more in flight than there are workspaces. */
static void check_order(const struct stage *stage, int rounds)
{
    int forward = 0, backward = 0, most = 0;
    for (int i = 0; i < 2 * rounds; i++) {
        struct stage_pass pass = stage_pass_at(stage, rounds, i);
        assert_int_equal(pass.round, pass.backward ? backward++ : forward++);
        assert_true(backward <= forward);
        if (forward - backward > most)
            most = forward - backward;
    }
    assert_int_equal(forward, rounds);
    assert_int_equal(backward, rounds);
    if (rounds >= stage->count - stage->index)
        assert_int_equal(most, stage->count - stage->index);
    assert_true(most <= stage_slots(stage));
}

static void test_order(void **state)
{
    (void)state;
    for (int count = 1; count <= STAGES; count++)
        for (int index = 0; index < count; index++)
            for (int rounds = 0; rounds <= ROUNDS; rounds++) {
                const struct stage stage = {.count = count, .index = index};
                check_order(&stage, rounds);
            }
}

/* Does a stage have the messages that its next pass needs? */
static bool ready(int count, int s, struct stage_pass pass, int (*done)[2])
{
    if (pass.backward)
        return s == count - 1 || done[s + 1][1] > pass.round;
    return s == 0 || done[s - 1][0] > pass.round;
}

/* If each pass takes one unit of time, the pipeline never deadlocks, and takes no longer
   than filling and draining cost: 2 (rounds + stages - 1). */
static void test_schedule(void **state)
{
    (void)state;
    for (int count = 1; count <= STAGES; count++) {
        for (int rounds = 1; rounds <= ROUNDS; rounds++) {
            int next[STAGES] = {0}, done[STAGES][2] = {{0}}, time = 0, left = count;
            while (left > 0) {
                int now[STAGES][2];
                memcpy(now, done, sizeof now);
                left = count;
                for (int s = 0; s < count; s++) {
                    const struct stage stage = {.count = count, .index = s};
                    struct stage_pass pass = stage_pass_at(&stage, rounds, next[s]);
                    if (next[s] < 2 * rounds && ready(count, s, pass, now)) {
                        done[s][pass.backward]++;
                        next[s]++;
                    }
                    left -= next[s] == 2 * rounds;
                }
                time++;
                assert_true(time <= 2 * (rounds + count - 1));
            }
        }
    }
}

static void test_layers(void **state)
{
    (void)state;
    struct model model;
    const char *const lines[] = {
        "conv 5 kernel=3", "maxpool 2",      "relu",       "flatten", "linear 6", "gelu",
        "linear 9",        "linear classes", "logsoftmax", NULL};
    const int owner[] = {0, 0, 0, 0, 1, 1, 1, 2, 2};
    network_build(&model, lines, (struct shape){8, 7, 1}, 3, 4);
    const struct stage stage = {
        .count = 3, .whole = &model, .cut = {.parts = 3, .first = {0, 1, 3, 4}}};
    for (int l = 0; l < model.layers; l++)
        assert_int_equal(stage_of_layer(&stage, l), owner[l]);
    model_release(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_schedule),
        cmocka_unit_test(test_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
