/* Config files as text: lines, comments, values, and errors in them. */
#include "../config_text.h"
#include "base/mem.h"

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
    assert_int_equal(c.model.lines.count, 2);
    assert_string_equal(c.model.lines.text[1], "relu");
    assert_string_equal(c.model.lines.where[1], "x.conf:10");
    assert_string_equal(c.data.file, "a#b;c");
    config_release(&c);
    assert_int_equal(parse(&c, "\xEF\xBB\xBF[train]\r\n\r\n \r\nbatch: 8\r\n"), ST_OK);
    assert_int_equal(c.run.train.batch, 8);
    config_release(&c);
}

/* Any path that can be opened can be read back from a checkpoint. */
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
           "x.conf:1: unknown section 'trian'; did you mean 'train'?");
    refuse("[somewhere]\nbatch = 5\n", "x.conf:1: unknown section 'somewhere'; see");
    refuse("[modle]\n", "x.conf:1: unknown section 'modle'; did you mean 'model'?");
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
    refuse("[optim]\nkind = adam\n", "'kind = adam': expected sgd | adamw | lars | lamb");
    refuse("[train]\nsteps = 1e15\n", "x.conf:2: 'steps = 1e15'");
}

static void test_bad_lines(void **state)
{
    (void)state;
    refuse("[train]\nbatch\n", "x.conf:2: expected '[section]' or 'key = value'");
    refuse("[train]\nepochs = 3\nno sense\n[optim]\nlr = 0.1\n", "x.conf:3: expected");
    /* otherwise epochs would be set in [optim] */
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
    refuse(many, "x.conf:514: more than 512 layers");
    free(many);
}

static void test_groups(void **state)
{
    (void)state;
    refuse("[group a]\nmatch = x\nlr = 1\nmatch = y\n",
           "x.conf:4: 'match' is set already on line 2");
    refuse("[group a]\nlr = 1\n[group b]\nlr = 2\n[group a]\n",
           "x.conf:5: there is a group 'a' already, at x.conf:1");
    refuse("[group]\nlr = 1\n", "x.conf:1: '' cannot be the name of a group");
    refuse("[group a.b]\n", "x.conf:1: 'a.b' cannot be the name of a group");
    refuse("[group a]\nrl = 1\n",
           "x.conf:2: unknown key 'rl' in a group; did you mean 'lr'?");
    refuse("[group a]\nmomentum = 1\n",
           "x.conf:2: unknown key 'momentum' in a group: expected match, lr, "
           "weight_decay, decay, from or epochs");
    refuse("[group a]\nlr = -1\n",
           "x.conf:2: 'lr = -1': expected a number from 0 to 1000000");
    refuse("[group a]\nweight_decay = half\n",
           "x.conf:2: 'weight_decay = half': expected a number");
}

/* A comment may have any length, and begins after any kind of blank. */
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

/* A comment that begins after two byte order marks does not become a value. */
static void test_long_value_without_key(void **state)
{
    (void)state;
    const char *marks = "\xEF\xBB\xBF\xEF\xBB\xBF";
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
    const char *path = scratch_write("bad.conf", bad, sizeof bad - 1);
    assert_int_equal(config_read(&c, path), ST_USAGE);
    char *says = mem_format("lockstep: %s:2: unknown key 'batsch'", path);
    expect_said(says);
    free(says);
    assert_int_equal(config_read(&c, scratch_path("none.conf")), ST_USAGE);
    expect_said("none.conf': No such file");
    const char *zero = scratch_write("zero.conf", good, sizeof good);
    assert_int_equal(config_read(&c, zero), ST_USAGE);
    expect_said("zero.conf' is not a config: it is no text");
    config_release(&c);
}

/* Notes do not refuse a config. */
static void test_unused(void **state)
{
    (void)state;
    struct config c;
    static const char text[] =
        "[block a]\nparameters = n unused=1\nlayer = conv $n kernel=1\n"
        "[block idle]\nlayer = relu\n"
        "[block unused2]\nparameters = n nn\nlayer = idle2 $nn\nlayer = unused2 n=1\n"
        "[model]\nlayer = a n=3\n";
    static const char *const notes[] = {
        "unused.conf:1: no line of block 'a' has its parameter $unused\n",
        "unused.conf:4: no 'layer =' line uses block 'idle'\n",
        "unused.conf:6: no line of block 'unused2' has its parameter $n\n",
        "unused.conf:6: no 'layer =' line uses block 'unused2'\n",
    };
    config_init(&c);
    const char *path = scratch_write("unused.conf", text, sizeof text - 1);
    assert_int_equal(config_read(&c, path), ST_OK);
    const char *said = scratch_said();
    for (int i = 0; i < 4; i++)
        assert_non_null(strstr(said, notes[i]));
    config_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_long_path),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_bad_values),
        cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_long_comment),
        cmocka_unit_test(test_long_value_without_key),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_unused),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
