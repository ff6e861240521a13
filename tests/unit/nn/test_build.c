/* Lines become layers: names, inputs, conditions, blocks, and what is refused. */
#include "nn_test.h"

#include <stdio.h>

#include "base/status.h"

/* Lines as in a config: "[block NAME]" begins a block, "[model]" the network; "parameters
   = ..." belongs to the block. */
static enum status read_spec(struct model_spec *spec, const char *const *lines)
{
    struct spec_block *block = NULL;
    *spec = (struct model_spec){0};
    for (int i = 0; lines[i]; i++) {
        char where[32], name[256];
        snprintf(where, sizeof where, "net.conf:%d", i + 1);
        if (sscanf(lines[i], "[block %255[^]]]", name) == 1)
            TRY(model_spec_add_block(spec, name, where, &block));
        else if (strcmp(lines[i], "[model]") == 0)
            block = NULL;
        else if (block && strncmp(lines[i], "parameters = ", 13) == 0) {
            free(block->parameters);
            block->parameters = mem_strdup(lines[i] + 13);
        } else if (block)
            spec_lines_add(&block->lines, lines[i], where);
        else
            model_spec_add(spec, lines[i], where);
    }
    return ST_OK;
}

static enum status build(struct model *model, const char *const *lines, struct shape in)
{
    struct model_spec spec;
    enum status st = read_spec(&spec, lines);
    *model = (struct model){0};
    if (st == ST_OK)
        st = model_init(model, &spec, in, 10, 4);
    model_spec_release(&spec);
    return st;
}

#define BASIC                                                                        \
    "[block basic]", "parameters = channels stride=1",                               \
        "conv $channels kernel=3 stride=$stride pad=1 as=conv1", "relu",             \
        "conv $channels kernel=3 pad=1 as=conv2",                                    \
        "conv $channels kernel=1 stride=$stride from=input if=input!=conv2 as=down", \
        "add from=conv2", "relu"
#define END "avgpool 2", "flatten", "linear classes", "logsoftmax", NULL

static void assert_names(const struct model *model, const char *const *names)
{
    int count = 0;
    for (; names[count]; count++)
        assert_string_equal(model->layer[count]->name, names[count]);
    assert_int_equal(model->layers, count);
}

static void test_block(void **state)
{
    (void)state;
    const char *const lines[] = {BASIC,
                                 "[model]",
                                 "basic channels=3 as=first",
                                 "basic channels=8 stride=2,1 repeat=2 as=layer1",
                                 "add from=layer1.0",
                                 "add from=layer1.1.conv1 as=last",
                                 END};
    const char *const names[] = {"first.conv1",
                                 "first.relu1",
                                 "first.conv2",
                                 "first.add1",
                                 "first.relu2",
                                 "layer1.0.conv1",
                                 "layer1.0.relu1",
                                 "layer1.0.conv2",
                                 "layer1.0.down",
                                 "layer1.0.add1",
                                 "layer1.0.relu2",
                                 "layer1.1.conv1",
                                 "layer1.1.relu1",
                                 "layer1.1.conv2",
                                 "layer1.1.add1",
                                 "layer1.1.relu2",
                                 "add1",
                                 "last",
                                 "avgpool1",
                                 "flatten1",
                                 "linear1",
                                 "logsoftmax1",
                                 NULL};
    struct model m;
    assert_int_equal(build(&m, lines, (struct shape){8, 8, 3}), ST_OK);
    assert_names(&m, names);
    assert_int_equal(m.layer[3]->input[0], 0);   /* the shortcut is the network's input */
    assert_int_equal(m.layer[9]->input[0], 9);   /* .down */
    assert_int_equal(m.layer[9]->input[1], 8);   /* .conv2 */
    assert_int_equal(m.layer[14]->input[0], 11); /* the block's input: left out .down */
    assert_int_equal(m.layer[16]->input[1], 11); /* layer1.0 is its last line's */
    assert_int_equal(m.layer[17]->input[1], 12);
    assert_int_equal(m.layer[5]->out.h, 4); /* stride 2 for the first, 1 for the second */
    assert_int_equal(m.layer[11]->out.h, 4);
    model_release(&m);
}

/* Blocks in blocks, numbers in conditions, kinds and names from parameters, default names
   of lines that stand for blocks. */
static void test_nested(void **state)
{
    (void)state;
    const char *const lines[] = {"[block expand]",
                                 "parameters = width act=relu times=1",
                                 "conv $width kernel=1 if=$times!=1",
                                 "$act if=$times!=1",
                                 "[block cell]",
                                 "parameters = width act times",
                                 "expand width=$width act=$act times=$times",
                                 "conv 4 kernel=1 as=out.$act",
                                 "add from=input if=input==out.$act",
                                 "[model]",
                                 "conv 4 kernel=1",
                                 "cell width=6 act=gelu times=3,1 repeat=2",
                                 "cell width=6 act=relu times=2",
                                 END};
    const char *const names[] = {"conv1",
                                 "cell1.0.expand1.conv1",
                                 "cell1.0.expand1.gelu1",
                                 "cell1.0.out.gelu",
                                 "cell1.0.add1",
                                 "cell1.1.out.gelu",
                                 "cell1.1.add1",
                                 "cell2.expand1.conv1",
                                 "cell2.expand1.relu1",
                                 "cell2.out.relu",
                                 "cell2.add1",
                                 "avgpool1",
                                 "flatten1",
                                 "linear1",
                                 "logsoftmax1",
                                 NULL};
    struct model m;
    assert_int_equal(build(&m, lines, (struct shape){2, 2, 3}), ST_OK);
    assert_names(&m, names);
    model_release(&m);
}

#define TEN(a) a a a a a a a a a a

/* A list of a block's values may be longer than a word. */
static void test_long_list(void **state)
{
    (void)state;
    const char *const lines[] = {"[block b]",
                                 "parameters = c",
                                 "conv $c kernel=1",
                                 "[model]",
                                 "b c=" TEN("128,") TEN("128,")
                                     TEN("128,") "128,256 repeat=40",
                                 END};
    struct model m;
    assert_int_equal(build(&m, lines, (struct shape){2, 2, 3}), ST_OK);
    for (int l = 0; l < 40; l++)
        assert_int_equal(m.layer[l]->out.c, l < 31 ? 128 : 256);
    model_release(&m);
}

/* What is said of the lines; they must be refused with ST_USAGE. */
static void refused(const char *says, const char *const *lines)
{
    char why[STATUS_TEXT];
    struct model m;
    status_capture(why);
    enum status st = build(&m, lines, (struct shape){8, 8, 3});
    status_capture(NULL);
    if (st != ST_USAGE || !strstr(why, says))
        fail_msg("expected '%s' with %d, but it was '%s' with %d", says, ST_USAGE, why,
                 st);
}
#define REFUSED(says, ...) refused(says, (const char *const[]){__VA_ARGS__, NULL})

static void assert_condition(const char *condition, struct shape in, bool stays)
{
    char line[64];
    struct model m;
    snprintf(line, sizeof line, "relu as=a if=%s", condition);
    const char *const lines[] = {"conv 4 kernel=1", line,         "flatten",
                                 "linear classes",  "logsoftmax", NULL};
    assert_int_equal(build(&m, lines, in), ST_OK);
    assert_int_equal(m.layers, stays ? 5 : 4);
    model_release(&m);
}

/* A name is the longer side of its shape. */
static void test_order(void **state)
{
    (void)state;
    const struct shape tall = {9, 4, 3}, wide = {4, 9, 3};
    static const struct {
        const char *condition;
        bool stays;
    } cases[] = {
        {"input<9", false},     {"input<10", true},     {"input<=9", true},
        {"input<=8", false},    {"input>9", false},     {"input>8", true},
        {"input>=9", true},     {"input>=10", false},   {"9<input", false},
        {"conv1>=input", true}, {"3<4", true},          {"4<3", false},
        {"-1>=-1", true},       {"input!=conv1", true}, {"input==conv1", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_condition(cases[i].condition, tall, cases[i].stays);
        assert_condition(cases[i].condition, wide, cases[i].stays);
    }
}

/* Two lines may have one name if one of them is left out. */
static void test_either(void **state)
{
    (void)state;
    const char *const lines[] = {"conv 4 kernel=3 stride=2 as=stem if=input>8",
                                 "conv 5 kernel=3 pad=1 as=stem if=input<=8",
                                 "maxpool 2 if=input>8",
                                 "relu",
                                 "add from=stem",
                                 "flatten",
                                 "linear classes",
                                 "logsoftmax",
                                 NULL};
    struct model m;
    assert_int_equal(build(&m, lines, (struct shape){8, 8, 3}), ST_OK);
    assert_int_equal(m.layers, 6);
    assert_string_equal(m.layer[0]->name, "stem");
    assert_int_equal(m.layer[0]->out.c, 5);
    assert_int_equal(m.layer[0]->out.h, 8);
    assert_int_equal(m.layer[2]->input[1], 1); /* the stem that is there */
    model_release(&m);
    const char *const large[] = {lines[0], lines[1], lines[2], lines[3],
                                 lines[5], lines[6], lines[7], NULL};
    assert_int_equal(build(&m, large, (struct shape){9, 9, 3}), ST_OK);
    assert_int_equal(m.layers, 6);
    assert_int_equal(m.layer[0]->out.c, 4);
    assert_string_equal(m.layer[1]->name, "maxpool1");
    assert_int_equal(m.layer[1]->input[0], 1);
    model_release(&m);
}

static void test_refused_graphs(void **state)
{
    (void)state;
    REFUSED("net.conf:3: add1: conv2 is 8x8x5, conv1 is 8x8x4: they must have the "
            "same shape",
            "conv 4 kernel=1", "conv 5 kernel=1", "add from=conv1", END);
    REFUSED("net.conf:3: mul1: conv1 is 8x8x4, flatten1 is 256: they must have the "
            "same shape, or the second one value for each channel of the first",
            "conv 4 kernel=1", "flatten", "mul from=conv1,flatten1", END);
    REFUSED(
        "net.conf:2: no layer before this line is named 'covn1', did you mean 'conv1'?",
        "conv 4 kernel=1", "relu from=covn1", END);
    REFUSED("net.conf:1: no layer before this line is named 'relu2'",
            "conv 4 kernel=1 "
            "from=relu2",
            "relu", "relu", END);
    REFUSED("net.conf:2: conv2: no layer uses its output: name it by from=conv2",
            "conv 4 kernel=1", "conv 4 kernel=1", "relu from=conv1", END);
    REFUSED("net.conf:3: the network has two ends, 'logsoftmax1' here and "
            "'logsoftmax2' at net.conf:5; remove one of them",
            "flatten", "linear classes as=a", "logsoftmax",
            "linear classes from=flatten1", "logsoftmax");
    REFUSED("net.conf:2: the name 'a' is taken by net.conf:1", "conv 4 kernel=1 as=a",
            "relu as=a", END);
    REFUSED("net.conf:2: the name 'relu1' is taken by net.conf:1",
            "conv 4 kernel=1 "
            "as=relu1",
            "relu", END);
    REFUSED("net.conf:1: '1a' cannot be a name", "conv 4 kernel=1 as=1a", END);
    REFUSED("net.conf:1: 'a/b' cannot be a name", "conv 4 kernel=1 as=a/b", END);
    REFUSED("net.conf:1: 'a+b' cannot be a name", "conv 4 kernel=1 as=a+b", END);
    REFUSED("net.conf:1: 'input' cannot be a name", "conv 4 kernel=1 as=input", END);
    REFUSED("net.conf:2: option 'from' is given twice", "conv 4 kernel=1",
            "relu from=conv1 from=input", END);
    REFUSED("net.conf:2: from= lacks a value", "conv 4 kernel=1", "relu from=", END);
    REFUSED("net.conf:2: relu1: from=conv1,input names 2 inputs, it takes 1",
            "conv 4 kernel=1", "relu from=conv1,input", END);
    REFUSED("net.conf:2: add1: from=a,b,c names 3 inputs, it takes 2", "conv 4 kernel=1",
            "add from=a,b,c", END);
    REFUSED("net.conf:2: add1: its second input is missing: from=NAME, the first is "
            "'conv1', the line before",
            "conv 4 kernel=1", "add", END);
    static const char form[] = "expected if=A==B, or !=, <, <=, >, >= instead of ==";
    REFUSED(form, "conv 4 kernel=1", "relu if=conv1", END);
    REFUSED(form, "conv 4 kernel=1", "relu if=conv1=3", END);
    REFUSED(form, "conv 4 kernel=1", "relu if=<3", END);
    REFUSED(form, "conv 4 kernel=1", "relu if=3<", END);
    REFUSED("net.conf:2: no layer before this line is named 'conv2', did you mean "
            "'conv1'?",
            "conv 4 kernel=1", "relu if=conv2>=3", END);
    REFUSED("net.conf:2: the name 'a' is taken by net.conf:1",
            "conv 4 kernel=1 as=a if=input>4", "relu as=a if=input>=5", END);
    REFUSED("net.conf:2: no layer before this line is named 'x'", "conv 4 kernel=1",
            "relu if=conv1==x", END);
    REFUSED("net.conf:1: '$channels' stands outside a block", "conv $channels kernel=1",
            END);
}

static void test_refused_blocks(void **state)
{
    (void)state;
    REFUSED("net.conf:10: basic1: channels= is missing", BASIC, "[model]", "basic", END);
    REFUSED("net.conf:10: block 'basic' has no parameter 'chanels', did you mean "
            "'channels'?",
            BASIC, "[model]", "basic chanels=3", END);
    REFUSED("net.conf:10: unknown layer 'basik', did you mean 'basic'?", BASIC, "[model]",
            "basik channels=3", END);
    REFUSED("net.conf:10: basic1: '3' is no option", BASIC, "[model]", "basic 3", END);
    REFUSED("net.conf:10: basic1: option 'stride' is given twice", BASIC, "[model]",
            "basic channels=3 stride=2 stride=1", END);
    REFUSED("net.conf:10: stride=2,1 has 2 values for 1 block (repeat=)", BASIC,
            "[model]", "basic channels=3 stride=2,1", END);
    REFUSED("net.conf:10: stride= lacks a value", BASIC, "[model]",
            "basic channels=3 stride=2, repeat=2", END);
    REFUSED("net.conf:10: basic1: repeat '0' is not a whole number", BASIC, "[model]",
            "basic channels=3 repeat=0", END);
    REFUSED("net.conf:3: layer1.conv1: stride 'x' is not a whole number", BASIC,
            "[model]", "basic channels=3 stride=x as=layer1", END);
    REFUSED("net.conf:1: block 'conv' has the name of a layer", "[block conv]", "relu");
    REFUSED("net.conf:3: there is a block 'a' already, at net.conf:1", "[block a]",
            "relu", "[block a]");
    REFUSED("net.conf:1: 'a.b' cannot be the name of a block", "[block a.b]", "relu");
    REFUSED("net.conf:2: block 'a' contains itself", "[block a]", "a", "[model]", "a",
            END);
    REFUSED("net.conf:4: block 'a' contains itself", "[block a]", "b", "[block b]", "a",
            "[model]", "a", END);
    REFUSED("net.conf:1: block 'a' has no layers", "[block a]", "[model]", "a", END);
    REFUSED("net.conf:1: block 'a': parameter 'x' is named twice", "[block a]",
            "parameters = x x", "relu", "[model]", "a x=1", END);
    REFUSED("net.conf:1: block 'a': 'repeat' cannot be the name of a parameter",
            "[block a]", "parameters = repeat", "relu", "[model]", "a", END);
    REFUSED("net.conf:2: block 'a' has no parameter 'y'", "[block a]", "relu as=$y",
            "[model]", "a", END);
    REFUSED("net.conf:5: the network has more than 512 layers", "[block a]", "relu",
            "[model]", "a repeat=512", "relu", END);
    REFUSED("lines in all", "[block a]", "relu if=1==2", "[block b]", "a repeat=512",
            "[block c]", "b repeat=512", "[model]", "c repeat=512", END);
    REFUSED("is longer than 47 characters", "[block a]",
            "relu as=a23456789012345678901234567890", "[model]",
            "a as=b23456789012345678901234567890", END);
}

#define LONG TEN("0000000000") TEN("000")

static void test_refused_words(void **state)
{
    (void)state;
    REFUSED("net.conf:1: 'kernel=000000000000000000000000000000000...' is longer than "
            "127 characters",
            "conv 4 kernel=" LONG "1", END);
    REFUSED("net.conf:1: 'as=a000", "relu as=a" LONG, END);
    REFUSED("net.conf:2: 'from=000", "relu", "relu from=" LONG, END);
    REFUSED("net.conf:2: 'if=000", "relu", "relu if=" LONG "==relu1", END);
    REFUSED("net.conf:10: 'repeat=000", BASIC, "[model]", "basic channels=3 repeat=" LONG,
            END);
    REFUSED("net.conf:10: '000", BASIC, "[model]", "basic channels=4," LONG " repeat=2",
            END);
    REFUSED("net.conf:1: 'x=000", "[block a]", "parameters = x=" LONG, "relu", "[model]",
            "a", END);
}

#define DEPTH 40 /* blocks, each in the next one */

static void test_refused_depth(void **state)
{
    (void)state;
    static char text[2 * DEPTH][24];
    const char *lines[2 * DEPTH + 8] = {"[block b0]", "relu as=r"};
    int count = 2;
    for (int b = 1; b < DEPTH; b++) {
        snprintf(text[2 * b], sizeof *text, "[block b%d]", b);
        snprintf(text[2 * b + 1], sizeof *text, "b%d as=x", b - 1);
        lines[count++] = text[2 * b];
        lines[count++] = text[2 * b + 1];
    }
    const char *const deep[] = {"[model]", "b23 as=x", END};
    memcpy(lines + count, deep, sizeof deep);
    refused("net.conf:4: block 'b0' is nested more than 23 blocks deep", lines);
    lines[count + 1] = "b22 as=x";
    struct model m;
    assert_int_equal(build(&m, lines, (struct shape){8, 8, 3}), ST_OK);
    model_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_block),          cmocka_unit_test(test_nested),
        cmocka_unit_test(test_order),          cmocka_unit_test(test_either),
        cmocka_unit_test(test_refused_graphs), cmocka_unit_test(test_refused_blocks),
        cmocka_unit_test(test_long_list),      cmocka_unit_test(test_refused_words),
        cmocka_unit_test(test_refused_depth),
    };
    cpu_blas_single_thread();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
