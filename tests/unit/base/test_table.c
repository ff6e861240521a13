#include "capture.h"

#include "base/mem.h"
#include "base/table.h"

static int print_small(void)
{
    struct table t;
    table_init(&t, "<layer", ">parameters", "<note", NULL);
    table_row(&t, "conv1", "320", "", NULL);
    table_cellf(&t, "linear%d", 12);
    table_cellf(&t, "%zu", (size_t)1234567890);
    table_cellf(&t, "%s", "last");
    table_print(&t);
    table_release(&t);
    return t.cells;
}

static void test_print(void **state)
{
    (void)state;
    struct captured c = capture(print_small);
    assert_int_equal(c.code, 0);
    assert_string_equal(c.err, "");
    assert_string_equal(c.out, "  layer     parameters  note\n"
                               "  conv1            320\n"
                               "  linear12  1234567890  last\n");
}

static int print_wide(void)
{
    struct table t;
    table_init(&t, "<a", ">b", NULL);
    for (int i = 0; i < 100; i++) {
        table_cellf(&t, "%d", i);
        table_cellf(&t, "%d", i * i);
    }
    char *wide = mem_zeroed(3001, 1);
    memset(wide, 'x', 3000);
    table_row(&t, "end", wide, NULL);
    table_print(&t);
    table_release(&t);
    return t.cell != NULL;
}

/* Many rows make the table grow; a line that is too wide is cut without overrun. */
static void test_growth(void **state)
{
    (void)state;
    struct captured c = capture(print_wide);
    assert_int_equal(c.code, 0);
    int lines = 0;
    for (const char *p = c.out; (p = strchr(p, '\n')) != NULL; p++)
        lines++;
    assert_int_equal(lines, 102);
    assert_non_null(strstr(c.out, "\n  99\n  end  xxx"));
}

static int print_incomplete(void)
{
    struct table t;
    table_init(&t, "<a", ">b", NULL);
    table_row(&t, "one", NULL);
    return 0;
}

static void test_incomplete_row(void **state)
{
    (void)state;
    struct captured c = capture(print_incomplete);
    assert_int_equal(c.code, 3);
    assert_non_null(strstr(c.err, "table.c"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_incomplete_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
