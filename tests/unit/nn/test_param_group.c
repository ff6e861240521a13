#include "nn_test.h"

#include "base/status.h"
#include "nn/optim.h"
#include "nn/param_group.h"

static const char *const network[] = {
    "conv 4 kernel=3",     "batchnorm",      "relu",       "flatten",
    "linear 7 as=head.fc", "linear classes", "logsoftmax", NULL};

static struct model model;
static struct param_groups groups;

static int setup(void **state)
{
    (void)state;
    struct model_spec spec = spec_of(network);
    const struct shape in = {6, 6, 1};
    enum status st = model_describe(&model, &spec, in, 3, 4);
    model_spec_release(&spec);
    return st;
}

static int teardown(void **state)
{
    (void)state;
    model_release(&model);
    return 0;
}

static struct param_group *add(const char *name, const char *match, double lr,
                               double weight_decay)
{
    char *where = mem_format("g.conf:%d", groups.count + 1);
    struct param_group *group = param_groups_add(&groups, name, where);
    free(where);
    free(group->match);
    group->match = mem_strdup(match);
    group->lr = lr;
    group->weight_decay = weight_decay;
    return group;
}

/* "conv1.weight:a conv1.bias:- ...", for each trained tensor. */
static char *members(void)
{
    char *text = mem_strdup("");
    for (int l = 0; l < model.layers; l++)
        for (int t = 0; t < model.layer[l]->tensors; t++) {
            const struct layer *layer = model.layer[l];
            const struct layer_tensor *tensor = &layer->tensor[t];
            if (!(RANGES_TRAINED & RANGE_BIT(tensor->rule)))
                continue;
            const struct param_group *group = param_groups_find(&groups, layer, tensor);
            mem_append(&text, "%s%s.%s:%s", *text ? " " : "", layer->name, tensor->name,
                       group ? group->name : "-");
        }
    return text;
}

static void check_members(const char *expected)
{
    char *text = members();
    assert_string_equal(text, expected);
    free(text);
    param_groups_release(&groups);
}

static void test_matches(void **state)
{
    (void)state;
    check_members("conv1.weight:- conv1.bias:- batchnorm1.weight:- batchnorm1.bias:- "
                  "head.fc.weight:- head.fc.bias:- linear2.weight:- linear2.bias:-");
    add("a", "conv1 , head*", 2, 1);
    add("b", "*.bias", 3, 1);
    check_members("conv1.weight:a conv1.bias:a batchnorm1.weight:- batchnorm1.bias:b "
                  "head.fc.weight:a head.fc.bias:a linear2.weight:- linear2.bias:b");
    add("b", "*.bias", 3, 1);
    add("a", "conv1,head*", 2, 1);
    check_members("conv1.weight:a conv1.bias:b batchnorm1.weight:- batchnorm1.bias:b "
                  "head.fc.weight:a head.fc.bias:b linear2.weight:- linear2.bias:b");
    add("top", "head", 3, 1); /* the last layer, whatever its name */
    check_members("conv1.weight:- conv1.bias:- batchnorm1.weight:- batchnorm1.bias:- "
                  "head.fc.weight:- head.fc.bias:- linear2.weight:top linear2.bias:top");
    add("c", "linear?.[!b]*", 3, 1);
    check_members("conv1.weight:- conv1.bias:- batchnorm1.weight:- batchnorm1.bias:- "
                  "head.fc.weight:- head.fc.bias:- linear2.weight:c linear2.bias:-");
}

static void refuse(const char *expected)
{
    char said[STATUS_TEXT];
    status_capture(said);
    enum status st = param_groups_check(&groups, &model);
    status_capture(NULL);
    assert_int_equal(st, ST_USAGE);
    if (!strstr(said, expected))
        fail_msg("said '%s', expected '%s'", said, expected);
    param_groups_release(&groups);
}

static void test_checks(void **state)
{
    (void)state;
    assert_int_equal(param_groups_check(&groups, &model), ST_OK);
    add("a", "conv1, linear*", 2, 0);
    add("b", "*", 1, 1);
    assert_int_equal(param_groups_check(&groups, &model), ST_OK);
    param_groups_release(&groups);

    add("a", "conv1", 2, 1);
    add("b", "conv1, linaer*", 2, 1);
    refuse("g.conf:2: group 'b': 'linaer*' matches no trained tensor; did you mean "
           "'linear2'?");
    add("b", "conv1.weigth", 2, 1);
    refuse("'conv1.weigth' matches no trained tensor; did you mean 'conv1.weight'?");
    add("a", "transformer", 2, 1);
    refuse("'transformer' matches no trained tensor; write the name of a layer");
    add("a", "batchnorm1.running_mean", 2, 1); /* not trained */
    refuse("'batchnorm1.running_mean' matches no trained tensor");
    add("a", "", 2, 1);
    refuse("g.conf:1: group 'a' has no 'match = PATTERN'");
    add("a", " , ", 2, 1);
    refuse("group 'a' has no 'match = PATTERN'");
    add("all", "*", 2, 1);
    add("late", "conv1", 2, 1);
    refuse("g.conf:2: group 'late' gets no tensor: a group before it has all that match");
    char pattern[200];
    memset(pattern, '*', sizeof pattern);
    pattern[sizeof pattern - 1] = '\0';
    add("long", pattern, 2, 1);
    refuse("group 'long': the pattern '********************...' is longer than 127");
}

/* The optimizer's segments: neighbours alike are one; with trust ratios each tensor
   is. */
static void test_segments(void **state)
{
    (void)state;
    struct optim_options options = {.kind = OPTIM_SGD};
    struct optim optim;
    optim_init(&optim, &options, &model);
    assert_int_equal(optim.chunks, 0);
    /* weight | bias, batchnorm | its statistics | weight | bias | weight | bias */
    assert_int_equal(optim.segments, 6);
    assert_int_equal(optim.segment[0].begin, 0);
    assert_int_equal(optim.segment[5].end, model.params);
    optim_release(&optim);

    options.kind = OPTIM_LAMB;
    optim_init(&optim, &options, &model);
    assert_int_equal(optim.segments, 8);
    assert_int_equal(optim.chunks, 8);
    for (int s = 0; s < 8; s++)
        assert_int_equal(optim.segment[s].adapts, optim.segment[s].decay > 0);
    optim_release(&optim);

    options.kind = OPTIM_SGD;
    add("tail", "head.fc, linear2", 10, 0.5);
    options.groups = groups;
    optim_init(&optim, &options, &model);
    assert_int_equal(optim.segments, 6);
    assert_true(optim.segment[1].lr == 1 && optim.segment[1].decay == 0);
    assert_true(optim.segment[2].lr == 10 && optim.segment[2].decay == 0.5);
    assert_true(optim.segment[3].lr == 10 && optim.segment[3].decay == 0);
    optim_release(&optim);
    param_groups_release(&groups);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches),
        cmocka_unit_test(test_checks),
        cmocka_unit_test(test_segments),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
