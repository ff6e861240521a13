/* lockstep data import-idx, import-csv, import-dir. */
#include <stdio.h>
#include <string.h>

#include "app/cli/cli.h"
#include "app/run/output.h"
#include "base/fs.h"
#include "base/parse.h"
#include "cmd_data.h"
#include "data/dataset_writer.h"
#include "data_import.h"
#include "kernels/cpu.h"

#define LABEL_BASE_MAX 65535
#define OPTIONS_MAX    16

/* --- options that several formats have --- */

struct import_request {
    const char *out, *size, *test;
    bool force;
    struct data_import_table table;
    double test_share; /* negative: not given */
    uint64_t seed;
};

/* A format's own options, then those of all tables (idx, csv), then those of all. */
static void import_options(struct cli_option options[OPTIONS_MAX],
                           const struct cli_option *own, bool table,
                           struct import_request *request)
{
    const struct cli_option of_tables[] = {
        {"transpose", CLI_FLAG, &request->table.transpose, NULL,
         "images are stored column by column"},
        {"label-base", CLI_INT, &request->table.label_base, "N",
         "the label of the first class, default 0"},
        {"classes", CLI_TEXT, &request->table.classes, "NAMES",
         "names of the classes: letters, digits, or A,B,..."},
        {"max-value", CLI_REAL, &request->table.max_value, "V",
         "the value of white, like 16 or 1; default 255"},
        {"allow-empty", CLI_FLAG, &request->table.allow_empty, NULL,
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

/* The import reads the names again; here a bad name is refused before the work begins. */
enum status data_import_table_options(const struct data_import_table *request,
                                      struct import_table_options *options)
{
    char **names;
    int count;
    if (request->label_base > LABEL_BASE_MAX)
        FAIL(ST_USAGE, "'--label-base %lld': at most %d is possible", request->label_base,
             LABEL_BASE_MAX);
    if (request->max_value < 0 || request->max_value > 1e30)
        FAIL(ST_USAGE, "'--max-value %g': expected the value of white, like 16",
             request->max_value);
    if (request->classes) {
        TRY(import_classes(request->classes, &names, &count));
        fs_free_list(names, count);
    }
    *options = (struct import_table_options){.classes = request->classes,
                                             .transpose = request->transpose,
                                             .label_base = (int)request->label_base,
                                             .max_value = request->max_value,
                                             .allow_empty = request->allow_empty};
    return ST_OK;
}

enum status data_import_memory(struct dataset_builder *builder, const char *path,
                               const char *out, const struct import_options *options)
{
    struct import_options as_they_are = *options;
    struct import_set *set = import_find_table(builder, path);
    as_they_are.invert = IMPORT_INVERT_NO;
    as_they_are.h = builder->h;
    as_they_are.w = builder->w;
    as_they_are.treatment = builder->treatment;
    as_they_are.threads = 0; /* nothing is decoded: handing over would cost more */
    enum status st = import_write(set, out, &as_they_are);
    import_set_free(set);
    dataset_builder_release(builder);
    return st;
}

/* Checks what was asked for, and sets the options that all formats have. */
static enum status import_check(const struct import_request *request,
                                struct import_options *options, const char *const *input,
                                int inputs)
{
    if (request->test_share >= 0 && request->test)
        FAIL(ST_USAGE, "test data is given: --test-share makes no sense");
    if (request->test_share >= 1)
        FAIL(ST_USAGE, "'--test-share %g': expected a part of 1, like 0.15",
             request->test_share);
    *options = (struct import_options){.share = {-1, -1, request->test_share},
                                       .seed = request->seed,
                                       .allow_empty = request->table.allow_empty};
    return output_check(request->out, request->force, &dataset_target, input, inputs);
}

/* --- import-idx --- */

enum status cmd_data_import_idx(int argc, char **argv)
{
    struct import_request request = {.test_share = -1};
    struct import_idx_options import = {0};
    struct import_options all;
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
    TRY(data_import_table_options(&request.table, &import.table));
    const char *const inputs[] = {
        import.images[DATASET_TRAIN], import.labels[DATASET_TRAIN],
        import.images[DATASET_TEST], import.labels[DATASET_TEST]};
    TRY(import_check(&request, &all, inputs, 4));
    all.share[DATASET_TEST] = 0;
    struct dataset_builder builder;
    TRY(import_idx(&import, &builder));
    return data_import_memory(&builder, import.images[DATASET_TRAIN], request.out, &all);
}

/* --- import-csv --- */

enum status cmd_data_import_csv(int argc, char **argv)
{
    struct import_request request = {.test_share = -1, .seed = 1};
    struct import_csv_options import = {0};
    struct import_options all;
    const struct cli_command command = {
        "data import-csv", "FILE", 1, 1,
        "Import a table, plain or gzip-compressed. Each line holds a label and the\n"
        "pixels, 0..255, separated by commas, semicolons, tabs or blanks. A heading may\n"
        "name the label's column; otherwise it is the first or the last one."};
    const struct cli_option own[] = {
        {"test", CLI_TEXT, &request.test, "FILE", "table with the test images"},
        {"test-share", CLI_REAL, &request.test_share, "X",
         "without --test: part of the images kept for testing, default 0.15"},
        {"seed", CLI_U64, &request.seed, "N",
         "seed that selects the images for testing, default 1"},
        {"size", CLI_TEXT, &request.size, "HxW", "size of the images; default: square"},
        {"label-column", CLI_TEXT, &import.label_column, "COLUMN",
         "the labels' column: first, last, a number from 1, or its heading"},
        {0},
    };
    struct cli_option options[OPTIONS_MAX];
    int count;
    import_options(options, own, true, &request);
    TRY(cli_parse(&command, options, argc, argv, &import.file[DATASET_TRAIN], &count));
    if (count < 0)
        return ST_OK;
    TRY(data_import_size(request.size, &import.h, &import.w));
    TRY(data_import_table_options(&request.table, &import.table));
    const char *const inputs[] = {import.file[DATASET_TRAIN], request.test};
    TRY(import_check(&request, &all, inputs, 2));
    import.file[DATASET_TEST] = request.test;
    struct dataset_builder builder;
    TRY(import_csv(&import, &builder));
    return data_import_memory(&builder, import.file[DATASET_TRAIN], request.out, &all);
}

/* --- import-dir --- */

/* Before treatments were recorded, each picture was inverted by its own border, and
   padded with black: the same pictures still make the same data set. */
static enum status import_dir_treatment(const char *invert,
                                        struct import_options *options)
{
    bool yes = true;
    if (strcmp(invert, "auto") != 0 && !parse_bool(invert, &yes))
        FAIL(ST_USAGE, "'--invert %s': expected yes, no or auto", invert);
    options->invert = IMPORT_INVERT_RECORDED;
    options->treatment.invert = strcmp(invert, "auto") == 0 ? TREATMENT_INVERT_EACH
                                : yes                       ? TREATMENT_INVERT
                                                            : TREATMENT_KEEP;
    options->treatment.background = 0;
    options->channels = 1;
    options->strict = true;
    return ST_OK;
}

enum status cmd_data_import_dir(int argc, char **argv)
{
    struct import_request request = {.test_share = -1, .seed = 1};
    struct import_options import;
    struct import_set *set;
    const char *invert = "auto", *folder;
    int count, h = 28, w = 28;
    const struct cli_command command = {
        "data import-dir", "DIR", 1, 1,
        "Import pictures of any size and colour from DIR/CLASS as grey images of one\n"
        "size: 'data import' with other defaults. DIR may also hold two folders, train\n"
        "and test, with the folders of the classes in them."};
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
    import_options(options, own, false, &request);
    TRY(cli_parse(&command, options, argc, argv, &folder, &count));
    if (count < 0)
        return ST_OK;
    TRY(data_import_size(request.size, &h, &w));
    TRY(import_check(&request, &import, NULL, 0));
    TRY(import_dir_treatment(invert, &import));
    import.h = h;
    import.w = w;
    import.threads = cpu_usable();
    if (request.test)
        TRY(import_find_folders(&set, folder, request.test));
    else
        TRY(import_find(&set, folder, IMPORT_FOLDER, IMPORT_LABEL_AUTO));
    enum status st = import_write(set, request.out, &import);
    import_set_free(set);
    return st;
}
