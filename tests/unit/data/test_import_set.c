#include "../scratch.h"

#include "../../../src/data/import_check.h"
#include "../../../src/data/import_impl.h"
#include "../../../src/data/import_queue.h"
#include "../../../src/data/import_set.h"
#include "base/mem.h"

/* --- names --- */

static void test_names(void **state)
{
    (void)state;
    const char *const droppings[] = {".DS_Store", "._1.jpg",     "Thumbs.db",
                                     "THUMBS.DB", "Desktop.ini", "__MACOSX",
                                     "@eaDir",    "lost+found",  ".git"};
    for (size_t i = 0; i < sizeof droppings / sizeof *droppings; i++)
        assert_true(import_is_dropping(droppings[i]));
    assert_false(import_is_dropping("1.jpg"));
    assert_false(import_is_dropping("thumbs"));
    assert_true(import_is_picture_name("a.JPeG"));
    assert_true(import_is_picture_name("a.b.tiff"));
    assert_false(import_is_picture_name("png"));
    assert_false(import_is_picture_name("a.png.txt"));
    assert_int_equal(import_split_of("TRAINING"), DATASET_TRAIN);
    assert_int_equal(import_split_of("valid"), DATASET_VAL);
    assert_int_equal(import_split_of("Validation"), DATASET_VAL);
    assert_int_equal(import_split_of("testing"), DATASET_TEST);
    assert_int_equal(import_split_of("tests"), IMPORT_SPLIT_OPEN);
    assert_true(import_is_list_heading("id, path ,\"label\"\r\n1,2,3"));
    assert_true(import_is_list_heading("Filename\tClass"));
    assert_false(import_is_list_heading("label,pixel0,pixel1\n"));
}

/* Numbers are sorted as numbers, the composed and the decomposed name are one class. */
static void test_classes(void **state)
{
    (void)state;
    struct import_set set = {0};
    int ten = import_set_class(&set, "10"), nine = import_set_class(&set, "9");
    import_set_add(&set, mem_strdup("a"), ten, IMPORT_SPLIT_OPEN);
    import_set_add(&set, mem_strdup("b"), nine, IMPORT_SPLIT_OPEN);
    import_set_sort(&set);
    assert_string_equal(set.class_name[0], "9");
    assert_int_equal(set.picture[0].class, 1);
    import_set_by_class(&set);
    assert_string_equal(set.picture[0].path, "b");
    int composed = import_set_class(&set, "caf\xc3\xa9");
    assert_int_equal(import_set_class(&set, "cafe\xcc\x81"), composed);
    assert_int_equal(import_set_class(&set, "\xff"), 3); /* not UTF-8: as it is */
    import_set_sort(&set);
    assert_string_equal(set.class_name[0], "10"); /* not all are numbers */
    import_set_release(&set);
}

/* --- lists --- */

static enum status read_list(struct import_set *set, const char *text)
{
    char *copy = mem_strdup(text);
    enum status st = import_list(set, "folder/list.csv", IMPORT_LABEL_AUTO, copy);
    free(copy);
    return st;
}

static void test_list(void **state)
{
    (void)state;
    struct import_set set;
    char path[FS_PATH];
    assert_int_equal(read_list(&set, "path,label,split,group,weight\r\n"
                                     "\"a, \"\"b\"\"\n.png\",x,Train,g2,2.5\r\n"
                                     "\r\n"
                                     "/c.png,y,,,\n"
                                     "d.png,x,TEST,g1,0"),
                     ST_OK);
    assert_int_equal(set.count, 3);
    assert_int_equal(set.classes, 2);
    assert_string_equal(set.picture[0].path, "a, \"b\"\n.png");
    assert_int_equal(set.picture[0].split, DATASET_TRAIN);
    assert_int_equal(set.picture[0].group, 1);
    assert_int_equal(set.picture[1].split, IMPORT_SPLIT_OPEN);
    assert_int_equal(set.picture[1].group, IMPORT_NO_GROUP);
    assert_int_equal(set.picture[2].group, 0);
    assert_true(set.weighted);
    assert_true(set.picture[0].weight == 2.5f && set.picture[1].weight == 1 &&
                set.picture[2].weight == 0);
    assert_int_equal(import_path(&set, &set.picture[1], path), ST_OK);
    assert_string_equal(path, "/c.png");
    assert_int_equal(import_path(&set, &set.picture[2], path), ST_OK);
    assert_string_equal(path, "folder/d.png");
    import_set_release(&set);
    assert_int_equal(read_list(&set, "label;path\n1;a\n2;b\n"), ST_OK);
    assert_false(set.weighted);
    import_set_release(&set);
}

static void expect_bad_list(const char *text, const char *said)
{
    struct import_set set;
    assert_int_equal(read_list(&set, text), ST_FAIL);
    expect_said(said);
}

static void test_bad_lists(void **state)
{
    (void)state;
    expect_bad_list("path\na\n", "'folder/list.csv' has no column 'label'");
    expect_bad_list("path,label,path\n", "has two columns 'path'");
    expect_bad_list("path,label\n", "names no pictures");
    expect_bad_list("path,label\na,x\nb,x\n", "have the label 'x'");
    expect_bad_list("path,label\na\n",
                    "line 2 of 'folder/list.csv' has 1 columns, but 2");
    expect_bad_list("path,label\n\na,\n", "line 3 of 'folder/list.csv' has no label");
    expect_bad_list("path,label\n\"a\"b,x\n", "text after the end of a quoted field");
    expect_bad_list("path,label\n\"a,x\n", "a quoted field has no end");
    expect_bad_list("path,label,split\na,x,dev\n",
                    "split 'dev' is not train, val or test");
    expect_bad_list("path,label,weight\na,x,-1\n", "weight '-1' is not a number");
    expect_bad_list("path,label,weight\na,x,nan\n", "weight 'nan' is not a number");
    expect_bad_list("path,label,weight\na,x,inf\n", "weight 'inf' is not a number");
    expect_bad_list("path,label,weight\na,x,1e99\n", "weight '1e99' is not a number");
}

/* --- splits --- */

static void fill(struct import_set *set, int classes, int each)
{
    *set = (struct import_set){.root = mem_strdup(".")};
    for (int c = 0; c < classes; c++) {
        char name[16];
        snprintf(name, sizeof name, "%c", 'a' + c);
        import_set_class(set, name);
        for (int i = 0; i < each; i++)
            import_set_add(set, mem_format("%s/s%d-%d", name, i / 3, i), c,
                           IMPORT_SPLIT_OPEN);
    }
}

static void expect_count(const struct import_set *set, int class, size_t train,
                         size_t val, size_t test)
{
    assert_int_equal(set->per_class[DATASET_TRAIN][class], train);
    assert_int_equal(set->per_class[DATASET_VAL][class], val);
    assert_int_equal(set->per_class[DATASET_TEST][class], test);
}

static void test_shares(void **state)
{
    (void)state;
    struct import_set set;
    const double share[DATASET_SPLITS] = {[DATASET_VAL] = 0.25, [DATASET_TEST] = 0.15};
    const double most[DATASET_SPLITS] = {[DATASET_VAL] = 0.5, [DATASET_TEST] = 0.5};
    fill(&set, 2, 10);
    set.picture[0].reason = mem_strdup("left out");
    import_assign(&set, share, 1);
    import_count(&set);
    expect_count(&set, 0, 6, 2, 1); /* 9 of them: 2.25 and 1.35 */
    expect_count(&set, 1, 5, 3, 2); /* 2.5 and 1.5 */
    import_set_release(&set);
    fill(&set, 1, 2);
    import_assign(&set, most, 1);
    import_count(&set);
    expect_count(&set, 0, 1, 0, 1);
    import_set_release(&set);
}

/* Pictures that the source gave to test stay there. */
static void test_given_splits(void **state)
{
    (void)state;
    struct import_set set;
    const double share[DATASET_SPLITS] = {[DATASET_VAL] = 0.5};
    fill(&set, 1, 10);
    for (int i = 0; i < 4; i++)
        set.picture[i].split = DATASET_TEST;
    import_assign(&set, share, 7);
    import_count(&set);
    expect_count(&set, 0, 3, 3, 4);
    import_set_release(&set);
}

static void test_groups(void **state)
{
    (void)state;
    struct import_set set;
    const double share[DATASET_SPLITS] = {[DATASET_VAL] = 0.2, [DATASET_TEST] = 0.2};
    fill(&set, 3, 30); /* groups s0 .. s9 of 3 pictures in each of 3 classes */
    assert_int_equal(import_group(&set, "/(s[0-9]+)-"), ST_OK);
    assert_int_equal(set.groups, 10);
    import_assign(&set, share, 3);
    import_count(&set);
    for (int c = 0; c < 3; c++)
        expect_count(&set, c, 18, 6, 6);
    for (size_t i = 0; i < set.count; i++)
        for (size_t j = 0; j < i; j++)
            if (set.picture[i].group == set.picture[j].group)
                assert_int_equal(set.picture[i].split, set.picture[j].split);
    assert_int_equal(import_group(&set, "s[0-8]-"), ST_FAIL);
    expect_said("'a/s9-27' does not match --group-by 's[0-8]-'");
    assert_int_equal(import_group(&set, "x*"), ST_FAIL);
    expect_said("the group is empty");
    assert_int_equal(import_group(&set, "["), ST_USAGE);
    expect_said("is not a regular expression");
    import_set_release(&set);
}

/* One group is all of its class: it stays in train. */
static void test_lone_group(void **state)
{
    (void)state;
    struct import_set set;
    const double share[DATASET_SPLITS] = {[DATASET_TEST] = 0.9};
    for (uint64_t seed = 0; seed < 20; seed++) {
        fill(&set, 2, 10);
        for (size_t i = 0; i < set.count; i++)
            set.picture[i].group = set.picture[i].class == 0 ? 0 : 1 + (int)i % 5;
        set.groups = 6;
        import_assign(&set, share, seed);
        import_count(&set);
        expect_count(&set, 0, 10, 0, 0);
        assert_true(set.per_class[DATASET_TRAIN][1] > 0);
        import_set_release(&set);
    }
}

/* --- many classes --- */

/* Names of all lengths, of which many begin as others do, in an order that is none. */
static void many_name(int i, char name[16])
{
    snprintf(name, 16, "%x", i * 7919 % 3000);
}

static void test_many_classes(void **state)
{
    (void)state;
    struct import_set set = {0};
    char name[16];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 3000; i++) {
            many_name(i, name);
            assert_int_equal(import_set_class(&set, name), i);
        }
    assert_int_equal(set.classes, 3000);
    import_set_sort(&set);
    for (int i = 0; i < 3000; i++) {
        many_name(i, name);
        int class = import_set_class(&set, name);
        assert_string_equal(set.class_name[class], name);
        assert_true(class == 0 || strcmp(set.class_name[class - 1], name) < 0);
    }
    assert_int_equal(import_set_class(&set, "another"), 3000);
    import_set_release(&set);
}

/* --- the queue --- */

struct queue_test {
    size_t next, fail_at;
    int dropped;
};

static void queue_work(void *context, size_t i, void *slot)
{
    (void)context;
    if (i % 7 == 0)
        usleep(200);
    *(size_t **)slot = mem_zeroed(1, sizeof(size_t));
    **(size_t **)slot = i * i;
}

static enum status queue_take(void *context, size_t i, void *slot)
{
    struct queue_test *test = context;
    assert_int_equal(i, test->next++);
    assert_int_equal(**(size_t **)slot, i * i);
    free(*(size_t **)slot);
    return i == test->fail_at ? ST_FAIL : ST_OK;
}

static void queue_drop(void *slot)
{
    free(*(size_t **)slot);
}

static void test_queue(void **state)
{
    (void)state;
    for (int threads = 0; threads <= 4; threads += 2) { /* 0: in this thread */
        struct queue_test test = {.fail_at = SIZE_MAX};
        struct import_queue_job job = {.count = 1000,
                                       .threads = threads,
                                       .slot_bytes = sizeof(size_t *),
                                       .work = queue_work,
                                       .take = queue_take,
                                       .drop = queue_drop,
                                       .context = &test};
        assert_int_equal(import_queue_run(&job), ST_OK);
        assert_int_equal(test.next, 1000);
        test = (struct queue_test){.fail_at = 300};
        assert_int_equal(import_queue_run(&job), ST_FAIL);
        assert_int_equal(test.next, 301);
        job.count = 0;
        assert_int_equal(import_queue_run(&job), ST_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_list),         cmocka_unit_test(test_bad_lists),
        cmocka_unit_test(test_shares),       cmocka_unit_test(test_given_splits),
        cmocka_unit_test(test_groups),       cmocka_unit_test(test_lone_group),
        cmocka_unit_test(test_many_classes), cmocka_unit_test(test_queue),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
