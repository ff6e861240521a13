#include <stdlib.h>

#include "app/cli/cli.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "cmd_data.h"
#include "data/dataset.h"

static enum status info_count_classes(const struct dataset_info *info,
                                      enum dataset_split split, size_t *per_class)
{
    uint16_t *labels = mem_zeroed(info->count[split], sizeof *labels);
    enum status st = dataset_read_rows(info, split, 0, info->count[split], NULL, labels);
    for (size_t i = 0; st == ST_OK && i < info->count[split]; i++)
        per_class[labels[i]]++;
    free(labels);
    return st;
}

static enum status info_print_counts(const struct dataset_info *info)
{
    size_t classes = (size_t)info->classes;
    size_t *counts = mem_zeroed(2 * classes, sizeof *counts);
    enum status st = info_count_classes(info, DATASET_TRAIN, counts);
    if (st == ST_OK)
        st = info_count_classes(info, DATASET_TEST, counts + classes);
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

static enum status info_verify(const struct dataset_info *info)
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

enum status cmd_data_print_info(const char *path, bool verify)
{
    struct dataset_info info;
    char hash[17];
    TRY(dataset_info_read(&info, path));
    hash_text(info.hash, hash);
    log_out("data set   %s\nsource     %s\nimages     %d x %d pixels, %zu for training, "
            "%zu for testing\nclasses    %d\nmean, std  %.6f %.6f\nhash       %s\n",
            info.path, info.source, info.h, info.w, info.count[DATASET_TRAIN],
            info.count[DATASET_TEST], info.classes, info.mean, info.std, hash);
    enum status st = info_print_counts(&info);
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
         "compute the hash of the content and compare it with the stored one"},
        {0},
    };
    TRY(cli_parse(&command, options, argc, argv, &file, &count));
    return count < 0 ? ST_OK : cmd_data_print_info(file, verify);
}
