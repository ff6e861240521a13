#include "../nn/nn_test.h"

#include "train/plan.h"

static const char *const lines[] = {"conv 4 kernel=3", "maxpool 2", "gelu",
                                    "flatten",         "linear 5",  "linear 3",
                                    "logsoftmax",      NULL};

static void make_model(struct model *model)
{
    struct model_spec spec = spec_of(lines);
    assert_int_equal(model_init(model, &spec, (struct shape){9, 9, 1}, 3, 8), ST_OK);
    model_spec_release(&spec);
}

/* The number of lanes, and the threads of the largest, by plan and grains. */
static void test_rule(void **state)
{
    (void)state;
    struct parallel_plan plan;
    plan_init(&plan, 6);
    assert_int_equal(plan_lanes(&plan, 0), 1);
    assert_int_equal(plan_lanes(&plan, 4), 4);
    assert_int_equal(plan_members(&plan, 4), 2);
    assert_int_equal(plan_lanes(&plan, 99), 6);
    assert_int_equal(plan_members(&plan, 99), 1);
    plan.lanes = 2;
    assert_int_equal(plan_members(&plan, 99), 3);
    plan.teams = false;
    assert_int_equal(plan_members(&plan, 1), 1);
}

static void test_text(void **state)
{
    (void)state;
    struct model model;
    struct parallel_plan plan, back;
    make_model(&model);
    assert_int_equal(model.ops, 5); /* the first three layers are one */
    plan_init(&plan, 4);
    plan.lanes = 2;
    plan.bucket = 1000;
    for (int s = 0; s < model.ops; s++) {
        plan.split.forward[s] = (unsigned char)(s % SPLITS);
        plan.split.backward[s] = (unsigned char)(SPLITS - 1 - s);
    }
    char *text = plan_text(&plan, &model);
    assert_string_equal(text,
                        "threads=4 lanes=2 teams=on bucket=1000 align=1 reduce=auto "
                        "forward=auto,sequential,batch,channel,spatial "
                        "backward=element,feature,hybrid,filter,spatial");
    assert_true(plan_read(&back, &model, text));
    assert_memory_equal(&back.split, &plan.split, sizeof back.split);
    assert_int_equal(back.threads, 4);
    assert_int_equal(back.lanes, 2);
    assert_true(back.teams);
    assert_int_equal(back.bucket, 1000);
    for (size_t i = strlen(text); i-- > 0;) { /* no prefix is accepted */
        text[i] = '\0';
        assert_false(plan_read(&back, &model, text));
    }
    free(text);
    memset(&plan.split.forward[1], SPLIT_BATCH, 3);
    memset(plan.split.backward, SPLIT_AUTO, (size_t)model.ops);
    text = plan_text(&plan, &model);
    assert_non_null(strstr(text, " forward=auto,batch*3,spatial backward=auto*5"));
    assert_true(plan_read(&back, &model, text));
    assert_memory_equal(&back.split, &plan.split, sizeof back.split);
    free(text);
    model_release(&model);
}

static void test_damaged(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "threads=0 lanes=1 teams=on bucket=1 align=1 reduce=auto "
        "forward=auto,auto,auto,auto,auto "
        "backward=auto,auto,auto,auto,auto",
        "threads=2 lanes=3 teams=on bucket=1 align=1 reduce=auto "
        "forward=auto,auto,auto,auto,auto "
        "backward=auto,auto,auto,auto,auto",
        "threads=2 lanes=2 teams=2 bucket=1 align=1 reduce=auto "
        "forward=auto,auto,auto,auto,auto "
        "backward=auto,auto,auto,auto,auto",
        "threads=2 lanes=2 teams=on bucket=1 align=1 reduce=auto "
        "forward=auto,auto,auto,auto,auto,auto "
        "backward=auto,auto,auto,auto,auto",
        "threads=2 lanes=2 teams=on bucket=1 align=1 reduce=auto "
        "forward=auto*6 backward=auto*5",
        "threads=2 lanes=2 teams=on bucket=1 align=1 reduce=auto "
        "forward=auto*5 backward=auto*0,auto*5",
        "threads=2 lanes=2 teams=on bucket=1 align=1 reduce=auto "
        "forward=auto*5 backward=auto*5*1",
        "threads=2 lanes=2 teams=on bucket=1 align=1 reduce=auto "
        "forward=auto,auto,auto,auto,rows "
        "backward=auto,auto,auto,auto,auto",
        "threads=2 lanes=2 teams=on bucket=1 align=1 reduce=auto "
        "forward=auto,auto,auto,auto,auto "
        "backward=auto,auto,auto,auto,auto more=1",
        "threads=2 lanes=2 teams=on bucket=1 align=0 reduce=auto "
        "forward=auto,auto,auto,auto,auto backward=auto,auto,auto,auto,auto",
        "threads=2 lanes=2 teams=on bucket=1 align=1 reduce= "
        "forward=auto,auto,auto,auto,auto "
        "backward=auto,auto,auto,auto,auto",
        "threads=2 lanes=2 teams=on bucket=1 align=1 reduce=a-word-that-is-too-long "
        "forward=auto,auto,auto,auto,auto backward=auto,auto,auto,auto,auto",
        "lanes=2 threads=2 teams=on bucket=1 align=1 reduce=auto "
        "forward=auto,auto,auto,auto,auto "
        "backward=auto,auto,auto,auto,auto",
    };
    struct model model;
    struct parallel_plan plan;
    make_model(&model);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(plan_read(&plan, &model, texts[i]));
    model_release(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rule),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
