#include "../scratch.h"

#include "app/config.h"
#include "base/mem.h"

/* A config read from text, called x.conf in messages. */
static enum status parse(struct config *config, const char *text)
{
    config_init(config);
    return config_parse(config, text, "x.conf");
}

static void refuse(const char *text, const char *message)
{
    struct config config;
    assert_int_equal(parse(&config, text), ST_USAGE);
    expect_said(message);
    config_release(&config);
}

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
    assert_int_equal(c.model.count, 2);
    assert_string_equal(c.model.text[0], "conv 8 kernel=3");
    assert_string_equal(c.model.where[0], "x.conf:4");
    assert_string_equal(c.model.where[1], "x.conf:5");
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

/* Blanks, comments, DOS line ends, no newline at the end. */
static void test_forms(void **state)
{
    (void)state;
    struct config c;
    assert_int_equal(parse(&c, "# a comment\n; another\n\n  [train]  # here too\r\n"
                               "\tbatch=7   # seven\n    grain = 5 ; five\n"
                               "   # indented\n[model]\nlayer = conv 3 kernel=1\n"
                               "   layer = relu\n\n[data]\nfile = a#b;c"),
                     ST_OK);
    assert_int_equal(c.run.train.batch, 7);
    assert_int_equal(c.run.train.grain, 5);
    assert_int_equal(c.model.count, 2);
    assert_string_equal(c.model.text[1], "relu");
    assert_string_equal(c.model.where[1], "x.conf:10");
    assert_string_equal(c.data.file, "a#b;c");
    config_release(&c);
    assert_int_equal(parse(&c, "\xEF\xBB\xBF[train]\r\n\r\n \r\nbatch: 8\r\n"), ST_OK);
    assert_int_equal(c.run.train.batch, 8);
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
        assert_int_equal(first.model.count, second.model.count);
        free(text);
        free(again);
        config_release(&first);
        config_release(&second);
    }
}

/* Any path that can be opened can be read back from a checkpoint; inih's own lines are
   short. */
static void test_long_path(void **state)
{
    (void)state;
    static char assignment[4200] = "data.file=";
    for (size_t n = 100; n < 4000; n += n < 300 ? 3 : 331) {
        struct config c, again;
        config_init(&c);
        memset(assignment + 10, 'x', n);
        assignment[10 + n] = '\0';
        assert_int_equal(config_set(&c, assignment), ST_OK);
        char *text = config_text(&c);
        assert_int_equal(parse(&again, text), ST_OK);
        assert_string_equal(c.data.file, again.data.file);
        assert_int_equal(strlen(again.data.file), n);
        config_release(&again);
        free(text);
        config_release(&c);
    }
}

static void test_unknown(void **state)
{
    (void)state;
    refuse("[train]\nepochs = 3\nbacth = 5\n[optim]\nrl = 1\n",
           "x.conf:3: unknown key 'bacth' in [train]; did you mean 'batch'?");
    refuse("[trian]\nbatch = 5\n",
           "x.conf:2: unknown section 'trian'; did you mean 'train'?");
    refuse("[somewhere]\nbatch = 5\n", "x.conf:2: unknown section 'somewhere'; see");
    refuse("\n\n[train]\nmomentum = 0.5\n",
           "x.conf:4: unknown key 'momentum' in [train]; it belongs to [optim]");
    refuse("[train]\nzzzzzz = 5\n", "x.conf:2: unknown key 'zzzzzz' in [train]; see");
    refuse("batch = 5\n", "x.conf:1: 'batch' stands before the first [section]");
}

static void test_bad_values(void **state)
{
    (void)state;
    refuse("[train]\nbatch = many\n",
           "x.conf:2: 'batch = many': expected a whole number from 1 to 10000000");
    refuse("[train]\nbatch = 0\n", "x.conf:2: 'batch = 0'");
    refuse("[train]\nbatch = 1.5\n", "x.conf:2: 'batch = 1.5'");
    refuse("[train]\nbatch =\n", "x.conf:2: 'batch = '");
    refuse("[train]\nseed = -1\n", "x.conf:2: 'seed = -1': expected a whole number");
    refuse("[optim]\nlr = nan\n", "x.conf:2: 'lr = nan': expected a number from 0");
    refuse("[optim]\nlr = -0.1\n", "x.conf:2: 'lr = -0.1'");
    refuse("[optim]\nnesterov = maybe\n", "'nesterov = maybe': expected on or off");
    refuse("[optim]\nkind = adam\n", "'kind = adam': expected sgd | adamw");
    refuse("[train]\nsteps = 1e15\n", "x.conf:2: 'steps = 1e15'");
}

static void test_bad_lines(void **state)
{
    (void)state;
    refuse("[train]\nbatch\n", "x.conf:2: expected '[section]' or 'key = value'");
    refuse("[train]\nepochs = 3\nno sense\n[optim]\nlr = 0.1\n", "x.conf:3: expected");
    /* what follows would be taken for the section before */
    refuse("[optim]\nlr = 0.1\n[train\nepochs = 3\n", "x.conf:3: expected");
    refuse("[train]\nbatch = 5\n\n[optim]\nlr = 1\n[train]\nbatch = 6\n",
           "x.conf:7: 'batch' is set already on line 2");
    refuse("[train]\nbatch = 5\n= 7\n", "x.conf:3: unknown key '' in [train]");
    char text[5000] = "[train]\n[data]\nfile = ";
    memset(text + strlen(text), 'x', 4200);
    refuse(text, "x.conf:3: the line is too long");
    strcpy(text, "[train]\n");
    memset(text + strlen(text), 'x', 300);
    strcpy(text + strlen(text), " = 5\n");
    refuse(text, "x.conf:2: the line is too long");
    memset(text, '=', 400);
    *text = '[';
    strcpy(text + 400, "]\n");
    refuse(text, "x.conf:1: the line is too long");
    char *many = mem_strdup("[model]\n");
    for (int i = 0; i < MODEL_LAYERS + 1; i++) {
        char *more = mem_format("%slayer = relu\n", many);
        free(many);
        many = more;
    }
    refuse(many, "x.conf:66: more than 64 layers");
    free(many);
}

/* A comment may be as long as it likes, and begin behind any blank. */
static void test_long_comment(void **state)
{
    (void)state;
    const char *begin[] = {" # ", "\t;", "\v;", "\f# x = y"};
    for (int i = 0; i < 4; i++) {
        struct config c;
        char *text = mem_format("[train]\nbatch = 9%s%0800d\n%s%0800d = 7\nepochs = 3\n",
                                begin[i], 0, begin[i], 0);
        assert_int_equal(parse(&c, text), ST_OK);
        assert_int_equal(c.run.train.batch, 9);
        assert_int_equal(c.run.train.epochs, 3);
        config_release(&c);
        free(text);
    }
}

/* What no key takes is the value of no other. */
static void test_long_value_without_key(void **state)
{
    (void)state;
    const char *marks = "\xEF\xBB\xBF\xEF\xBB\xBF"; /* inih skips one more */
    char *text = mem_format("%s;%0190d = 77777777\n[train]\nbatch = 9\n", marks, 0);
    struct config c;
    assert_int_equal(parse(&c, text), ST_OK);
    assert_int_equal(c.run.train.batch, 9);
    config_release(&c);
    free(text);
}

static void test_read(void **state)
{
    (void)state;
    struct config c;
    static const char good[] = "[train]\nbatch = 9\n", bad[] = "[train]\nbatsch = 9\n";
    config_init(&c);
    assert_int_equal(config_read(&c, scratch_write("good.conf", good, sizeof good - 1)),
                     ST_OK);
    assert_int_equal(c.run.train.batch, 9);
    assert_int_equal(config_read(&c, scratch_write("bad.conf", bad, sizeof bad - 1)),
                     ST_USAGE);
    expect_said("lockstep: bad.conf:2: unknown key 'batsch'");
    assert_int_equal(config_read(&c, scratch_path("none.conf")), ST_USAGE);
    expect_said("none.conf': No such file");
    const char *zero = scratch_write("zero.conf", good, sizeof good);
    assert_int_equal(config_read(&c, zero), ST_USAGE);
    expect_said("zero.conf' is not a config: it is no text");
    config_release(&c);
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

/* Ranges include their ends, for every key there is: the defaults of the help can be set,
   and every key of the effective config is in the help. */
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
    free(text);
    config_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_long_path),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_bad_values),
        cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_long_comment),
        cmocka_unit_test(test_long_value_without_key),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_check_name),
        cmocka_unit_test(test_every_key),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
