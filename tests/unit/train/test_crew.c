#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "train/crew.h"

static void model_small(struct model *model)
{
    struct model_spec spec = {0};
    model_spec_add(&spec, "linear classes", "net.conf:1");
    model_spec_add(&spec, "logsoftmax", "net.conf:2");
    assert_int_equal(model_init(model, &spec, (struct shape){1, 1, 3}, 2, 4), ST_OK);
    model_spec_release(&spec);
}

enum { THREADS = 7, GRAINS = 20, FIRST = 5 };

/* Checks how the threads of a crew share grains [FIRST, FIRST + grains). */
static void check_lanes(const struct crew *crew, int grains)
{
    int taken[GRAINS] = {0}, members[THREADS] = {0}, size[THREADS] = {0}, idle = 0;
    int lanes = plan_lanes(&crew->plan, grains), most = 0;
    assert_true(lanes >= 1 && lanes <= crew->plan.lanes);
    assert_true(lanes <= grains || lanes == 1);
    for (int t = 0; t < crew->plan.threads; t++) {
        struct lane lane = crew_lane(crew, lanes, t, FIRST, FIRST + grains);
        if (lane.index < 0) {
            idle++;
            continue;
        }
        assert_true(lane.index < lanes);
        assert_ptr_equal(lane.ws, &crew->workspace[lane.index]);
        assert_ptr_equal(lane.team.shared, &lane.ws->team);
        assert_int_equal(lane.team.index, members[lane.index]++); /* 0, 1, ... */
        size[lane.index] = lane.team.size;
        assert_true(lane.begin >= FIRST && lane.end <= FIRST + grains);
        if (lane.team.index == 0)
            for (int g = lane.begin; g < lane.end; g++)
                taken[g - FIRST]++;
    }
    for (int i = 0; i < lanes; i++) {
        assert_true(members[i] > 0);
        assert_int_equal(members[i], size[i]);
        most = size[i] > most ? size[i] : most;
        if (!crew->plan.teams)
            assert_int_equal(size[i], 1);
    }
    assert_int_equal(plan_members(&crew->plan, grains), most);
    for (int g = 0; g < grains; g++)
        assert_int_equal(taken[g], 1);
    assert_int_equal(idle, !crew->plan.teams ? crew->plan.threads - lanes : 0);
}

/* Every grain is taken by exactly one lane, and every thread is in one lane. */
static void test_lanes(void **state)
{
    (void)state;
    struct model model;
    struct stage stage;
    model_small(&model);
    stage_init_whole(&stage, NULL, &model);
    for (int threads = 1; threads <= THREADS; threads++) {
        for (int lanes = 1; lanes <= threads; lanes++) {
            struct parallel_plan plan;
            struct crew crew;
            plan_init(&plan, threads);
            plan.lanes = lanes;
            plan.teams = lanes < threads || threads % 2;
            crew_init(&crew, &stage, &plan);
            for (int grains = 0; grains <= GRAINS; grains++)
                check_lanes(&crew, grains);
            crew_release(&crew);
        }
    }
    model_release(&model);
}

static void test_all(void **state)
{
    (void)state;
    struct model model;
    struct crew crew;
    struct stage stage;
    struct parallel_plan plan;
    model_small(&model);
    stage_init_whole(&stage, NULL, &model);
    plan_init(&plan, 4);
    crew_init(&crew, &stage, &plan);
    for (int t = 0; t < 4; t++) {
        struct team all = crew_all(&crew, t);
        assert_int_equal(all.size, 4);
        assert_int_equal(all.index, t);
        assert_ptr_equal(all.shared, crew.barriers);
    }
    crew_release(&crew);
    model_release(&model);
}

/* A middle stage has workspaces for every round in flight, and each lane has its own. */
static void test_slots(void **state)
{
    (void)state;
    struct model model;
    struct crew crew;
    struct parallel_plan plan;
    model_small(&model);
    const struct stage stage = {.count = 4, .index = 1, .model = &model};
    plan_init(&plan, 2);
    crew_init(&crew, &stage, &plan);
    assert_int_equal(crew.slots, 4); /* 3 in flight, one on its way */
    size_t lane = 4 * (workspace_bytes(&model, 2) + workspace_bytes(&model, 1));
    assert_int_equal(crew_bytes(&stage, &plan), lane + model.packed * sizeof(float));
    for (int a = 0; a < 8; a++)
        for (int b = 0; b < 8; b++) {
            bool same = crew_workspace(&crew, a % 2, a / 2) ==
                        crew_workspace(&crew, b % 2, b / 2);
            assert_int_equal(same, a == b);
        }
    assert_ptr_equal(crew_workspace(&crew, 1, 5), crew_workspace(&crew, 1, 1));
    crew_release(&crew);
    model_release(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lanes),
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
