#include "cmd_data.h"

#include <stdio.h>
#include <string.h>

#include "app/cli/cli.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/parse.h"
#include "data/import.h"

#define LABEL_BASE_MAX 65535
#define SIDE_MAX       1024
#define SHARE          0.15

/* "28" or "HxW" into h and w; NULL leaves them alone. */
static enum status parse_size(const char *text, int *h, int *w)
{
    if (!text)
        return ST_OK;
    char copy[32] = "";
    long long rows, columns;
    snprintf(copy, sizeof copy, "%s", text);
    char *cross = strchr(copy, 'x');
    if (cross)
        *cross = '\0';
    if (strlen(text) >= sizeof copy || !parse_int(copy, 1, SIDE_MAX, &rows) ||
        !parse_int(cross ? cross + 1 : copy, 1, SIDE_MAX, &columns))
        FAIL(ST_USAGE,
             "'--size %s': pixels, like 28, or HEIGHTxWIDTH, like 32x24, up to %d "
             "are expected",
             text, SIDE_MAX);
    *h = (int)rows;
    *w = (int)columns;
    return ST_OK;
}

static enum status check_base(long long base)
{
    if (base > LABEL_BASE_MAX)
        FAIL(ST_USAGE, "'--label-base %lld': at most %d is possible", base,
             LABEL_BASE_MAX);
    return ST_OK;
}

/* Class names are read once more later; here bad ones are a usage error in good time. */
static enum status check_classes(const char *text)
{
    char **names;
    int count;
    if (!text)
        return ST_OK;
    TRY(import_classes(text, &names, &count));
    fs_free_list(names, count);
    return ST_OK;
}

/* With no share given, *share is negative: the usual one, unless there are test files. */
static enum status check_share(double *share, const char *test)
{
    if (*share >= 0 && test)
        FAIL(ST_USAGE, "test data is given: --test-share makes no sense");
    if (*share >= 1)
        FAIL(ST_USAGE, "'--test-share %g': a part of 1, like 0.15, is expected", *share);
    if (*share < 0)
        *share = SHARE;
    return ST_OK;
}

enum status data_import_idx(int argc, char **argv)
{
    struct import_idx_options import = {0};
    const char *out = NULL;
    long long base = 0;
    bool force = false, allow_empty = false;
    int count;
    const struct cli_command command = {
        "data import-idx", "", 0, 0,
        "Import IDX files, plain or gzip-compressed, as MNIST and EMNIST come in.\n"
        "EMNIST Letters: --transpose --label-base 1 --classes letters"};
    const struct cli_option options[] = {
        {"images", CLI_TEXT, &import.images[DATASET_TRAIN], "FILE", "training images"},
        {"labels", CLI_TEXT, &import.labels[DATASET_TRAIN], "FILE", "training labels"},
        {"test-images", CLI_TEXT, &import.images[DATASET_TEST], "FILE", "test images"},
        {"test-labels", CLI_TEXT, &import.labels[DATASET_TEST], "FILE", "test labels"},
        {"out", CLI_TEXT, &out, "FILE", "the data set to write"},
        {"transpose", CLI_FLAG, &import.transpose, NULL, "images are stored by columns"},
        {"label-base", CLI_INT, &base, "N", "the label of the first class (0)"},
        {"classes", CLI_TEXT, &import.classes, "NAMES", "letters, digits, or A,B,..."},
        {"allow-empty", CLI_FLAG, &allow_empty, NULL, "classes may have no images"},
        {"force", CLI_FLAG, &force, NULL, "replace the data set if it is there"},
        {0},
    };
    TRY(cli_parse(&command, options, argc, argv, NULL, &count));
    if (count < 0)
        return ST_OK;
    if (!import.images[DATASET_TRAIN] || !import.labels[DATASET_TRAIN])
        FAIL(ST_USAGE, "what to import is missing: --images FILE --labels FILE");
    if (!import.images[DATASET_TEST] != !import.labels[DATASET_TEST])
        FAIL(ST_USAGE, "--test-images and --test-labels come together");
    TRY(check_base(base));
    TRY(check_classes(import.classes));
    TRY(data_check_out(out, force));
    import.label_base = (int)base;
    struct dataset_builder builder;
    TRY(import_idx(&import, &builder));
    return data_finish(&builder, out, allow_empty);
}

enum status data_import_csv(int argc, char **argv)
{
    struct import_csv_options import = {.test_share = -1, .seed = 1};
    const char *out = NULL, *size = NULL;
    long long base = 0;
    bool force = false, allow_empty = false;
    int count;
    const struct cli_command command = {
        "data import-csv", "FILE", 1, 1,
        "Import a table, plain or gzip-compressed: in each line a label, then the "
        "pixels,\n"
        "0..255, separated by commas. A heading line is skipped."};
    const struct cli_option options[] = {
        {"test", CLI_TEXT, &import.file[DATASET_TEST], "FILE",
         "another table, for testing"},
        {"test-share", CLI_REAL, &import.test_share, "X",
         "else: part kept for testing (0.15)"},
        {"seed", CLI_U64, &import.seed, "N", "which part that is (1)"},
        {"out", CLI_TEXT, &out, "FILE", "the data set to write"},
        {"size", CLI_TEXT, &size, "HxW", "of the images, if they are not square"},
        {"transpose", CLI_FLAG, &import.transpose, NULL, "images are stored by columns"},
        {"label-base", CLI_INT, &base, "N", "the label of the first class (0)"},
        {"classes", CLI_TEXT, &import.classes, "NAMES", "letters, digits, or A,B,..."},
        {"allow-empty", CLI_FLAG, &allow_empty, NULL, "classes may have no images"},
        {"force", CLI_FLAG, &force, NULL, "replace the data set if it is there"},
        {0},
    };
    TRY(cli_parse(&command, options, argc, argv, &import.file[DATASET_TRAIN], &count));
    if (count < 0)
        return ST_OK;
    TRY(check_base(base));
    TRY(check_classes(import.classes));
    TRY(check_share(&import.test_share, import.file[DATASET_TEST]));
    TRY(parse_size(size, &import.h, &import.w));
    TRY(data_check_out(out, force));
    import.label_base = (int)base;
    struct dataset_builder builder;
    TRY(import_csv(&import, &builder));
    return data_finish(&builder, out, allow_empty);
}

static enum status parse_invert(const char *text, int *invert)
{
    bool yes;
    if (strcmp(text, "auto") == 0) {
        *invert = -1;
        return ST_OK;
    }
    if (!parse_bool(text, &yes))
        FAIL(ST_USAGE, "'--invert %s': yes, no or auto is expected", text);
    *invert = yes;
    return ST_OK;
}

enum status data_import_dir(int argc, char **argv)
{
    struct import_dir_options import = {.test_share = -1, .seed = 1, .h = 28, .w = 28};
    const char *out = NULL, *size = NULL, *invert = "auto";
    bool force = false;
    int count;
    const struct cli_command command = {
        "data import-dir", "DIR", 1, 1,
        "Import PNG images of any size and colour from DIR/CLASS/*.png. DIR may also "
        "hold\n"
        "two folders, train and test, with the folders of the classes in them."};
    const struct cli_option options[] = {
        {"test-dir", CLI_TEXT, &import.folder[DATASET_TEST], "DIR",
         "the same, for testing"},
        {"test-share", CLI_REAL, &import.test_share, "X",
         "else: part kept for testing (0.15)"},
        {"seed", CLI_U64, &import.seed, "N", "which part that is (1)"},
        {"out", CLI_TEXT, &out, "FILE", "the data set to write"},
        {"size", CLI_TEXT, &size, "N|HxW", "pixels; images are scaled to fit (28)"},
        {"invert", CLI_TEXT, &invert, "yes|no|auto",
         "dark on light becomes light on dark"},
        {"force", CLI_FLAG, &force, NULL, "replace the data set if it is there"},
        {0},
    };
    TRY(cli_parse(&command, options, argc, argv, &import.folder[DATASET_TRAIN], &count));
    if (count < 0)
        return ST_OK;
    TRY(check_share(&import.test_share, import.folder[DATASET_TEST]));
    TRY(parse_size(size, &import.h, &import.w));
    TRY(parse_invert(invert, &import.invert));
    TRY(data_check_out(out, force));
    struct dataset_builder builder;
    TRY(import_dir(&import, &builder));
    return data_finish(&builder, out, false);
}
