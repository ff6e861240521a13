#include "cmd_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/stop.h"
#include "base/table.h"
#include "data/letters.h"
#include "data/synth.h"
#include "io/image.h"
#include "kernels/cpu.h"
#include "kernels/team.h"

#define SHEET_GAP 2 /* pixels between the images of a contact sheet */

enum status data_check_out(const char *out, bool force)
{
    char folder[FS_PATH];
    if (!out)
        FAIL(ST_USAGE, "where to write is missing: --out FILE");
    if (!*out)
        FAIL(ST_USAGE, "cannot write a file whose name is ''");
    if (!force && access(out, F_OK) == 0)
        FAIL(ST_USAGE, "'%s' is there already; say --force to replace it", out);
    if (snprintf(folder, sizeof folder, "%s", out) >= FS_PATH)
        FAIL(ST_USAGE, "path too long: '%s'", out);
    char *slash = strrchr(folder, '/');
    if (!slash || slash == folder)
        return ST_OK;
    *slash = '\0';
    if (!fs_is_folder(folder))
        FAIL(ST_FAIL, "cannot write '%s': there is no folder '%s'", out, folder);
    return ST_OK;
}

enum status data_finish(struct dataset_builder *builder, const char *out,
                        bool allow_empty)
{
    enum status st;
    if (stop_requested())
        st = status_fail(ST_FAIL, "interrupted: nothing was written");
    else
        st = dataset_write(builder, out, allow_empty);
    if (st == ST_OK)
        log_out("%s: %zu training and %zu test images of %d x %d pixels, %d classes\n",
                out, builder->count[DATASET_TRAIN], builder->count[DATASET_TEST],
                builder->h, builder->w, builder->classes);
    dataset_builder_release(builder);
    return st;
}

/* --- data synth --- */

struct drawing {
    struct dataset_builder *builder;
    uint64_t seed;
    int threads;
    enum dataset_split split;
};

static void draw(void *context, int thread)
{
    struct drawing *d = context;
    size_t count = d->builder->count[d->split], threads = (size_t)d->threads;
    letters_draw(d->builder, d->seed, d->split, count * (size_t)thread / threads,
                 count * ((size_t)thread + 1) / threads);
}

static enum status data_synth(int argc, char **argv)
{
    const char *out = NULL;
    long long train = 20000, test = 4000, threads = 0;
    uint64_t seed = 1;
    bool force = false;
    int count;
    const struct cli_command command = {"data synth", "", 0, 0,
                                        "Draw the built-in set of handwritten letters."};
    const struct cli_option options[] = {
        {"out", CLI_TEXT, &out, "FILE", "the data set to write"},
        {"train", CLI_INT, &train, "N", "training images (20000)"},
        {"test", CLI_INT, &test, "N", "test images (4000)"},
        {"seed", CLI_U64, &seed, "N", "another seed draws other images (1)"},
        {"threads", CLI_INT, &threads, "N",
         "threads (all allowed CPUs); no bit depends on it"},
        {"force", CLI_FLAG, &force, NULL, "replace FILE if it is there"},
        {0},
    };
    TRY(cli_parse(&command, options, argc, argv, NULL, &count));
    if (count < 0)
        return ST_OK;
    if (train < SYNTH_CLASSES || train > 100000000 || test > 100000000)
        FAIL(ST_USAGE,
             "--train %lld --test %lld: from %d to 100000000 training images, one "
             "of each class, and at most as many for testing, can be drawn",
             train, test, SYNTH_CLASSES);
    if (threads > 1024)
        FAIL(ST_USAGE, "--threads %lld: at most 1024 are possible", threads);
    TRY(data_check_out(out, force));
    struct dataset_builder builder = {.count = {(size_t)train, (size_t)test}};
    letters_init(&builder, seed);
    for (int s = 0; s < DATASET_SPLITS; s++) {
        struct drawing drawing = {&builder, seed, threads ? (int)threads : cpu_allowed(),
                                  s};
        team_run(drawing.threads, draw, &drawing);
    }
    return data_finish(&builder, out, false);
}

/* --- data info --- */

static enum status count_classes(const struct dataset_info *info,
                                 enum dataset_split split, size_t *per_class)
{
    uint16_t *labels = mem_zeroed(info->count[split], sizeof *labels);
    enum status st = dataset_read_rows(info, split, 0, info->count[split], NULL, labels);
    for (size_t i = 0; st == ST_OK && i < info->count[split]; i++)
        per_class[labels[i]]++;
    free(labels);
    return st;
}

static enum status print_counts(const struct dataset_info *info)
{
    size_t classes = (size_t)info->classes;
    size_t *counts = mem_zeroed(2 * classes, sizeof *counts);
    enum status st = count_classes(info, DATASET_TRAIN, counts);
    if (st == ST_OK)
        st = count_classes(info, DATASET_TEST, counts + classes);
    if (st == ST_OK) {
        struct table table;
        table_init(&table, "<class", ">train", ">test", NULL);
        for (size_t i = 0; i < classes; i++) {
            table_cellf(&table, "%s", info->class_name[i]);
            table_cellf(&table, "%zu", counts[i]);
            table_cellf(&table, "%zu", counts[classes + i]);
        }
        table_cellf(&table, "all");
        table_cellf(&table, "%zu", info->count[DATASET_TRAIN]);
        table_cellf(&table, "%zu", info->count[DATASET_TEST]);
        log_out("\n");
        table_print(&table);
        table_release(&table);
    }
    free(counts);
    return st;
}

static enum status verify(const struct dataset_info *info)
{
    uint64_t found;
    char text[17];
    TRY(dataset_hash_file(info, &found));
    hash_text(found, text);
    if (found != info->hash)
        FAIL(ST_FAIL, "data set '%s' is damaged: its content has the hash %s", info->path,
             text);
    log_out("\nverified: the content has this hash\n");
    return ST_OK;
}

static enum status data_info(int argc, char **argv)
{
    const char *file;
    bool check = false;
    int count;
    const struct cli_command command = {"data info", "FILE", 1, 1,
                                        "Say what a data set holds."};
    const struct cli_option options[] = {
        {"verify", CLI_FLAG, &check, NULL,
         "compute the hash of the content anew and compare"},
        {0},
    };
    struct dataset_info info;
    char hash[17];
    TRY(cli_parse(&command, options, argc, argv, &file, &count));
    if (count < 0)
        return ST_OK;
    TRY(dataset_info_read(&info, file));
    hash_text(info.hash, hash);
    log_out("data set   %s\nsource     %s\nimages     %d x %d pixels, %zu for training, "
            "%zu for testing\nclasses    %d\nmean, std  %.6f %.6f\nhash       %s\n",
            info.path, info.source, info.h, info.w, info.count[DATASET_TRAIN],
            info.count[DATASET_TEST], info.classes, info.mean, info.std, hash);
    enum status st = print_counts(&info);
    if (st == ST_OK && check)
        st = verify(&info);
    dataset_info_release(&info);
    return st;
}

/* --- data sheet --- */

/* The first `columns` images of each class, a class per row. */
static enum status fill_sheet(const struct dataset_info *info, enum dataset_split split,
                              int columns, struct image *sheet)
{
    size_t n = info->count[split];
    int h = info->h, w = info->w,
        *placed = mem_zeroed((size_t)info->classes, sizeof(int));
    uint16_t *labels = mem_zeroed(n, sizeof *labels);
    uint8_t *one = mem_zeroed((size_t)h * (size_t)w, 1);
    enum status st = dataset_read_rows(info, split, 0, n, NULL, labels);
    for (size_t i = 0; i < n && st == ST_OK; i++) {
        int row = labels[i];
        if (placed[row] == columns)
            continue;
        st = dataset_read_rows(info, split, i, 1, one, NULL);
        uint8_t *corner =
            sheet->pixel +
            ((size_t)row * (size_t)(h + SHEET_GAP) + SHEET_GAP) * (size_t)sheet->w +
            placed[row]++ * (w + SHEET_GAP) + SHEET_GAP;
        for (int y = 0; y < h; y++)
            memcpy(corner + (size_t)y * (size_t)sheet->w, one + y * w, (size_t)w);
    }
    free(one);
    free(labels);
    free(placed);
    return st;
}

static enum status make_sheet(const struct dataset_info *info, enum dataset_split split,
                              int columns, const char *out)
{
    long long h = SHEET_GAP + (long long)info->classes * (info->h + SHEET_GAP);
    long long w = SHEET_GAP + (long long)columns * (info->w + SHEET_GAP);
    if (info->count[split] == 0)
        FAIL(ST_FAIL, "'%s' holds no %s images", info->path, dataset_split_name[split]);
    if (h > 65535 || w > 65535)
        FAIL(ST_USAGE,
             "a sheet of %lld x %lld pixels is too large: take a smaller "
             "--per-class",
             h, w);
    struct image sheet = {(int)h, (int)w, mem_zeroed((size_t)h * (size_t)w, 1)};
    memset(sheet.pixel, 96, (size_t)h * (size_t)w);
    enum status st = fill_sheet(info, split, columns, &sheet);
    if (st == ST_OK)
        st = image_write_png(&sheet, out);
    if (st == ST_OK)
        log_out(
            "%s: a row for each of %d classes, '%s' to '%s', up to %d %s images each\n",
            out, info->classes, info->class_name[0], info->class_name[info->classes - 1],
            columns, dataset_split_name[split]);
    image_release(&sheet);
    return st;
}

static enum status data_sheet(int argc, char **argv)
{
    const char *file, *out = NULL, *split_name = "test";
    long long per_class = 20;
    bool force = false;
    int count, split;
    const struct cli_command command = {
        "data sheet", "FILE", 1, 1, "Draw a contact sheet of a data set, a row a class."};
    const struct cli_option options[] = {
        {"out", CLI_TEXT, &out, "PNG", "the image to write"},
        {"split", CLI_TEXT, &split_name, "train|test", "which images (test)"},
        {"per-class", CLI_INT, &per_class, "N", "images a row (20)"},
        {"force", CLI_FLAG, &force, NULL, "replace the image if it is there"},
        {0},
    };
    struct dataset_info info;
    TRY(cli_parse(&command, options, argc, argv, &file, &count));
    if (count < 0)
        return ST_OK;
    for (split = 0; split < DATASET_SPLITS; split++) {
        if (strcmp(split_name, dataset_split_name[split]) == 0)
            break;
    }
    if (split == DATASET_SPLITS)
        FAIL(ST_USAGE, "'--split %s': train or test is expected", split_name);
    if (per_class < 1 || per_class > 10000)
        FAIL(ST_USAGE, "'--per-class %lld': 1 to 10000 are possible", per_class);
    TRY(data_check_out(out, force));
    TRY(dataset_info_read(&info, file));
    enum status st = make_sheet(&info, split, (int)per_class, out);
    dataset_info_release(&info);
    return st;
}

/* --- lockstep data --- */

static const struct subcommand {
    const char *name;
    enum status (*run)(int argc, char **argv);
    const char *summary;
} subcommands[] = {
    {"synth", data_synth, "draw the built-in set of handwritten letters"},
    {"import-idx", data_import_idx, "import IDX files, as MNIST and EMNIST come in"},
    {"import-csv", data_import_csv, "import a table: a label and pixels in each line"},
    {"import-dir", data_import_dir, "import PNG images, a folder for each class"},
    {"info", data_info, "say what a data set holds"},
    {"sheet", data_sheet, "draw a contact sheet"},
};

#define SUBCOMMANDS ((int)(sizeof subcommands / sizeof *subcommands))

static void print_help(void)
{
    log_out("usage: lockstep data COMMAND ...\n\nMake, import and look at data sets.\n\n"
            "commands:\n");
    for (int i = 0; i < SUBCOMMANDS; i++)
        log_out("  %-12s %s\n", subcommands[i].name, subcommands[i].summary);
    log_out("\n'lockstep data COMMAND --help' tells the options of each.\n");
}

enum status cmd_data(struct comm *comm, int argc, char **argv)
{
    (void)comm;
    const char *names[SUBCOMMANDS];
    if (argc < 1)
        FAIL(ST_USAGE, "which data command? see 'lockstep data --help'");
    if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) {
        print_help();
        return ST_OK;
    }
    for (int i = 0; i < SUBCOMMANDS; i++) {
        if (strcmp(argv[0], subcommands[i].name) == 0)
            return subcommands[i].run(argc - 1, argv + 1);
        names[i] = subcommands[i].name;
    }
    const char *near = parse_nearest(argv[0], names, SUBCOMMANDS);
    if (near)
        FAIL(ST_USAGE, "unknown data command '%s'; did you mean '%s'?", argv[0], near);
    FAIL(ST_USAGE, "unknown data command '%s'; see 'lockstep data --help'", argv[0]);
}
