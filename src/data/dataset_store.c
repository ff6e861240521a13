/* dataset: a split is loaded, and compared with the hashes of its images. */
#include "dataset_store.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/where.h"
#include "comm/comm.h"
#include "io/h5file.h"

#define LOAD_BYTES ((size_t)1 << 18) /* read at once: fits into the cache of a core */

/* Opens the file on this node and checks that it is the one that rank 0 described. */
static enum status dataset_open_same(struct h5file **file,
                                     const struct dataset_info *info)
{
    uint64_t hash;
    TRY(h5file_open(file, info->path));
    enum status st = h5file_get_hash(*file, "/", "hash", &hash);
    if (st == ST_OK && hash != info->hash)
        st = status_fail(ST_FAIL, "'%s' is not the same file on this host as on rank 0's",
                         info->path);
    if (st != ST_OK) {
        h5file_close(*file);
        *file = NULL;
    }
    return st;
}

/* --- loading --- */

/* hashes: NULL if nothing is compared. Images are compared while they are in a cache. */
static enum status store_load_images(struct dataset_store *store,
                                     const struct dataset_info *info,
                                     enum dataset_split split, const uint64_t *hashes)
{
    size_t count = info->count[split];
    struct dataset_damage damage = {0};
    for (size_t i = 0, n; i < count; i += n) {
        n = dataset_block(store->extent, i, count, LOAD_BYTES);
        where_mark(WHERE_LOAD); /* shows the waiting ranks that this one advances */
        uint8_t *images = store->images + dataset_at(store->extent, i);
        TRY(dataset_read_bytes(store->file, split, store->extent, i, n, images));
        const struct dataset_rows rows = {.first = i,
                                          .rows = n,
                                          .extent = dataset_extent_from(store->extent, i),
                                          .images = images,
                                          .labels = dataset_labels_from(store->labels, i),
                                          .hashes = hashes ? hashes + i : NULL};
        if (hashes)
            dataset_damage_add(&damage, &rows);
    }
    return dataset_damage_check(&damage, info, split, count);
}

static enum status store_load_compared(struct dataset_store *store,
                                       const struct dataset_info *info,
                                       enum dataset_split split)
{
    size_t count = info->count[split];
    uint64_t *hashes = mem_zeroed(count, sizeof *hashes);
    enum status st =
        h5file_read(store->file, dataset_hashes_name[split], H5FILE_U64, count, hashes);
    if (st == ST_OK)
        st = store_load_images(store, info, split, hashes);
    free(hashes);
    return st;
}

static enum status store_load_resident(struct dataset_store *store,
                                       const struct dataset_info *info,
                                       enum dataset_split split)
{
    if (dataset_compares(info))
        TRY(store_load_compared(store, info, split));
    else
        TRY(store_load_images(store, info, split, NULL));
    h5file_close(store->file);
    store->file = NULL;
    return ST_OK;
}

/* The node's first rank reads into the windows. If the split is not resident, every rank
   keeps the file open. */
static enum status store_load(struct dataset_store *store, struct comm *comm,
                              const struct dataset_info *info, enum dataset_split split)
{
    bool resident = store->image_window, first = comm_node_rank(comm) == 0;
    if ((resident && !first) || info->count[split] == 0)
        return ST_OK;
    TRY(dataset_open_same(&store->file, info));
    if (first || store->private_labels)
        TRY(dataset_labels_read(store->file, info, split, 0, info->count[split],
                                store->labels));
    if (store->weights && (first || store->private_weights))
        TRY(dataset_read_weights(info, store->weights));
    if (store->private_offsets || (first && info->encoded))
        TRY(dataset_read_offsets(store->file, info, split, 0, info->count[split],
                                 store->offsets));
    if (resident)
        return store_load_resident(store, info, split);
    if (store->private_hashes || (first && store->hashes))
        TRY(h5file_read(store->file, dataset_hashes_name[split], H5FILE_U64,
                        info->count[split], store->hashes));
    return ST_OK;
}

bool dataset_store_open_images(struct dataset_store *store, struct comm *comm,
                               size_t bytes)
{
    void *data;
    store->image_window = comm_shared_create(comm, bytes, &data);
    if (store->image_window)
        store->images = data;
    return store->image_window;
}

void dataset_store_close_images(struct dataset_store *store)
{
    comm_shared_free(store->image_window);
    store->image_window = NULL;
    store->images = NULL;
}

/* Labels, weights, hashes and offsets are small: where the ranks of a node cannot share
   memory each one has its own. */

void dataset_store_open_labels(struct dataset_store *store, struct comm *comm,
                               const struct dataset_info *info, size_t count)
{
    void *data;
    size_t bytes = dataset_labels_bytes(info, count);
    store->label_window = comm_shared_create(comm, bytes, &data);
    if (!store->label_window)
        data = store->private_labels = mem_zeroed(bytes, 1);
    store->labels = dataset_labels_in(info, data);
}

void dataset_store_open_weights(struct dataset_store *store, struct comm *comm,
                                size_t count)
{
    void *data;
    store->weight_window =
        comm_shared_create(comm, count * sizeof *store->weights, &data);
    if (!store->weight_window)
        data = store->private_weights = mem_zeroed(count + 1, sizeof *store->weights);
    store->weights = data;
}

void dataset_store_open_hashes(struct dataset_store *store, struct comm *comm,
                               size_t count)
{
    void *data;
    store->hash_window = comm_shared_create(comm, count * sizeof *store->hashes, &data);
    if (!store->hash_window)
        data = store->private_hashes = mem_zeroed(count + 1, sizeof *store->hashes);
    store->hashes = data;
}

void dataset_store_open_offsets(struct dataset_store *store, struct comm *comm,
                                size_t count)
{
    void *data;
    size_t bytes = (count + 1) * sizeof *store->offsets;
    store->offset_window = comm_shared_create(comm, bytes, &data);
    if (!store->offset_window)
        data = store->private_offsets = mem_zeroed(bytes, 1);
    store->extent.offset = store->offsets = data;
}

bool dataset_store_shares(const struct dataset_store *store)
{
    return !store->private_labels && !store->private_weights && !store->private_offsets;
}

/* The hash that names a data set is not over the weights of its images. */
static enum status store_compare_weights(const struct dataset_store *store,
                                         struct comm *comm,
                                         const struct dataset_info *info,
                                         enum dataset_split split)
{
    enum status st = ST_OK;
    if (!store->weights)
        return ST_OK;
    uint64_t hash = dataset_hash_weights(store->weights, info->count[split]);
    uint64_t of_rank_0 = hash;
    comm_bcast(comm, &of_rank_0, sizeof of_rank_0, 0);
    if (hash != of_rank_0)
        st = status_fail(ST_FAIL,
                         "'%s' has other weights of its images on this host than on "
                         "rank 0's",
                         info->path);
    return comm_agree(comm, st);
}

enum status dataset_store_load(struct dataset_store *store, struct comm *comm,
                               const struct dataset_info *info, enum dataset_split split)
{
    TRY(comm_agree(comm, store_load(store, comm, info, split)));
    if (store->label_window)
        comm_shared_sync(store->label_window);
    if (store->weight_window)
        comm_shared_sync(store->weight_window);
    if (store->image_window)
        comm_shared_sync(store->image_window);
    if (store->hash_window)
        comm_shared_sync(store->hash_window);
    if (store->offset_window)
        comm_shared_sync(store->offset_window);
    return store_compare_weights(store, comm, info, split);
}

void dataset_store_close(struct dataset_store *store)
{
    if (!store)
        return;
    dataset_store_close_images(store);
    comm_shared_free(store->label_window);
    comm_shared_free(store->weight_window);
    comm_shared_free(store->hash_window);
    comm_shared_free(store->offset_window);
    free(store->private_labels);
    free(store->private_weights);
    free(store->private_hashes);
    free(store->private_offsets);
    h5file_close(store->file);
    free(store->pick);
    free(store->run);
    free(store);
}
