/* lockstep data import-idx, import-csv, import-dir. */
#include <stdio.h>
#include <string.h>

#include "app/cli/cli.h"
#include "base/fs.h"
#include "base/parse.h"
#include "cmd_data.h"
#include "data/dataset_writer.h"
#include "data/import.h"
#include "data_import.h"
#include "output.h"

#define LABEL_BASE_MAX 65535
#define TEST_SHARE     0.15
#define OPTIONS_MAX    16

/* --- options that several formats have --- */

struct import_request {
    const char *out, *size, *classes, *test;
    bool force, allow_empty, transpose;
    long long label_base;
    double test_share; /* negative: not given */
    uint64_t seed;
};

/* A format's own options, then those of all tables (idx, csv), then those of all. */
static void import_options(struct cli_option options[OPTIONS_MAX],
                           const struct cli_option *own, bool table,
                           struct import_request *request)
{
    const struct cli_option of_tables[] = {
        {"transpose", CLI_FLAG, &request->transpose, NULL,
         "images are stored column by column"},
        {"label-base", CLI_INT, &request->label_base, "N",
         "the label of the first class, default 0"},
        {"classes", CLI_TEXT, &request->classes, "NAMES",
         "names of the classes: letters, digits, or A,B,..."},
        {"allow-empty", CLI_FLAG, &request->allow_empty, NULL,
         "classes may have no images"},
        {0},
    };
    const struct cli_option of_all[] = {
        {"out", CLI_TEXT, &request->out, "FILE", "data set to write"},
        {"force", CLI_FLAG, &request->force, NULL, "replace FILE if it exists"},
        {0},
    };
    const struct cli_option *const groups[] = {own, table ? of_tables : NULL, of_all};
    int count = 0;
    for (int g = 0; g < 3; g++)
        for (int i = 0; groups[g] && groups[g][i].name; i++)
            options[count++] = groups[g][i];
    ASSERT(count < OPTIONS_MAX);
    options[count] = (struct cli_option){0};
}

enum status data_import_size(const char *text, int *h, int *w)
{
    return text ? import_read_size("--size", text, h, w) : ST_OK;
}

static enum status import_read_invert(const char *text, int *invert)
{
    bool yes;
    if (strcmp(text, "auto") == 0) {
        *invert = -1;
        return ST_OK;
    }
    if (!parse_bool(text, &yes))
        FAIL(ST_USAGE, "'--invert %s': expected yes, no or auto", text);
    *invert = yes;
    return ST_OK;
}

/* The import reads the names again; here a bad name is refused before the work begins. */
enum status data_import_check_classes(const char *text)
{
    char **names;
    int count;
    if (!text)
        return ST_OK;
    TRY(import_classes(text, &names, &count));
    fs_free_list(names, count);
    return ST_OK;
}

static enum status import_check(struct import_request *request, const char *const *input,
                                int inputs)
{
    if (request->label_base > LABEL_BASE_MAX)
        FAIL(ST_USAGE, "'--label-base %lld': at most %d is possible", request->label_base,
             LABEL_BASE_MAX);
    TRY(data_import_check_classes(request->classes));
    if (request->test_share >= 0 && request->test)
        FAIL(ST_USAGE, "test data is given: --test-share makes no sense");
    if (request->test_share >= 1)
        FAIL(ST_USAGE, "'--test-share %g': expected a part of 1, like 0.15",
             request->test_share);
    if (request->test_share < 0)
        request->test_share = TEST_SHARE;
    return output_check(request->out, request->force, &dataset_target, input, inputs);
}

/* --- import-idx --- */

enum status cmd_data_import_idx(int argc, char **argv)
{
    struct import_request request = {.test_share = -1};
    struct import_idx_options import = {0};
    const struct cli_command command = {
        "data import-idx", "", 0, 0,
        "Import IDX files, plain or gzip-compressed, as MNIST and EMNIST come in.\n"
        "EMNIST Letters needs --transpose --label-base 1 --classes letters."};
    const struct cli_option own[] = {
        {"images", CLI_TEXT, &import.images[DATASET_TRAIN], "FILE", "training images"},
        {"labels", CLI_TEXT, &import.labels[DATASET_TRAIN], "FILE", "training labels"},
        {"test-images", CLI_TEXT, &import.images[DATASET_TEST], "FILE", "test images"},
        {"test-labels", CLI_TEXT, &import.labels[DATASET_TEST], "FILE", "test labels"},
        {0},
    };
    struct cli_option options[OPTIONS_MAX];
    int count;
    import_options(options, own, true, &request);
    TRY(cli_parse(&command, options, argc, argv, NULL, &count));
    if (count < 0)
        return ST_OK;
    if (!import.images[DATASET_TRAIN] || !import.labels[DATASET_TRAIN])
        FAIL(ST_USAGE, "what to import is missing: --images FILE --labels FILE");
    if (!import.images[DATASET_TEST] != !import.labels[DATASET_TEST])
        FAIL(ST_USAGE, "--test-images and --test-labels must be given together");
    const char *const inputs[] = {
        import.images[DATASET_TRAIN], import.labels[DATASET_TRAIN],
        import.images[DATASET_TEST], import.labels[DATASET_TEST]};
    TRY(import_check(&request, inputs, 4));
    import.transpose = request.transpose;
    import.label_base = (int)request.label_base;
    import.classes = request.classes;
    struct dataset_builder builder;
    TRY(import_idx(&import, &builder));
    return output_dataset(&builder, request.out, request.allow_empty);
}

/* --- import-csv --- */

enum status cmd_data_import_csv(int argc, char **argv)
{
    struct import_request request = {.test_share = -1, .seed = 1};
    struct import_csv_options import = {0};
    const struct cli_command command = {
        "data import-csv", "FILE", 1, 1,
        "Import a table, plain or gzip-compressed. Each line holds a label, then the\n"
        "pixels, 0..255, separated by commas. A heading line is skipped."};
    const struct cli_option own[] = {
        {"test", CLI_TEXT, &request.test, "FILE", "table with the test images"},
        {"test-share", CLI_REAL, &request.test_share, "X",
         "without --test: part of the images kept for testing, default 0.15"},
        {"seed", CLI_U64, &request.seed, "N",
         "seed that selects the images for testing, default 1"},
        {"size", CLI_TEXT, &request.size, "HxW", "size of the images; default: square"},
        {0},
    };
    struct cli_option options[OPTIONS_MAX];
    int count;
    import_options(options, own, true, &request);
    TRY(cli_parse(&command, options, argc, argv, &import.file[DATASET_TRAIN], &count));
    if (count < 0)
        return ST_OK;
    TRY(data_import_size(request.size, &import.h, &import.w));
    const char *const inputs[] = {import.file[DATASET_TRAIN], request.test};
    TRY(import_check(&request, inputs, 2));
    import.file[DATASET_TEST] = request.test;
    import.test_share = request.test_share;
    import.seed = request.seed;
    import.transpose = request.transpose;
    import.label_base = (int)request.label_base;
    import.classes = request.classes;
    struct dataset_builder builder;
    TRY(import_csv(&import, &builder));
    return output_dataset(&builder, request.out, request.allow_empty);
}

/* --- import-dir --- */

enum status cmd_data_import_dir(int argc, char **argv)
{
    struct import_request request = {.test_share = -1, .seed = 1};
    struct import_dir_options import = {.h = 28, .w = 28};
    const char *invert = "auto";
    const struct cli_command command = {
        "data import-dir", "DIR", 1, 1,
        "Import PNG images of any size and colour from DIR/CLASS/*.png. DIR may also\n"
        "hold two folders, train and test, with the folders of the classes in them."};
    const struct cli_option own[] = {
        {"test-dir", CLI_TEXT, &request.test, "DIR", "folder with the test images"},
        {"test-share", CLI_REAL, &request.test_share, "X",
         "without test images: part of the images kept for testing, default 0.15"},
        {"seed", CLI_U64, &request.seed, "N",
         "seed that selects the images for testing, default 1"},
        {"size", CLI_TEXT, &request.size, "N|HxW",
         "pixels to which images are scaled, default 28"},
        {"invert", CLI_TEXT, &invert, "yes|no|auto",
         "whether to turn dark on light images into light on dark ones; default auto: "
         "each image with a light border"},
        {0},
    };
    struct cli_option options[OPTIONS_MAX];
    int count;
    import_options(options, own, false, &request);
    TRY(cli_parse(&command, options, argc, argv, &import.folder[DATASET_TRAIN], &count));
    if (count < 0)
        return ST_OK;
    TRY(data_import_size(request.size, &import.h, &import.w));
    TRY(import_read_invert(invert, &import.invert));
    TRY(import_check(&request, NULL, 0));
    import.folder[DATASET_TEST] = request.test;
    import.test_share = request.test_share;
    import.seed = request.seed;
    struct dataset_builder builder;
    TRY(import_dir(&import, &builder));
    return output_dataset(&builder, request.out, false);
}
