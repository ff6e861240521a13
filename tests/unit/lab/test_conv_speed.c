/* What is measured of convolutions, and how it is judged. Speed itself is not tested. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lab/conv_rule.h"
#include "nn/workspace.h"

/* A block of conv, pool and activation; two equal convolutions; a strided one. */
static const char *const net[] = {"conv 16 kernel=3",
                                  "maxpool 2",
                                  "relu",
                                  "conv 32 kernel=3 pad=1",
                                  "batchnorm",
                                  "conv 32 kernel=3 pad=1",
                                  "relu",
                                  "conv 32 kernel=3 pad=1",
                                  "conv 32 kernel=3 stride=2 groups=4",
                                  "depthwise kernel=3",
                                  "flatten",
                                  "linear classes",
                                  "logsoftmax",
                                  NULL};

static void build(struct model *model)
{
    struct model_spec spec = {0};
    for (int i = 0; net[i]; i++)
        model_spec_add(&spec, net[i], "net.conf:1");
    assert_int_equal(model_init(model, &spec, (struct shape){18, 18, 3}, 5, 2), ST_OK);
    model_spec_release(&spec);
}

static void test_subjects(void **state)
{
    (void)state;
    struct conv_subjects found = {0};
    struct model model;
    build(&model);
    conv_subjects_add_model(&found, &model, NULL);
    assert_int_equal(found.count, 5);
    assert_string_equal(found.subject[0].name, "3x3, 18x18, 3->16, pad 0");
    assert_string_equal(found.subject[0].users, "conv1");
    assert_true(found.subject[0].fused);
    assert_true(found.subject[0].wanted[CONV_WEIGHT]);
    assert_false(found.subject[0].wanted[CONV_DATA]);
    assert_string_equal(found.subject[1].name, "3x3, 8x8, 16->32");
    assert_string_equal(found.subject[2].name, "3x3, 8x8, 32");
    assert_string_equal(found.subject[2].users, "conv3 conv4");
    assert_false(found.subject[2].fused);
    assert_true(found.subject[2].wanted[CONV_DATA]);
    assert_string_equal(found.subject[3].name, "3x3 by 2, 8x8, 32, 4 groups, pad 0");
    assert_string_equal(found.subject[4].name, "3x3, 3x3, 32 depthwise, pad 0");
    conv_subjects_add_model(&found, &model, "net");
    assert_int_equal(found.count, 5);
    assert_string_equal(found.subject[2].users, "conv3 conv4 net");
    conv_subjects_release(&found);
    model_release(&model);
}

/* Every algorithm that fits is there once, and computes the same as the others. */
static void test_ways(void **state)
{
    (void)state;
    struct conv_shape shapes[] = {
        {.n = 3, .h = 9, .w = 8, .c = 1, .k = 33, WINDOW_SQUARE(3, 1, 0)},
        {.n = 2, .h = 7, .w = 6, .c = 19, .k = 40, WINDOW_SQUARE(3, 2, 1)},
        {.n = 2, .h = 5, .w = 5, .c = 8, .k = 8, WINDOW_SQUARE(3, 1, 1), .groups = 8},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        conv_shape_complete(&shapes[i]);
        for (int pass = 0; pass < CONV_PASSES; pass++) {
            const struct conv_shape *s = &shapes[i];
            const size_t outs[] = {(size_t)(s->n * s->p * s->q * s->k),
                                   (size_t)(s->n * s->h * s->w * s->c),
                                   (size_t)s->k * conv_taps(s)};
            struct conv_trial trial;
            conv_trial_init(&trial, (enum conv_pass)pass, s);
            assert_true(trial.ways >= 1);
            float *want = mem_aligned(outs[pass], sizeof *want);
            conv_trial_run(&trial, 0);
            memcpy(want, trial.out, outs[pass] * sizeof *want);
            for (int w = 0; w < trial.ways; w++) {
                memset(trial.out, 0, outs[pass] * sizeof *want);
                conv_trial_run(&trial, w);
                assert_true(trial.way[w]->fits(s) && (int)trial.way[w]->pass == pass);
                for (size_t j = 0; j < outs[pass]; j++)
                    assert_true(fabsf(trial.out[j] - want[j]) <= 1e-3f);
            }
            free(want);
            conv_trial_release(&trial);
        }
    }
}

static void test_verdict(void **state)
{
    (void)state;
    struct conv_subjects known = {0};
    struct conv_verdict verdict;
    conv_subjects_add_known(&known);
    struct conv_subject *subject = &known.subject[0];
    conv_rule_check(&verdict, subject, CONV_FORWARD);
    assert_true(verdict.speed.ways >= 3 && verdict.speed.images >= 1);
    assert_true(verdict.speed.way[verdict.chosen].chosen);
    assert_true(verdict.ratio >= 1);
    for (int w = 0; w < verdict.speed.ways; w++)
        assert_true(conv_rule_seconds(&verdict.speed.way[verdict.best]) <=
                    conv_rule_seconds(&verdict.speed.way[w]));
    verdict.ratio = 1.2;
    verdict.reason = NULL;
    assert_true(conv_rule_broken(&verdict));
    verdict.reason = "known";
    assert_false(conv_rule_broken(&verdict));
    conv_subjects_release(&known);
}

/* What ops leave for backward: the inputs of convolutions, the outputs of activations. */
static void test_stored(void **state)
{
    (void)state;
    struct model model;
    build(&model);
    size_t block = workspace_stored(&model, 0), pixels = 8 * 8 * sizeof(float);
    assert_true(block >= pixels * 16);                       /* conv2 reads it */
    assert_true(workspace_stored(&model, 1) >= pixels * 32); /* batchnorm reads it */
    assert_true(workspace_stored(&model, 4) >= pixels * 32); /* relu, conv4 */
    assert_int_equal(workspace_stored(&model, 5), pixels * 32);
    model_release(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subjects),
        cmocka_unit_test(test_ways),
        cmocka_unit_test(test_verdict),
        cmocka_unit_test(test_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
