/* lockstep data import: finds out what a path is, and imports it. */
#include <stdlib.h>
#include <string.h>

#include "app/cli/cli.h"
#include "app/run/output.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/parse.h"
#include "cmd_data.h"
#include "data/dataset_writer.h"
#include "data_import.h"
#include "kernels/cpu.h"

#define THREADS_MAX 1024
#define STORE_HELP                                                                  \
    "keep pixels, or the files, which are decoded whenever they are used; default " \
    "auto: "                                                                        \
    "files, if the pixels need more than half of the memory and the files need less"

struct any_request {
    const char *path, *out;
    const char *size, *fit, *channels, *invert, *range; /* NULL: not given */
    const char *store;
    const char *val, *test, *group_by, *max_bad;
    const char *label_column;
    bool strict, dedupe, force, multi_label;
    struct data_import_table table;
    long long threads;
    uint64_t seed;
};

static enum status any_read_word(const char *name, const char *text,
                                 const char *const words[], int *value)
{
    for (int i = 0; text && words[i]; i++) {
        if (strcmp(text, words[i]) == 0) {
            *value = i;
            return ST_OK;
        }
    }
    if (text)
        FAIL(ST_USAGE, "'--%s %s': expected %s, %s or %s", name, text, words[0], words[1],
             words[2]);
    return ST_OK;
}

static enum status any_read_range(const char *text, struct dataset_treatment *treatment)
{
    char copy[64] = "", *high;
    if (!text || strcmp(text, "full") == 0)
        return ST_OK;
    if (strcmp(text, "auto") == 0) {
        treatment->range = TREATMENT_AUTO;
        return ST_OK;
    }
    if (strlen(text) < sizeof copy)
        memcpy(copy, text, strlen(text) + 1);
    high = strchr(copy, ',');
    if (high)
        *high++ = '\0';
    if (!high || !parse_real(copy, 0, 65535, &treatment->low) ||
        !parse_real(high, 0, 65535, &treatment->high) ||
        treatment->low >= treatment->high)
        FAIL(ST_USAGE, "'--range %s': expected full, auto or LOW,HIGH within 0..65535",
             text);
    treatment->range = TREATMENT_LIMITS;
    return ST_OK;
}

static enum status any_read_options(const struct any_request *request,
                                    struct import_options *options)
{
    static const char *const fits[] = {"pad", "crop", "stretch", NULL};
    static const char *const channels[] = {"auto", "1", "3", NULL};
    static const char *const inverts[] = {"no", "yes", "auto", NULL};
    static const char *const stores[] = {"auto", "raw", "encoded", NULL};
    int fit = TREATMENT_PAD, channel = 0, invert = -1, store = IMPORT_STORE_AUTO;
    TRY(data_import_size(request->size, &options->h, &options->w));
    TRY(any_read_word("fit", request->fit, fits, &fit));
    TRY(any_read_word("channels", request->channels, channels, &channel));
    TRY(any_read_word("invert", request->invert, inverts, &invert));
    TRY(any_read_word("store", request->store, stores, &store));
    TRY(any_read_range(request->range, &options->treatment));
    TRY(cli_read_share("val", request->val, &options->share[DATASET_VAL]));
    TRY(cli_read_share("test", request->test, &options->share[DATASET_TEST]));
    TRY(cli_read_share("max-bad", request->max_bad, &options->max_bad));
    if (request->threads > THREADS_MAX)
        FAIL(ST_USAGE, "--threads %lld: at most %d are possible", request->threads,
             THREADS_MAX);
    options->treatment.fit = (enum treatment_fit)fit;
    options->store = (enum import_store)store;
    options->channels = channel == 0 ? 0 : 2 * channel - 1;
    options->invert = (enum import_invert)(invert + 1);
    options->seed = request->seed;
    options->group_by = request->group_by;
    options->label = request->multi_label ? IMPORT_LABEL_SETS : IMPORT_LABEL_AUTO;
    options->strict = request->strict;
    options->dedupe = request->dedupe;
    options->allow_empty = request->table.allow_empty;
    options->threads = request->threads ? (int)request->threads : cpu_usable();
    return output_check(request->out, request->force, &dataset_target, &request->path, 1);
}

/* Options that mean something for some kinds of input alone. */
static enum status any_check_kind(const struct any_request *request,
                                  enum import_kind kind)
{
    static const char *const names[] = {"folder of pictures", "list of pictures",
                                        "set of IDX files", "table of pixels"};
    const unsigned pictures = 1u << IMPORT_FOLDER | 1u << IMPORT_LIST;
    const unsigned tables = 1u << IMPORT_IDX | 1u << IMPORT_CSV;
    const struct {
        const char *name;
        bool given;
        unsigned kinds;
    } options[] = {
        {"size", request->size, pictures | 1u << IMPORT_CSV},
        {"fit", request->fit, pictures},
        {"channels", request->channels, pictures},
        {"invert", request->invert, pictures},
        {"range", request->range, pictures},
        {"store", request->store, pictures},
        {"group-by", request->group_by, pictures},
        {"max-bad", request->max_bad, pictures},
        {"strict", request->strict, pictures},
        {"classes", request->table.classes, tables},
        {"transpose", request->table.transpose, tables},
        {"label-base", request->table.label_base, tables},
        {"max-value", request->table.max_value > 0, tables},
        {"label-column", request->label_column, 1u << IMPORT_CSV},
        {"multi-label", request->multi_label, 1u << IMPORT_LIST},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (options[i].given && !(options[i].kinds & 1u << kind))
            FAIL(ST_USAGE, "'%s' is a %s: --%s makes no sense", request->path,
                 names[kind], options[i].name);
    return ST_OK;
}

/* --- IDX and CSV: small images, read into memory --- */

static enum status any_import_idx(const struct any_request *request,
                                  const struct import_table_options *table,
                                  struct dataset_builder *builder)
{
    char *images[DATASET_SPLITS], *labels[DATASET_SPLITS];
    struct import_idx_options import = {.table = *table};
    TRY(import_find_idx(request->path, images, labels));
    for (int s = 0; s < DATASET_SPLITS; s++) {
        import.images[s] = images[s];
        import.labels[s] = labels[s];
        if (images[s])
            log_note("%s images: '%s', labels: '%s'", dataset_split_name[s], images[s],
                     labels[s]);
    }
    enum status st = import_idx(&import, builder);
    for (int s = 0; s < DATASET_SPLITS; s++) {
        free(images[s]);
        free(labels[s]);
    }
    return st;
}

static enum status any_import_table(const struct any_request *request,
                                    const struct import_options *options,
                                    enum import_kind kind)
{
    struct dataset_builder builder;
    struct import_csv_options csv = {.file = {request->path},
                                     .label_column = request->label_column,
                                     .h = options->h,
                                     .w = options->w};
    TRY(data_import_table_options(&request->table, &csv.table));
    if (kind == IMPORT_IDX)
        TRY(any_import_idx(request, &csv.table, &builder));
    else
        TRY(import_csv(&csv, &builder));
    return data_import_memory(&builder, request->path, request->out, options);
}

static enum status any_import(struct any_request *request, struct import_options *options)
{
    enum import_kind kind;
    TRY(any_read_options(request, options));
    TRY(import_detect(request->path, &kind));
    TRY(any_check_kind(request, kind));
    if (kind == IMPORT_IDX || kind == IMPORT_CSV)
        return any_import_table(request, options, kind);
    return import_pictures(request->path, kind, request->out, options);
}

static const struct cli_command any_command = {
    "data import", "PATH", 1, 1,
    "Make a data set of pictures (PNG, JPEG, WebP, TIFF) or tables. PATH is:\n"
    "  a folder with a folder of pictures for each class; it may also hold\n"
    "    folders train, val, test with the folders of the classes in them;\n"
    "  a CSV list of pictures, whose first line is path,label and perhaps\n"
    "    split, group, weight;\n"
    "  IDX files, as MNIST: their folder, or the file of the training images;\n"
    "  a CSV table: in each line a label and the pixels, in any order.\n"
    "Files that cannot be read are left out and listed in FILE.skipped.csv."};

enum status cmd_data_import(int argc, char **argv)
{
    struct any_request request = {.seed = 1};
    struct import_options import = {.share = {-1, -1, -1},
                                    .max_bad = IMPORT_MAX_BAD,
                                    .treatment.background = TREATMENT_BORDER};
    const struct cli_option options[] = {
        {"out", CLI_TEXT, &request.out, "FILE", "data set to write"},
        {"force", CLI_FLAG, &request.force, NULL, "replace FILE if it exists"},
        {"size", CLI_TEXT, &request.size, "N|HxW",
         "pixels to which pictures are scaled; not needed if all have one size"},
        {"fit", CLI_TEXT, &request.fit, "pad|crop|stretch",
         "pad with the border's colour, crop to the middle, or stretch; default pad"},
        {"channels", CLI_TEXT, &request.channels, "1|3|auto",
         "grey or colour; default auto: colour if a picture has some"},
        {"invert", CLI_TEXT, &request.invert, "yes|no|auto",
         "whether to turn dark on light into light on dark; auto decides once for all "
         "pictures; default no for colour, auto for grey"},
        {"range", CLI_TEXT, &request.range, "full|auto|LOW,HIGH",
         "values of 16-bit files that become black and white; default full"},
        {"store", CLI_TEXT, &request.store, "raw|encoded|auto", STORE_HELP},
        {"val", CLI_TEXT, &request.val, "SHARE",
         "part of each class kept for validation, like 10%, default 0"},
        {"test", CLI_TEXT, &request.test, "SHARE",
         "part of each class kept for testing; default 15% if PATH has neither val nor "
         "test"},
        {"group-by", CLI_TEXT, &request.group_by, "REGEX",
         "keep pictures together whose paths agree in the part that REGEX, or its first "
         "parentheses, match"},
        {"seed", CLI_U64, &request.seed, "N",
         "seed that selects the images for validation and testing, default 1"},
        {"max-bad", CLI_TEXT, &request.max_bad, "SHARE",
         "part of the files that may be unreadable, default 1%"},
        {"strict", CLI_FLAG, &request.strict, NULL, "no file may be unreadable"},
        {"multi-label", CLI_FLAG, &request.multi_label, NULL,
         "of a list: a picture may have several classes, like cat;dog, or none; a label "
         "with ';' says so, too"},
        {"dedupe", CLI_FLAG, &request.dedupe, NULL,
         "of equal pictures keep one: that in test, else in val, else the first"},
        {"allow-empty", CLI_FLAG, &request.table.allow_empty, NULL,
         "classes may have no images for training"},
        {"transpose", CLI_FLAG, &request.table.transpose, NULL,
         "of tables: images are stored column by column"},
        {"label-base", CLI_INT, &request.table.label_base, "N",
         "of tables: the label of the first class, default 0"},
        {"classes", CLI_TEXT, &request.table.classes, "NAMES",
         "of tables: names of the classes: letters, digits, or A,B,..."},
        {"label-column", CLI_TEXT, &request.label_column, "COLUMN",
         "of CSV tables: first, last, a number from 1, or its heading; found by itself "
         "in most tables"},
        {"max-value", CLI_REAL, &request.table.max_value, "V",
         "of tables: the value of white, like 16 or 1; default 255"},
        {"threads", CLI_INT, &request.threads, "N",
         "threads, default all allowed CPUs; the data set does not depend on it"},
        {0},
    };
    int count;
    TRY(cli_parse(&any_command, options, argc, argv, &request.path, &count));
    return count < 0 ? ST_OK : any_import(&request, &import);
}
