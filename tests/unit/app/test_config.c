#include "../config_text.h"
#include "base/mem.h"

static void test_values(void **state)
{
    (void)state;
    struct config c;
    assert_int_equal(parse(&c, "[data]\nfile = some file.h5\n"
                               "[model]\nlayer = conv 8 kernel=3\nlayer = logsoftmax\n"
                               "[train]\nbatch = 64\nsteps=30\nlabel_smoothing = 0.125\n"
                               "seed = 18446744073709551615\n"
                               "[optim]\nkind = adamw\nlr = 1e-3\nnesterov = yes\n"
                               "[schedule]\nkind = cosine\nwarmup = 1.5\n"
                               "[checkpoint]\nevery_minutes = 0.5\nkeep_best = off\n"
                               "[parallel]\nintra = channel\n"),
                     ST_OK);
    assert_string_equal(c.data.file, "some file.h5");
    assert_int_equal(c.model.lines.count, 2);
    assert_string_equal(c.model.lines.text[0], "conv 8 kernel=3");
    assert_string_equal(c.model.lines.where[0], "x.conf:4");
    assert_string_equal(c.model.lines.where[1], "x.conf:5");
    assert_int_equal(c.run.train.batch, 64);
    assert_int_equal(c.run.train.steps, 30);
    assert_true(c.run.train.seed == UINT64_MAX);
    assert_true(c.run.train.label_smoothing == 0.125);
    assert_int_equal(c.run.optim.kind, OPTIM_ADAMW);
    assert_true(c.run.optim.lr == 1e-3 && c.run.optim.nesterov);
    assert_int_equal(c.run.schedule.kind, SCHEDULE_COSINE);
    assert_true(c.run.schedule.warmup == 1.5);
    assert_true(c.run.checkpoint.every_minutes == 0.5 && !c.run.checkpoint.keep_best);
    assert_int_equal(c.run.parallel.intra, INTRA_CHANNEL);
    assert_int_equal(c.run.train.epochs, 10); /* a default */
    config_release(&c);
}

static void test_round_trip(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "[model]\nlayer = conv 32 kernel=3\nlayer = flatten\nlayer = linear classes\n"
        "layer = logsoftmax\n[data]\nfile = /tmp/a b.h5\n[train]\nsteps = 123456789012\n"
        "seed = 18446744073709551615\nlabel_smoothing = 0.1\nema = 0.9995\n"
        "[optim]\nkind = adamw\nlr = 0.00123456789012345\nepsilon = 1e-12\n"
        "nesterov = true\n[schedule]\nkind = onecycle\nfinal_div = 1e7\n",
    };
    for (int i = 0; i < 2; i++) {
        struct config first, second;
        assert_int_equal(parse(&first, texts[i]), ST_OK);
        char *text = config_text(&first);
        assert_int_equal(parse(&second, text), ST_OK);
        char *again = config_text(&second);
        assert_string_equal(text, again);
        assert_true(first.run.optim.lr == second.run.optim.lr);
        assert_true(first.run.train.seed == second.run.train.seed);
        assert_true(first.run.train.ema == second.run.train.ema);
        assert_int_equal(first.model.lines.count, second.model.lines.count);
        free(text);
        free(again);
        config_release(&first);
        config_release(&second);
    }
}

static const char *const blocks =
    "[model]\nlayer = conv 4 kernel=1\nlayer = cell width=3 repeat=2\n[block cell]\n"
    "parameters = width stride=1\nlayer = conv $width kernel=1 as=a\nlayer = add from=a\n"
    "[block empty]\n[data]\nfile = a.h5\n";

/* Blocks survive the text that checkpoints keep. */
static void test_blocks(void **state)
{
    (void)state;
    struct config first, second;
    assert_int_equal(parse(&first, blocks), ST_OK);
    assert_int_equal(first.model.blocks, 2);
    assert_string_equal(first.model.block[0].name, "cell");
    assert_string_equal(first.model.block[0].parameters, "width stride=1");
    assert_int_equal(first.model.block[0].lines.count, 2);
    assert_string_equal(first.model.block[0].lines.where[1], "x.conf:7");
    assert_int_equal(first.model.lines.count, 2);
    char *text = config_text(&first);
    assert_int_equal(parse(&second, text), ST_OK);
    char *again = config_text(&second);
    assert_string_equal(text, again);
    assert_non_null(strstr(text,
                           "\n[block cell]\nparameters = width stride=1\nlayer = conv "
                           "$width kernel=1 as=a\nlayer = add from=a\n\n[block "
                           "empty]\n\n[model]\n"));
    assert_int_equal(config_compare(&first, &second, NULL), ST_OK);
    free(second.model.block[0].lines.text[0]);
    second.model.block[0].lines.text[0] = mem_strdup("conv $width kernel=3 as=a");
    assert_int_equal(config_compare(&first, &second, NULL), ST_USAGE);
    expect_said("cannot resume: the blocks of the network have changed: 'layer = conv "
                "$width kernel=1 as=a' is now 'layer = conv $width kernel=3 as=a'");
    free(text);
    free(again);
    config_release(&first);
    config_release(&second);
}

static void refuse_set(struct config *c, const char *assignment, const char *message)
{
    assert_int_equal(config_set(c, assignment), ST_USAGE);
    expect_said(message);
}

static void test_set(void **state)
{
    (void)state;
    struct config c;
    assert_int_equal(parse(&c, "[train]\nbatch = 9\n"), ST_OK);
    assert_int_equal(config_set(&c, "train.batch=64"), ST_OK);
    assert_int_equal(c.run.train.batch, 64);
    assert_int_equal(config_set(&c, " train.batch = 65 "), ST_OK);
    assert_int_equal(config_set(&c, "train.batch=66"), ST_OK); /* the last one counts */
    assert_int_equal(c.run.train.batch, 66);
    assert_int_equal(config_set(&c, "data.file=a=b.c"), ST_OK);
    assert_string_equal(c.data.file, "a=b.c");
    refuse_set(&c, "train.bacth=5", "--set: unknown key 'bacth' in [train]; did you");
    refuse_set(&c, "tarin.batch=5", "--set: unknown section 'tarin'; did you mean");
    refuse_set(&c, "train.batch=x", "--set: 'batch = x': expected a whole number");
    refuse_set(&c, "batch=5", "'--set batch=5': expected section.key=value");
    refuse_set(&c, "train.batch", "'--set train.batch': expected section.key=value");
    refuse_set(&c, "file=a.b", "'--set file=a.b': expected section.key=value");
    refuse_set(&c, "model.layer=relu", "the network is set in the config file");
    refuse_set(&c, "batch_size=5", "did you mean 'train.batch=5'?");
    refuse_set(&c, "train.BatchSize=5", "'BatchSize' in [train]; did you mean 'batch'?");
    refuse_set(&c, "train.learning_rate=5", "did you mean 'lr' in [optim]?");
    refuse_set(&c, "optim.lr-scheduler=x", "did you mean 'kind' in [schedule]?");
    assert_int_equal(c.run.train.batch, 66);
    config_release(&c);
}

static void test_check(void **state)
{
    (void)state;
    struct config c;
    assert_int_equal(parse(&c, "[data]\nfile = a.h5\n"), ST_OK);
    assert_int_equal(config_check(&c, "x.conf"), ST_USAGE);
    expect_said("x.conf: no network");
    assert_int_equal(config_parse(&c, "[model]\nlayer = relu\n", "y"), ST_OK);
    assert_int_equal(config_check(&c, "x.conf"), ST_OK);
    assert_int_equal(config_set(&c, "data.file="), ST_OK);
    assert_int_equal(config_check(&c, "x.conf"), ST_USAGE);
    expect_said("x.conf: no data set; give --data FILE");
    config_release(&c);
}

static void test_check_name(void **state)
{
    (void)state;
    struct config c;
    static const char *const bad[] = {" a.h5",   "a.h5 ", "#1.h5",
                                      "a ;b.h5", "a\t#b", "a\n[train]"};
    assert_int_equal(parse(&c, "[data]\nfile = a#b c;d.h5\n[model]\nlayer = relu\n"),
                     ST_OK);
    assert_int_equal(config_check(&c, "x.conf"), ST_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        free(c.data.file);
        c.data.file = mem_strdup(bad[i]);
        assert_int_equal(config_check(&c, "x.conf"), ST_USAGE);
        expect_lines(strchr(bad[i], '\n') ? 2 : 1, "' cannot be the name of the data set",
                     NULL);
    }
    config_release(&c);
}

/* --- comparing --- */

static char shown[2000];

static void show(const char *line)
{
    strcat(shown, line);
    strcat(shown, "|");
}

static const char base_text[] = "[model]\nlayer = conv 4 kernel=3\nlayer = relu\n";

static enum status compare(const char *model, const char *assignment)
{
    struct config then, now;
    *shown = '\0';
    assert_int_equal(parse(&then, base_text), ST_OK);
    assert_int_equal(parse(&now, model), ST_OK);
    if (assignment)
        assert_int_equal(config_set(&now, assignment), ST_OK);
    enum status st = config_compare(&then, &now, show);
    config_release(&then);
    config_release(&now);
    return st;
}

static void test_compare(void **state)
{
    (void)state;
    assert_int_equal(compare(base_text, NULL), ST_OK);
    assert_string_equal(shown, "");
    assert_int_equal(compare(base_text, "train.epochs=12"), ST_OK);
    assert_string_equal(shown, "train.epochs 10 -> 12|");
    assert_int_equal(compare(base_text, "optim.lr=0.5"), ST_OK);
    assert_string_equal(shown, "optim.lr 0.05 -> 0.5|");
}

static const char groups_text[] =
    "[model]\nlayer = conv 4 kernel=3\nlayer = relu\n"
    "[group head]\nmatch = conv*, x\nlr = 10\n[group rest]\nmatch = *.bias\n";

/* What a group says beyond factors, and what it may not say. */
static void test_group_keys(void **state)
{
    (void)state;
    struct config c;
    assert_int_equal(parse(&c, groups_text), ST_OK);
    const struct param_group *head = &c.run.optim.groups.group[0];
    assert_true(head->lr == 10 && head->weight_decay == 1 && head->epochs == 0);
    assert_int_equal(head->decay, PARAM_DECAY_WEIGHTS);
    assert_int_equal(config_set(&c, "group head.epochs=2.5"), ST_OK);
    assert_int_equal(config_set(&c, "group head.decay=all"), ST_OK);
    assert_true(head->epochs == 2.5 && head->decay == PARAM_DECAY_ALL);
    static const char *const bad[] = {"group head.epochs=-1", "group head.epochs=many",
                                      "group head.decay=none", "group head.decay=1",
                                      "group head.epoch=2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(config_set(&c, bad[i]), ST_USAGE);
        expect_said("--set: ");
    }
    char *text = config_text(&c);
    assert_non_null(strstr(text, "decay = all\nfrom = 0\nepochs = 2.5\n"));
    free(text);
    config_release(&c);
}

/* Groups may change in a run, and what changed is named. */
static void test_compare_groups(void **state)
{
    (void)state;
    assert_int_equal(compare(groups_text, NULL), ST_OK);
    assert_string_equal(shown, "group head.match (none) -> conv*, x|"
                               "group head.lr (none) -> 10|"
                               "group rest.match (none) -> *.bias|");
    struct config then, now;
    *shown = '\0';
    assert_int_equal(parse(&then, groups_text), ST_OK);
    assert_int_equal(parse(&now, groups_text), ST_OK);
    assert_int_equal(config_set(&now, "group head.lr=5"), ST_OK);
    assert_int_equal(config_set(&now, "group new.match=relu1"), ST_OK);
    assert_int_equal(config_compare(&now, &then, show), ST_OK);
    assert_string_equal(shown, "group head.lr 5 -> 10|"
                               "group new.match relu1 -> (none)|");
    *shown = '\0';
    config_show_changed(&now, show);
    assert_string_equal(shown, "group head.match=conv*, x|group head.lr=5|"
                               "group rest.match=*.bias|group new.match=relu1|");
    config_release(&then);
    config_release(&now);
}

/* The text of a config with groups is read back as the same. */
static void test_groups_round_trip(void **state)
{
    (void)state;
    struct config first, second;
    assert_int_equal(parse(&first, groups_text), ST_OK);
    assert_int_equal(config_set(&first, "group head.weight_decay=0.1"), ST_OK);
    char *text = config_text(&first);
    assert_int_equal(parse(&second, text), ST_OK);
    char *again = config_text(&second);
    assert_string_equal(text, again);
    assert_int_equal(second.run.optim.groups.count, 2);
    assert_string_equal(second.run.optim.groups.group[0].match, "conv*, x");
    assert_true(second.run.optim.groups.group[0].lr == 10);
    assert_true(second.run.optim.groups.group[0].weight_decay == 0.1);
    free(text);
    free(again);
    config_release(&first);
    config_release(&second);
}

static void test_compare_fixed(void **state)
{
    (void)state;
    static const char *const fixed[][2] = {
        {"train.batch=7", "train.batch was '256' and is now '7'"},
        {"train.grain=7", "train.grain was '32' and is now '7'"},
        {"train.seed=7", "train.seed was '1' and is now '7'"},
        {"train.ema=0.5", "train.ema was '0' and is now '0.5'"},
        {"optim.kind=adamw", "optim.kind was 'sgd' and is now 'adamw'"},
        {"optim.lookahead=5", "optim.lookahead was '0' and is now '5'"},
    };
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        assert_int_equal(compare(base_text, fixed[i][0]), ST_USAGE);
        expect_said(fixed[i][1]);
    }
    static const char *const models[][2] = {
        {"[model]\nlayer = conv 5 kernel=3\nlayer = relu\n",
         "model.layer was 'conv 4 kernel=3' and is now 'conv 5 kernel=3'"},
        {"[model]\nlayer = conv 4 kernel=3\n",
         "model.layer was 'relu' and is now '(none)'"},
        {"[model]\nlayer = conv 4 kernel=3\nlayer = relu\nlayer = gelu\n",
         "model.layer was '(none)' and is now 'gelu'"},
    };
    for (int i = 0; i < 3; i++) {
        assert_int_equal(compare(models[i][0], NULL), ST_USAGE);
        expect_said(models[i][1]);
    }
}

static void test_show_changed(void **state)
{
    (void)state;
    struct config c;
    assert_int_equal(parse(&c, base_text), ST_OK);
    *shown = '\0';
    config_show_changed(&c, show);
    assert_string_equal(shown, "");
    assert_int_equal(config_set(&c, "train.batch=64"), ST_OK);
    assert_int_equal(config_set(&c, "schedule.kind=step"), ST_OK);
    assert_int_equal(config_set(&c, "train.epochs=10"), ST_OK); /* the default */
    config_show_changed(&c, show);
    assert_string_equal(shown, "train.batch=64|schedule.kind=step|");
    config_release(&c);
}

/* Every key of the effective config can be set to the value that it has there, and the
   help describes all of them, and the layers. */
static void test_every_key(void **state)
{
    (void)state;
    struct config c;
    config_init(&c);
    char *text = config_text(&c), section[32] = "";
    int keys = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char name[64], assignment[200];
        if (sscanf(line, "[%31[a-z_]]", section) == 1)
            continue;
        assert_int_equal(sscanf(line, "%63[a-z_0-9] =", name), 1);
        snprintf(assignment, sizeof assignment, "%s.%s=%s", section, name,
                 strchr(line, '=') + 1);
        assert_int_equal(config_set(&c, assignment), ST_OK);
        keys++;
    }
    assert_true(keys > 40);
    struct config_key_help help;
    int described = 0;
    while (config_describe_key(described, &help)) {
        assert_true(*help.section && *help.name && *help.help && *help.range);
        described++;
    }
    assert_int_equal(described, keys + 1 + 6); /* layer; of groups */
    free(text);
    config_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),         cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_blocks),         cmocka_unit_test(test_set),
        cmocka_unit_test(test_check),          cmocka_unit_test(test_check_name),
        cmocka_unit_test(test_compare),        cmocka_unit_test(test_group_keys),
        cmocka_unit_test(test_compare_groups), cmocka_unit_test(test_groups_round_trip),
        cmocka_unit_test(test_compare_fixed),  cmocka_unit_test(test_show_changed),
        cmocka_unit_test(test_every_key),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
