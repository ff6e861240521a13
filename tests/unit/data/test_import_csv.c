#include "../scratch.h"

#include "data/import.h"

static struct import_csv_options csv_options(const char *text)
{
    struct import_csv_options o = {0};
    o.file[DATASET_TRAIN] = scratch_write("t.csv", text, strlen(text));
    return o;
}

static void test_csv_forms(void **state)
{
    (void)state;
    const char *forms[] = {
        "1,1,2,3,4\n0,5,6,7,255\n",
        "1,1,2,3,4\n0,5,6,7,255",
        "1,1,2,3,4\r\n0,5,6,7,255\r\n",
        "label,pixel0,pixel1,pixel2,pixel3\n1,1,2,3,4\n0,5,6,7,255\n",
        "\"label\",a,b,c,d\n1,1,2,3,4\n\n0,5,6,7,255\n\n\n",
        "\xef\xbb\xbf 1 , 1,2 ,3, 4\n0,005,6,7,0000255\n",
    };
    const uint8_t expected[8] = {1, 2, 3, 4, 5, 6, 7, 255};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct dataset_builder b;
        struct import_csv_options o = csv_options(forms[i]);
        assert_int_equal(import_csv(&o, &b), ST_OK);
        assert_int_equal(b.count[DATASET_TRAIN], 2);
        assert_int_equal(b.count[DATASET_TEST], 0);
        assert_int_equal(b.h, 2);
        assert_int_equal(b.w, 2);
        assert_int_equal(b.classes, 2);
        assert_memory_equal(b.images[DATASET_TRAIN], expected, 8);
        assert_int_equal(b.labels[DATASET_TRAIN][0], 1);
        assert_int_equal(b.labels[DATASET_TRAIN][1], 0);
        dataset_builder_release(&b);
    }
}

/* 40 images of 4 x 4 pixels with 5 classes, in the form that `row` prints. */
static void expect_table(const char *head, const char *(*row)(int i, const int *pixel),
                         const struct import_csv_options *options, const char *class)
{
    static char text[40000];
    int used = sprintf(text, "%s", head);
    uint8_t expected[40][16];
    for (int i = 0; i < 40; i++) {
        int pixel[16];
        for (int k = 0; k < 16; k++) {
            pixel[k] = k == 0 ? i == 39 : k == 15 ? 0 : (i * 7 + k * 5) % 17;
            expected[i][k] = (uint8_t)(pixel[k] * 255 / 16.0 + 0.5);
        }
        used += sprintf(text + used, "%s\n", row(i, pixel));
    }
    struct import_csv_options o = *options;
    struct dataset_builder b;
    o.table.max_value = 16;
    o.file[DATASET_TRAIN] = scratch_write("form.csv", text, (size_t)used);
    assert_int_equal(import_csv(&o, &b), ST_OK);
    assert_int_equal(b.count[DATASET_TRAIN], 40);
    assert_int_equal(b.classes, 5);
    assert_string_equal(b.class_name[1], class);
    for (int i = 0; i < 40; i++)
        assert_int_equal(b.labels[DATASET_TRAIN][i], i % 5);
    assert_memory_equal(b.images[DATASET_TRAIN], expected, sizeof expected);
    dataset_builder_release(&b);
}

static const char *row_of(const char *before, const char *format, const int *pixel,
                          const char *after)
{
    static char text[1000];
    int used = sprintf(text, "%s", before);
    for (int k = 0; k < 16; k++)
        used += sprintf(text + used, format, (double)pixel[k]);
    text[used - 1] = '\0'; /* the last separator */
    strcat(text, after);
    return text;
}

static const char *row_label_last(int i, const int *pixel)
{
    char label[16];
    sprintf(label, ",%d", i % 5);
    return row_of("", "%.0f,", pixel, label);
}

static const char *row_numpy(int i, const int *pixel)
{
    char label[40];
    sprintf(label, "   %.18e ", (double)(i % 5));
    return row_of("", "%.18e ", pixel, label);
}

static const char *row_index(int i, const int *pixel)
{
    char label[40];
    sprintf(label, "%d\t%d.0\t", i, i % 5);
    return row_of(label, "%.1f\t", pixel, "\r");
}

static const char *row_words(int i, const int *pixel)
{
    char label[40];
    sprintf(label, "\"%c\";", "abcde"[i % 5]);
    return row_of(label, "%.0f;", pixel, "");
}

static void test_csv_tables(void **state)
{
    (void)state;
    const char *counting = "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16\n";
    const struct import_csv_options none = {0};
    expect_table("", row_label_last, &none, "1");
    expect_said("the labels are in the last column");
    expect_table(counting, row_label_last, &none, "1");
    expect_said("the labels are in the last column");
    expect_table("a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,Target\n", row_label_last, &none, "1");
    expect_table("", row_label_last, &(struct import_csv_options){.label_column = "last"},
                 "1");
    expect_table("", row_label_last, &(struct import_csv_options){.label_column = "17"},
                 "1");
    expect_table("a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,kind\n", row_label_last,
                 &(struct import_csv_options){.label_column = "kind"}, "1");
    expect_table("", row_numpy, &none, "1");
    expect_said("the labels are in the last column");
    expect_table("# written by numpy\n#\n", row_numpy, &none, "1");
    expect_said("the labels are in the last column");
    expect_table("", row_index, &none, "1");
    expect_said("the first column numbers the rows");
    expect_table("", row_words, &none, "b");
    expect_table("label;0;1;2;3;4;5;6;7;8;9;10;11;12;13;14;15\n", row_words, &none, "b");
}

static void test_csv_unlike_tables(void **state)
{
    (void)state;
    struct import_csv_options o = {0};
    struct dataset_builder b;
    const struct {
        const char *bytes;
        size_t length;
        const char *said;
    } cases[] = {
        {"PK\3\4 and so on", 13, "is a zip archive, not a table of pixels: unpack it"},
        {"1\0,\0002\0,\0", 8, "is a text file in UTF-16 without its mark, not a table"},
        {"a,b,c,d\n1,2,3,4\n", 16, "has no labels: its 4 columns are the pixels"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        o.file[DATASET_TRAIN] = scratch_write("t.csv", cases[i].bytes, cases[i].length);
        assert_int_equal(import_csv(&o, &b), ST_FAIL);
        expect_said(cases[i].said);
    }
    o.label_column = "kind";
    o.file[DATASET_TRAIN] = scratch_write("t.csv", "1,2,3,4,5\n", 10);
    assert_int_equal(import_csv(&o, &b), ST_USAGE);
    expect_said("has no such column; expected first, last, a name");
}

static void test_csv_utf16(void **state)
{
    (void)state;
    static const char text[] = "caf\xe9,1,2,3,4\nt\xe9,5,6,7,255\n";
    uint8_t wide[2][2 * sizeof text];
    for (int big = 0; big < 2; big++) {
        size_t n = 0;
        wide[big][n++] = big ? 0xfe : 0xff;
        wide[big][n++] = big ? 0xff : 0xfe;
        for (const char *p = text; *p; p++) {
            wide[big][n + (size_t)big] = (uint8_t)*p;
            wide[big][n + !big] = 0;
            n += 2;
        }
        struct import_csv_options o = {0};
        struct dataset_builder b;
        o.file[DATASET_TRAIN] = scratch_write("wide.csv", wide[big], n);
        assert_int_equal(import_csv(&o, &b), ST_OK);
        assert_int_equal(b.count[DATASET_TRAIN], 2);
        assert_string_equal(b.class_name[0], "caf\xc3\xa9");
        assert_int_equal(b.images[DATASET_TRAIN][7], 255);
        dataset_builder_release(&b);
    }
}

static void test_csv_size_and_transpose(void **state)
{
    (void)state;
    struct dataset_builder b;
    struct import_csv_options o = csv_options("1,1,2,3,4,5,6\n2,6,5,4,3,2,1\n");
    const uint8_t expected[6] = {1, 3, 5, 2, 4, 6}; /* stored column by column */
    o.h = 2;
    o.w = 3;
    o.table.transpose = true;
    o.table.label_base = 1;
    o.file[DATASET_TEST] = o.file[DATASET_TRAIN];
    assert_int_equal(import_csv(&o, &b), ST_OK);
    assert_int_equal(b.h, 2);
    assert_int_equal(b.w, 3);
    assert_memory_equal(b.images[DATASET_TRAIN], expected, 6);
    assert_int_equal(b.labels[DATASET_TRAIN][1], 1);
    assert_int_equal(b.count[DATASET_TEST], 2);
    assert_string_equal(b.source, "CSV files t.csv, t.csv");
    expect_said("t.csv' fill only 0..6 of 0..255");
    dataset_builder_release(&b);
}

static void csv_fails(const char *text, const char *said)
{
    struct dataset_builder b;
    struct import_csv_options o = csv_options(text);
    o.table.classes = "a,b";
    assert_int_equal(import_csv(&o, &b), ST_FAIL);
    expect_said(said);
    assert_null(b.images[DATASET_TRAIN]);
}

static void test_csv_trouble(void **state)
{
    (void)state;
    csv_fails("", "holds no images");
    csv_fails("label,pixel\n", "holds no images");
    csv_fails("1,1,2,3,4\n1,1,2,3\n", "line 2 of '");
    csv_fails("1,1,2,3,4\n\n1,1,2,3,4,5\n", "has 6 columns, but line 1 has 5");
    csv_fails("l,a,b,c,d\n1,1,2,3,4\n1,1,256,3,4\n", "line 3 of '");
    csv_fails("1,1,2,300,4\n", "pixel 300 in column 4 is not within 0..255");
    csv_fails("1,1,2,-3,4\n", "pixel -3 in column 4 is not within 0..255");
    csv_fails("1,1,2,3,99999999999\n",
              "pixel 99999999999 in column 5 is not within 0..255");
    csv_fails("1,1,2,,4\n", "'' in column 4 is not a number");
    csv_fails("1,1,0.5,3,4\n", "pixel 0.5 in column 3 is not a whole number; if all are "
                               "within 0..1, give --max-value 1");
    csv_fails("1,1,x,3,4\n", "'x' in column 3 is not a number");
    csv_fails("1,1,2,3,4\nx,1,2,3,4\n", "'x' in column 1 is not a number");
    csv_fails("2,1,2,3,4\n", "label 2 at line 1 of '");
    csv_fails("-1,1,2,3,4\n", "label -1 at line 1 of '");
    csv_fails("2,1,2,3,4,5\n", "5 pixels in '");
    csv_fails("1,1,2,3,4,5\n1,0,6,7,8,9\n", "the first one does not number the rows");
    csv_fails("1\n2\n", "has one column");
}

/* More than one block, with rows across block boundaries. */
static void test_csv_large(void **state)
{
    (void)state;
    size_t rows = 12000, used = 0, room = rows * 400 * 5;
    char *text = malloc(room);
    for (size_t i = 0; i < rows; i++) {
        used += (size_t)sprintf(text + used, "%zu", i % 3);
        for (size_t k = 0; k < 400; k++)
            used += (size_t)sprintf(text + used, ",%d",
                                    k < 4 ? (int)(i >> (4 * k)) & 15
                                          : (int)(i * k * k) & 127);
        text[used++] = '\n';
    }
    assert_true(used < room && used > 12000000);
    struct import_csv_options o = {0};
    o.file[DATASET_TRAIN] = scratch_write("large.csv", text, used);
    free(text);
    struct dataset_builder b;
    assert_int_equal(import_csv(&o, &b), ST_OK);
    assert_int_equal(b.count[DATASET_TRAIN], rows);
    for (size_t i = 0; i < rows; i++) {
        const uint8_t *p = b.images[DATASET_TRAIN] + i * 400;
        assert_int_equal(p[0] | p[1] << 4 | p[2] << 8 | p[3] << 12, i);
        assert_int_equal(b.labels[DATASET_TRAIN][i], i % 3);
        for (size_t k = 4; k < 400; k++)
            assert_int_equal(p[k], (i * k * k) & 127);
    }
    dataset_builder_release(&b);
}

/* One image as large as its file: memory must not be allocated for thousands of them. */
static void test_csv_long_line(void **state)
{
    (void)state;
    size_t side = 3000, bytes = 2 * (side * side + 1);
    char *text = malloc(bytes);
    for (size_t i = 0; i < bytes; i += 2)
        memcpy(text + i, "7,", 2);
    text[bytes - 1] = '\n';
    struct import_csv_options o = {.table.label_base = 7};
    o.file[DATASET_TRAIN] = scratch_write("long.csv", text, bytes);
    free(text);
    struct dataset_builder b;
    assert_int_equal(import_csv(&o, &b), ST_OK);
    assert_int_equal(b.count[DATASET_TRAIN], 1);
    assert_int_equal(b.h, side);
    assert_int_equal(b.images[DATASET_TRAIN][side * side - 1], 7);
    dataset_builder_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv_forms),
        cmocka_unit_test(test_csv_tables),
        cmocka_unit_test(test_csv_unlike_tables),
        cmocka_unit_test(test_csv_utf16),
        cmocka_unit_test(test_csv_size_and_transpose),
        cmocka_unit_test(test_csv_trouble),
        cmocka_unit_test(test_csv_large),
        cmocka_unit_test(test_csv_long_line),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
