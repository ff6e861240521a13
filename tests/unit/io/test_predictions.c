/* Rows of predictions as text and back, the journal, and the files that are made of
   it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/h5file.h"
#include "io/predictions.h"

#define JOURNAL "test_predictions.partial"
#define OUT     "test_predictions.out"

static char quoted[] = "a \"b\"", accented[] = "caf\xc3\xa9", plain[] = "c";
static char *const names[] = {quoted, accented, plain};
static const struct predictions_head one_class = {
    .network = "state=1", .class_name = names, .classes = 3, .top = 2, .threshold = 0.5};

static struct predictions_row row_of(const char *path, int labels, int first, double p)
{
    struct predictions_row row = {
        .path = mem_strdup(path), .labels = labels, .listed = 2};
    row.list = mem_zeroed(2, sizeof *row.list);
    row.list[0] = (struct predictions_class){first, p};
    row.list[1] = (struct predictions_class){(first + 1) % 3, 0.1};
    return row;
}

static struct predictions_row row_of_error(const char *path, const char *error)
{
    return (struct predictions_row){.path = mem_strdup(path), .error = mem_strdup(error)};
}

static void append(struct predictions_journal *journal, struct predictions_row row)
{
    char *text = predictions_row_text(journal->head, &row);
    assert_int_equal(predictions_journal_append(journal, text, strlen(text)), 0);
    free(text);
    predictions_row_release(&row);
}

/* Quotes, a line end, an unsure one, bytes that are not UTF-8, an error. */
static void fill(struct predictions_journal *journal, const struct predictions_head *head)
{
    assert_int_equal(predictions_journal_create(journal, JOURNAL, head), 0);
    append(journal, row_of("a, \"b\"\n.png", 1, 0, 0.8999999761581421));
    append(journal, row_of("d/caf\xe9.png", 0, 1, 0.25));
    append(journal, row_of_error("x.png", "cannot open 'x.png': \"no\""));
}

static void expect_rows(struct predictions_journal *journal)
{
    struct predictions_row row;
    predictions_journal_rewind(journal);
    assert_true(predictions_journal_next(journal, &row));
    assert_string_equal(row.path, "a, \"b\"\n.png");
    assert_null(row.error);
    assert_int_equal(row.labels, 1);
    assert_int_equal(row.listed, 2);
    assert_int_equal(row.list[0].class, 0);
    assert_true((float)row.list[0].p == 0.8999999761581421f);
    assert_int_equal(row.list[1].class, 1);
    predictions_row_release(&row);
    assert_true(predictions_journal_next(journal, &row));
    assert_string_equal(row.path, "d/caf\xe9.png");
    assert_int_equal(row.labels, 0);
    assert_int_equal(row.list[0].class, 1);
    predictions_row_release(&row);
    assert_true(predictions_journal_next(journal, &row));
    assert_string_equal(row.error, "cannot open 'x.png': \"no\"");
    predictions_row_release(&row);
    assert_false(predictions_journal_next(journal, &row));
}

static void test_rows(void **state)
{
    struct predictions_journal journal;
    (void)state;
    fill(&journal, &one_class);
    expect_rows(&journal);
    predictions_journal_close(&journal);
}

/* Half a row at the end is cut off, and the file goes on behind the whole ones. */
static void test_going_on(void **state)
{
    struct predictions_journal journal;
    struct predictions_row row;
    bool same;
    (void)state;
    fill(&journal, &one_class);
    assert_int_equal(predictions_journal_append(&journal, "{\"path\": \"y", 11), 0);
    predictions_journal_close(&journal);
    assert_int_equal(predictions_journal_open(&journal, JOURNAL, &one_class, &same), 0);
    assert_true(same);
    expect_rows(&journal);
    predictions_journal_rewind(&journal);
    assert_true(predictions_journal_next(&journal, &row));
    predictions_row_release(&row);
    uint64_t place = predictions_journal_place(&journal);
    assert_int_equal(predictions_journal_cut(&journal, place), 0);
    append(&journal, row_of("z.png", 1, 2, 0.5));
    predictions_journal_rewind(&journal);
    assert_true(predictions_journal_next(&journal, &row));
    predictions_row_release(&row);
    assert_true(predictions_journal_next(&journal, &row));
    assert_string_equal(row.path, "z.png");
    predictions_row_release(&row);
    assert_false(predictions_journal_next(&journal, &row));
    predictions_journal_close(&journal);
    struct predictions_head other = one_class;
    other.network = "state=2";
    assert_int_equal(predictions_journal_open(&journal, JOURNAL, &other, &same), 0);
    assert_false(same);
}

/* Lines of other programs, or damaged, end the rows. */
static void test_damage(void **state)
{
    static const char *const lines[] = {
        "\n",
        "{}\n",
        "[1]\n",
        "{\"path\": 1, \"error\": \"x\"}\n",
        "{\"path\": \"p\", \"label\": \"c\", \"top\": []}\n",
        "{\"path\": \"p\", \"label\": \"c\", \"top\": [{\"class\": 3, \"p\": 1.0}]}\n",
        "{\"path\": \"p\", \"label\": \"c\", \"top\": [{\"class\": -1, \"p\": 1.0}]}\n",
        "{\"path\": \"p\", \"label\": \"c\", \"top\": [{\"class\": 1}]}\n",
        "{\"path\": \"p\", \"path_hex\": \"zz\", \"error\": \"x\"}\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct predictions_journal journal;
        struct predictions_row row;
        assert_int_equal(predictions_journal_create(&journal, JOURNAL, &one_class), 0);
        assert_int_equal(predictions_journal_append(&journal, lines[i], strlen(lines[i])),
                         0);
        predictions_journal_rewind(&journal);
        assert_false(predictions_journal_next(&journal, &row));
        predictions_journal_close(&journal);
    }
}

static char *read_out(void)
{
    char *text;
    size_t bytes;
    assert_int_equal(fs_read_text(OUT, &text, &bytes), 0);
    return text;
}

static void write_as(struct predictions_journal *journal, const char *name, uint64_t rows)
{
    const struct predictions_format *format;
    assert_int_equal(predictions_format_find(name, &format), 0);
    assert_int_equal(format->write(journal, OUT, rows), 0);
    predictions_journal_close(journal);
}

static void test_csv(void **state)
{
    struct predictions_journal journal;
    (void)state;
    fill(&journal, &one_class);
    write_as(&journal, "x.csv", 3);
    char *text = read_out();
    assert_string_equal(
        text, "path,label,p,top1,p1,top2,p2,error\n"
              "\"a, \"\"b\"\"\n.png\",\"a \"\"b\"\"\",0.900000,\"a \"\"b\"\"\",0.900000,"
              "\"caf\xc3\xa9\",0.100000,\n"
              "\"d/caf\xe9.png\",\"unsure\",0.250000,\"caf\xc3\xa9\",0.250000,\"c\","
              "0.100000,\n"
              "\"x.png\",,,,,,,\"cannot open 'x.png': \"\"no\"\"\"\n");
    free(text);
}

static void test_jsonl(void **state)
{
    struct predictions_journal journal;
    (void)state;
    fill(&journal, &one_class);
    write_as(&journal, "x.jsonl", 3);
    char *text = read_out();
    assert_ptr_equal(strstr(text, "{\"path\": \"a, \\\"b\\\"\\n.png\", \"label\": "),
                     text);
    assert_non_null(
        strstr(text, "\"path_hex\": \"642f636166e92e706e67\", \"label\": null"));
    assert_non_null(strstr(text, "{\"path\": \"x.png\", \"error\": "));
    free(text);
}

static void test_h5(void **state)
{
    struct predictions_journal journal;
    struct h5file *file;
    uint16_t predicted[3], top[6];
    float p[6];
    char paths[64];
    (void)state;
    fill(&journal, &one_class);
    write_as(&journal, "x.h5", 3);
    assert_int_equal(h5file_open(&file, OUT), 0);
    assert_int_equal(h5file_read(file, "/predicted", H5FILE_U16, 3, predicted), 0);
    assert_int_equal(h5file_read(file, "/top", H5FILE_U16, 6, top), 0);
    assert_int_equal(h5file_read(file, "/top_probability", H5FILE_F32, 6, p), 0);
    const char wanted[] = "a, \"b\"\n.png\0d/caf\xe9.png\0x.png";
    assert_int_equal(h5file_read(file, "/paths", H5FILE_U8, sizeof wanted, paths), 0);
    assert_memory_equal(paths, wanted, sizeof wanted);
    assert_memory_equal(predicted, ((uint16_t[]){0, 65535, 65535}), sizeof predicted);
    assert_memory_equal(top, ((uint16_t[]){0, 1, 1, 2, 65535, 65535}), sizeof top);
    assert_true(p[0] == 0.8999999761581421f && p[3] == 0.1f && p[4] == 0);
    h5file_close(file);
}

/* A row that cannot be read is no end: nothing is written, and the journal stays. */
static void test_lost_row(void **state)
{
    static const char *const names_of[] = {"x.csv", "x.jsonl", "x.h5"};
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct predictions_journal journal;
        const struct predictions_format *format;
        fill(&journal, &one_class);
        assert_int_equal(predictions_journal_append(&journal, "{}\n", 3), 0);
        append(&journal, row_of("z.png", 1, 2, 0.5));
        unlink(OUT);
        assert_int_equal(predictions_format_find(names_of[i], &format), 0);
        assert_int_equal(format->write(&journal, OUT, 5), 1);
        assert_int_equal(access(OUT, F_OK), -1);
        assert_int_equal(access(JOURNAL, F_OK), 0);
        predictions_journal_close(&journal);
    }
}

/* Two classes, and none. */
static void test_sets(void **state)
{
    struct predictions_head head = one_class;
    struct predictions_journal journal;
    struct h5file *file;
    uint8_t predicted[6];
    (void)state;
    head.sets = true;
    head.top = 1;
    assert_int_equal(predictions_journal_create(&journal, JOURNAL, &head), 0);
    append(&journal, row_of("two.png", 2, 1, 0.75));
    append(&journal, row_of("none.png", 0, 2, 0.25));
    write_as(&journal, "x.csv", 2);
    char *text = read_out();
    assert_string_equal(text, "path,label,p,top1,p1,error\n"
                              "\"two.png\",\"caf\xc3\xa9;c\",0.750000;0.100000,"
                              "\"caf\xc3\xa9\",0.750000,\n"
                              "\"none.png\",\"\",,\"c\",0.250000,\n");
    free(text);
    bool same;
    assert_int_equal(predictions_journal_open(&journal, JOURNAL, &head, &same), 0);
    assert_true(same);
    write_as(&journal, "x.h5", 2);
    assert_int_equal(h5file_open(&file, OUT), 0);
    assert_int_equal(h5file_read(file, "/predicted", H5FILE_U8, 6, predicted), 0);
    assert_memory_equal(predicted, ((uint8_t[]){0, 1, 1, 0, 0, 0}), sizeof predicted);
    h5file_close(file);
}

static int remove_files(void **state)
{
    (void)state;
    unlink(JOURNAL);
    unlink(OUT);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),     cmocka_unit_test(test_going_on),
        cmocka_unit_test(test_damage),   cmocka_unit_test(test_csv),
        cmocka_unit_test(test_jsonl),    cmocka_unit_test(test_h5),
        cmocka_unit_test(test_lost_row), cmocka_unit_test(test_sets),
    };
    return cmocka_run_group_tests(tests, NULL, remove_files);
}
