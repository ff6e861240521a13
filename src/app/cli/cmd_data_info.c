#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/cli/cli.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "cmd_data.h"
#include "data/dataset_verify.h"

/* How many images there are of what. */
struct info_counts {
    size_t *images; /* owned: (DATASET_SPLITS, classes) */
    size_t none[DATASET_SPLITS];
    size_t labels, most; /* of all images, and of the image with the most */
};

static enum status info_count_split(const struct dataset_info *info,
                                    enum dataset_split split, struct info_counts *counts)
{
    struct dataset_labels labels;
    size_t *per_class = counts->images + (size_t)split * (size_t)info->classes;
    TRY(dataset_read_labels(info, split, 0, info->count[split], &labels));
    for (size_t i = 0; i < info->count[split]; i++) {
        size_t mine = 0;
        for (int c = 0; (c = dataset_labels_next(&labels, i, info->classes, c)) >= 0;
             c++) {
            per_class[c]++;
            mine++;
        }
        counts->none[split] += mine == 0;
        counts->labels += mine;
        counts->most = mine > counts->most ? mine : counts->most;
    }
    dataset_labels_release(&labels);
    return ST_OK;
}

static void info_print_row(struct table *table, const struct dataset_info *info,
                           const char *name, const size_t *count, size_t stride)
{
    table_cellf(table, "%s", name);
    for (size_t s = 0; s < DATASET_SPLITS; s++)
        if (s != DATASET_VAL || info->count[s] > 0)
            table_cellf(table, "%zu", count[s * stride]);
}

static void info_print_table(const struct dataset_info *info,
                             const struct info_counts *counts)
{
    size_t classes = (size_t)info->classes, all = 0;
    struct table table = {0};
    table_head(&table, "<class");
    for (int s = 0; s < DATASET_SPLITS; s++) {
        char head[16];
        snprintf(head, sizeof head, ">%s", dataset_split_name[s]);
        if (s != DATASET_VAL || info->count[s] > 0)
            table_head(&table, head);
    }
    for (size_t c = 0; c < classes; c++)
        info_print_row(&table, info, info->class_name[c], counts->images + c, classes);
    if (counts->none[0] + counts->none[1] + counts->none[2] > 0)
        info_print_row(&table, info, "(no class)", counts->none, 1);
    info_print_row(&table, info, "all", info->count, 1);
    log_out("\n");
    table_print(&table);
    table_release(&table);
    for (int s = 0; s < DATASET_SPLITS; s++)
        all += info->count[s];
    if (info->multi_label)
        log_out("\nlabels     %.2f of an image on average, at most %zu\n",
                (double)counts->labels / (double)all, counts->most);
}

static enum status info_print_counts(const struct dataset_info *info)
{
    struct info_counts counts = {
        .images = mem_zeroed(DATASET_SPLITS * (size_t)info->classes, sizeof(size_t))};
    enum status st = ST_OK;
    for (int s = 0; s < DATASET_SPLITS && st == ST_OK; s++)
        if (info->count[s] > 0)
            st = info_count_split(info, s, &counts);
    if (st == ST_OK)
        info_print_table(info, &counts);
    free(counts.images);
    return st;
}

/* Which images are not what their own hashes say. Returns how many. */
static size_t info_print_damage(const struct dataset_info *info,
                                const struct dataset_damage damage[DATASET_SPLITS])
{
    size_t all = 0;
    for (int s = 0; s < DATASET_SPLITS; s++) {
        if (damage[s].count == 0)
            continue;
        char *first = dataset_image_name(info, s, damage[s].first);
        log_out("%sdamaged: %zu of %zu %s images, or their labels; the first is %s\n",
                all == 0 ? "\n" : "", damage[s].count, info->count[s],
                dataset_split_name[s], first);
        free(first);
        all += damage[s].count;
    }
    return all;
}

/* The hash of the content, and those of the images. A hash that another program made up
 * says nothing about the content. */
static enum status info_verify_content(const struct dataset_info *info)
{
    struct dataset_damage damage[DATASET_SPLITS];
    uint64_t found;
    char text[17];
    TRY(dataset_hash_file(info, &found, damage));
    hash_text(found, text);
    size_t damaged = info_print_damage(info, damage);
    if (found == info->hash && damaged > 0)
        FAIL(ST_FAIL,
             "data set '%s' is damaged: the content has this hash, but the hashes of its "
             "images are others",
             info->path);
    if (found == info->hash)
        log_out("\nverified: the content has this hash\n");
    else if (info->hash_known || damaged > 0)
        FAIL(ST_FAIL, "data set '%s' is damaged: its content has the hash %s", info->path,
             text);
    else
        log_out(
            "\ncannot be verified: the content has the hash %s, but nothing says that "
            "lockstep made the file's own\n",
            text);
    return ST_OK;
}

static enum status info_verify(const struct dataset_info *info)
{
    enum status content = info_verify_content(info), head = dataset_check_head(info);
    return content != ST_OK ? content : head;
}

/* Reading them compares them with their hash. */
static enum status info_print_weights(const struct dataset_info *info)
{
    size_t count = info->count[DATASET_TRAIN];
    float *weights = mem_zeroed(count + 1, sizeof *weights);
    enum status st = dataset_read_weights(info, weights);
    double least = INFINITY, most = 0, sum = 0;
    for (size_t i = 0; i < count; i++) {
        least = fmin(least, (double)weights[i]);
        most = fmax(most, (double)weights[i]);
        sum += (double)weights[i];
    }
    free(weights);
    if (st == ST_OK)
        log_out("weights    %g to %g of the training images, mean %g\n", least, most,
                sum / (double)count);
    return st;
}

static void info_print_channels(const char *name, const struct dataset_info *info,
                                const double *value)
{
    log_out("%s", name);
    for (int c = 0; c < info->shape.c; c++)
        log_out(" %.6f", value[c]);
}

static void info_print_head(const struct dataset_info *info)
{
    char hash[17], treatment[TREATMENT_TEXT];
    hash_text(info->hash, hash);
    treatment_text(&info->treatment, treatment);
    log_out("data set   %s\nsource     %s\nimages     %d x %d pixels%s, %zu for training",
            info->path, info->source, info->shape.h, info->shape.w,
            info->shape.c == 1 ? "" : ", RGB", info->count[DATASET_TRAIN]);
    if (info->count[DATASET_VAL] > 0)
        log_out(", %zu for validation", info->count[DATASET_VAL]);
    log_out(", %zu for testing\nclasses    %d%s\n", info->count[DATASET_TEST],
            info->classes, info->multi_label ? ", several or none for each image" : "");
    info_print_channels("mean, std ", info, info->mean);
    info_print_channels(info->shape.c == 1 ? "" : " |", info, info->std);
    if (info->encoded)
        log_out("\nstore      encoded, %.1f MB of files",
                (double)(info->bytes[DATASET_TRAIN] + info->bytes[DATASET_VAL] +
                         info->bytes[DATASET_TEST]) /
                    1e6);
    if (*treatment)
        log_out("\npictures   %s", treatment);
    log_out("\nhash       %s\n", hash);
}

enum status cmd_data_print_info(const char *path, bool verify)
{
    struct dataset_info info;
    TRY(dataset_info_read(&info, path));
    info_print_head(&info);
    enum status st = info.has_weights ? info_print_weights(&info) : ST_OK;
    if (st == ST_OK)
        st = info_print_counts(&info);
    if (st == ST_OK && verify)
        st = info_verify(&info);
    dataset_info_release(&info);
    return st;
}

enum status cmd_data_info(int argc, char **argv)
{
    const char *file;
    bool verify = false;
    int count;
    const struct cli_command command = {"data info", "FILE", 1, 1,
                                        "Print what a data set holds."};
    const struct cli_option options[] = {
        {"verify", CLI_FLAG, &verify, NULL,
         "compute the hashes of images, labels and attributes and compare them with the "
         "stored ones"},
        {0},
    };
    TRY(cli_parse(&command, options, argc, argv, &file, &count));
    return count < 0 ? ST_OK : cmd_data_print_info(file, verify);
}
