#include "app/cli/cli.h"
#include "base/hash.h"
#include "base/log.h"
#include "cmd_data.h"
#include "data/dataset_verify.h"

static void rehash_print(const struct dataset_info *info,
                         const struct dataset_rehash *found)
{
    char hash[17];
    hash_text(found->hash, hash);
    if (!found->head && !found->images && !found->content && !found->weights) {
        log_out("%s: all hashes are right: nothing was changed\n", info->path);
        return;
    }
    for (int s = 0; s < DATASET_SPLITS; s++)
        if (found->damage[s].count > 0)
            log_out("%s: %zu of %zu %s images, or their labels, had other hashes\n",
                    info->path, found->damage[s].count, info->count[s],
                    dataset_split_name[s]);
    if (!info->has_hashes)
        log_out("%s: images had no hashes\n", info->path);
    if (found->head)
        log_out("%s: mean, std, class names, size and treatment had %s hash\n",
                info->path, info->has_head_hash ? "another" : "no");
    if (found->weights)
        log_out("%s: weights of images had %s hash\n", info->path,
                info->has_weights_hash ? "another" : "no");
    log_out("%s: new hashes are written; hash %s\n", info->path, hash);
}

enum status cmd_data_rehash(int argc, char **argv)
{
    const char *file;
    int count;
    const struct cli_command command = {
        "data rehash", "FILE", 1, 1,
        "Compute the hashes of a data set anew, after another program has changed it on\n"
        "purpose. Images and attributes are taken as they are. The file is replaced."};
    const struct cli_option options[] = {{0}};
    struct dataset_info info;
    struct dataset_rehash found;
    TRY(cli_parse(&command, options, argc, argv, &file, &count));
    if (count < 0)
        return ST_OK;
    TRY(dataset_info_read(&info, file));
    enum status st = dataset_rehash(&info, &found);
    if (st == ST_OK)
        rehash_print(&info, &found);
    dataset_info_release(&info);
    return st;
}
