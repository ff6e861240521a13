/* dataset: new hashes for a set that another program changed. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dataset_impl.h"
#include "io/h5file.h"

#define REHASH_BYTES ((size_t)4 << 20) /* read at once, about */

/* hashes (count) */
static enum status rehash_split(const struct dataset_info *info, enum dataset_split split,
                                uint64_t *hashes)
{
    size_t count = info->count[split];
    size_t step = REHASH_BYTES / (info->bytes[split] / count + 1) + 1;
    enum status st = ST_OK;
    for (size_t i = 0; i < count && st == ST_OK; i += step) {
        size_t rows = count - i < step ? count - i : step;
        struct dataset_stored stored = {0};
        st = dataset_read_stored(info, split, i, rows, &stored);
        for (size_t k = 0; k < rows && st == ST_OK; k++) {
            size_t bytes = (size_t)(stored.offset[k + 1] - stored.offset[k]);
            hashes[i + k] = dataset_row_hash(stored.data + stored.offset[k], bytes,
                                             dataset_labels_key(stored.labels, k));
        }
        dataset_stored_release(&stored);
    }
    return st;
}

static enum status rehash_write_split(const struct dataset_info *info,
                                      enum dataset_split split, struct h5file *file)
{
    size_t count = info->count[split];
    if (count == 0)
        return ST_OK;
    uint64_t *hashes = mem_zeroed(count, sizeof *hashes);
    enum status st = rehash_split(info, split, hashes);
    if (st == ST_OK)
        st = h5file_remove(file, dataset_hashes_name[split]);
    if (st == ST_OK)
        st =
            h5file_write(file, dataset_hashes_name[split], H5FILE_U64, 1, &count, hashes);
    free(hashes);
    return st;
}

static enum status rehash_write(const struct dataset_info *info,
                                const struct dataset_rehash *found, struct h5file *file)
{
    static const char *const attributes[] = {"hash", "hash_kind", DATASET_HEAD_HASH,
                                             DATASET_WEIGHTS_HASH};
    for (int s = 0; s < DATASET_SPLITS; s++)
        TRY(rehash_write_split(info, s, file));
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
        TRY(h5file_remove_attr(file, "/", attributes[i]));
    TRY(h5file_put_hash(file, "/", "hash", found->hash));
    if (info->has_weights)
        TRY(h5file_put_hash(file, "/", DATASET_WEIGHTS_HASH, found->weights_hash));
    TRY(h5file_put_text(file, "/", "hash_kind", DATASET_HASH_KIND));
    TRY(dataset_put_head_hash(info, file));
    return h5file_commit(file);
}

static enum status rehash_compare_weights(const struct dataset_info *info,
                                          struct dataset_rehash *found)
{
    size_t count = info->count[DATASET_TRAIN];
    float *weights = mem_zeroed(count + 1, sizeof *weights);
    enum status st = dataset_read_weights(info, weights);
    found->weights_hash = dataset_hash_weights(weights, count);
    found->weights = !info->has_weights_hash || info->weights_hash != found->weights_hash;
    free(weights);
    return st;
}

/* What is there, and what is not as it was written. */
static enum status rehash_compare(const struct dataset_info *info,
                                  struct dataset_rehash *found)
{
    TRY(dataset_hash_file(info, &found->hash, found->damage));
    found->head = !info->has_head_hash || !dataset_head_is_whole(info);
    found->images = !info->has_hashes;
    found->content = !info->hash_known || found->hash != info->hash;
    for (int s = 0; s < DATASET_SPLITS; s++)
        found->images = found->images || found->damage[s].count > 0;
    return info->has_weights ? rehash_compare_weights(info, found) : ST_OK;
}

enum status dataset_rehash(const struct dataset_info *info, struct dataset_rehash *found)
{
    struct dataset_info whole = *info;
    struct h5file *file;
    *found = (struct dataset_rehash){0};
    whole.trusted = true;
    TRY(rehash_compare(&whole, found));
    if (!found->head && !found->images && !found->content && !found->weights)
        return ST_OK;
    TRY(h5file_edit(&file, info->path));
    enum status st = rehash_write(&whole, found, file);
    h5file_close(file);
    return st;
}
