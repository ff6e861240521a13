/* dataset: images that two splits have in common. */
#include <stdlib.h>

#include "base/mem.h"
#include "data/dataset.h"
#include "dataset_store.h"
#include "io/h5file.h"

static int twins_by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static bool twins_in_memory(const struct dataset *dataset, enum dataset_split split)
{
    return dataset->store[split] && dataset_resident(dataset, split);
}

/* As the hashes of a file are, where those were not compared with the images. */
static void twins_hash_images(const struct dataset *dataset, enum dataset_split split,
                              uint64_t *hash)
{
    const struct dataset_labels labels = dataset->store[split]->labels;
    for (size_t i = 0; i < dataset->info.count[split]; i++)
        hash[i] = dataset_row_hash(dataset_image(dataset, split, i),
                                   dataset_stored_bytes(dataset, split, i),
                                   dataset_labels_key(labels, i));
}

static enum status twins_read_hashes(const struct dataset_info *info,
                                     enum dataset_split split, uint64_t *hash)
{
    struct h5file *file;
    TRY(h5file_open(&file, info->path));
    enum status st = h5file_read(file, dataset_hashes_name[split], H5FILE_U64,
                                 info->count[split], hash);
    h5file_close(file);
    return st;
}

/* Sorted; the caller frees *hash. */
static enum status twins_hashes(const struct dataset *dataset, enum dataset_split split,
                                uint64_t **hash)
{
    const struct dataset_info *info = &dataset->info;
    enum status st = ST_OK;
    *hash = mem_zeroed(info->count[split], sizeof **hash);
    if (dataset_compares(info))
        st = twins_read_hashes(info, split, *hash);
    else
        twins_hash_images(dataset, split, *hash);
    qsort(*hash, info->count[split], sizeof **hash, twins_by_value);
    return st;
}

/* How many of a (m) are in b (n); both are sorted. */
static size_t twins_count(const uint64_t *a, size_t m, const uint64_t *b, size_t n)
{
    size_t common = 0;
    for (size_t i = 0, j = 0; i < m; i++) {
        while (j < n && b[j] < a[i])
            j++;
        common += j < n && b[j] == a[i];
    }
    return common;
}

enum status dataset_count_twins(const struct dataset *dataset, enum dataset_split split,
                                enum dataset_split among, size_t *twins)
{
    const struct dataset_info *info = &dataset->info;
    uint64_t *mine = NULL, *others = NULL;
    bool memory = twins_in_memory(dataset, split) && twins_in_memory(dataset, among);
    enum status st;
    *twins = 0;
    if (info->count[split] == 0 || info->count[among] == 0 ||
        (!dataset_compares(info) && !memory))
        return ST_OK;
    TRY_TO(out, twins_hashes(dataset, split, &mine));
    TRY_TO(out, twins_hashes(dataset, among, &others));
    *twins = twins_count(mine, info->count[split], others, info->count[among]);
out:
    free(mine);
    free(others);
    return st;
}
