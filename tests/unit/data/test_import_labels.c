/* Lists of pictures with several classes, or none. */
#include "../scratch.h"

#include "../../../src/data/import_check.h"
#include "../../../src/data/import_labels.h"
#include "base/mem.h"

static enum status read_list_as(struct import_set *set, enum import_label label,
                                const char *text)
{
    char *copy = mem_strdup(text);
    enum status st = import_list(set, "folder/list.csv", label, copy);
    free(copy);
    return st;
}

static enum status read_list(struct import_set *set, const char *text)
{
    return read_list_as(set, IMPORT_LABEL_AUTO, text);
}

static void expect_labels(const struct import_set *set, size_t i, const char *text)
{
    char *found = import_labels_text(set, &set->picture[i]);
    assert_string_equal(found, text);
    free(found);
}

/* One label with ';' makes all of them sets, also those before it. */
static void test_label_sets(void **state)
{
    (void)state;
    struct import_set set;
    assert_int_equal(read_list(&set, "path,label\na,dog\nb,\nc, cat ; dog;;cat\nd,ant\n"
                                     "e,ant;\nf,\n"),
                     ST_OK);
    expect_said("note: 'folder/list.csv' has labels with ';' (line 4: 'cat ; dog;;cat')");
    assert_true(set.multi_label);
    assert_int_equal(set.classes, 3);
    assert_string_equal(set.class_name[0], "ant");
    const char *const wanted[] = {"dog", "none", "cat;dog", "ant", "ant", "none"};
    for (size_t i = 0; i < 6; i++)
        expect_labels(&set, i, wanted[i]);
    assert_true(import_labels_equal(&set, &set.picture[3], &set.picture[4]));
    assert_false(import_labels_equal(&set, &set.picture[0], &set.picture[2]));
    for (size_t i = 0; i < 6; i++)
        set.picture[i].split = i < 4 ? DATASET_TRAIN : DATASET_TEST;
    import_count(&set);
    assert_int_equal(set.total[DATASET_TRAIN], 4);
    assert_int_equal(set.total[DATASET_TEST], 2);
    assert_int_equal(set.per_class[DATASET_TRAIN][2], 2);
    import_set_release(&set);
    /* columns between ';': a label with it is in quotes */
    assert_int_equal(read_list(&set, "path;label\na;\"x;y\"\nb;y\n"), ST_OK);
    expect_said("(line 2: 'x;y')");
    expect_labels(&set, 0, "x;y");
    import_set_release(&set);
}

/* Asked for, a list of single labels is one of sets; one class may do then. */
static void test_asked_label_sets(void **state)
{
    (void)state;
    struct import_set set;
    const char *text = "path,label\na,x\nb,\nc,y\n", *one = "path,label\na,x\nb,\n";
    struct import_options options = {.allow_empty = true};
    assert_int_equal(read_list(&set, text), ST_FAIL);
    expect_said("line 3 of 'folder/list.csv' has no label");
    assert_int_equal(read_list_as(&set, IMPORT_LABEL_SETS, text), ST_OK);
    assert_true(set.multi_label);
    expect_labels(&set, 0, "x");
    expect_labels(&set, 1, "none");
    import_set_release(&set);
    assert_int_equal(read_list_as(&set, IMPORT_LABEL_SETS, one), ST_OK);
    set.source = mem_strdup("a test");
    assert_int_equal(import_check_classes(&set, &options), ST_OK);
    set.picture[1].split = DATASET_TEST;
    assert_int_equal(import_check_classes(&set, &options), ST_FAIL);
    expect_said("all training pictures in a test have the same classes");
    import_set_release(&set);
    assert_int_equal(read_list_as(&set, IMPORT_LABEL_SETS, "path,label\na,\n"), ST_FAIL);
    expect_said("no picture in 'folder/list.csv' has a class");
    /* what is wrong behind an empty label is said in its turn */
    assert_int_equal(read_list(&set, "path,label\na,\n\"b,x;y\n"), ST_FAIL);
    expect_said("line 2 of 'folder/list.csv' has no label");
}

/* Half of the pictures whose rarest class it is go to test, and half of those without. */
static void test_label_set_shares(void **state)
{
    (void)state;
    struct import_set set;
    const double share[DATASET_SPLITS] = {0, 0, 0.5};
    char *text = mem_strdup("path,label\n");
    for (int i = 0; i < 80; i++)
        mem_append(&text, "%d,%s%s\n", i, i % 2 ? "" : "often;", i % 8 ? "" : "rare");
    assert_int_equal(read_list_as(&set, IMPORT_LABEL_SETS, text), ST_OK);
    import_assign(&set, share, 7);
    import_count(&set);
    assert_int_equal(set.per_class[DATASET_TEST][0], 20); /* often */
    assert_int_equal(set.per_class[DATASET_TEST][1], 5);
    assert_int_equal(set.total[DATASET_TEST], 40);
    import_set_release(&set);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_label_sets),
                                       cmocka_unit_test(test_asked_label_sets),
                                       cmocka_unit_test(test_label_set_shares)};
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
