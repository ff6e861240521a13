/* dataset: a split is loaded, and compared with the hashes of its images. */
#include "dataset_store.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/thread.h"
#include "base/where.h"
#include "comm/comm.h"
#include "io/h5file.h"

#define LOAD_BYTES ((size_t)1 << 20) /* read at once: fits into a cache */

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

/* --- comparing, by a thread of its own, while more is loaded --- */

struct store_checker {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct dataset_rows all; /* (count) images, of which the first `loaded` are there */
    size_t loaded;
    bool end; /* no more will come */
    struct dataset_damage damage;
};

static void *store_check(void *context)
{
    struct store_checker *checker = context;
    struct dataset_rows rows = checker->all;
    size_t done = 0;
    thread_name("verify");
    pthread_mutex_lock(&checker->mutex);
    while (done < checker->loaded || !checker->end) {
        if (done == checker->loaded) {
            pthread_cond_wait(&checker->changed, &checker->mutex);
            continue;
        }
        rows.first = done;
        rows.rows = checker->loaded - done;
        pthread_mutex_unlock(&checker->mutex);
        rows.extent = dataset_extent_from(checker->all.extent, done);
        rows.images = checker->all.images + dataset_at(checker->all.extent, done);
        rows.labels = checker->all.labels + done;
        rows.hashes = checker->all.hashes + done;
        dataset_damage_add(&checker->damage, &rows);
        done += rows.rows;
        pthread_mutex_lock(&checker->mutex);
    }
    pthread_mutex_unlock(&checker->mutex);
    return NULL;
}

static void store_checker_start(struct store_checker *checker,
                                const struct dataset_rows *all)
{
    *checker = (struct store_checker){.mutex = PTHREAD_MUTEX_INITIALIZER,
                                      .changed = PTHREAD_COND_INITIALIZER,
                                      .all = *all};
    thread_start(&checker->thread, store_check, checker);
}

static void store_checker_tell(struct store_checker *checker, size_t loaded, bool end)
{
    pthread_mutex_lock(&checker->mutex);
    checker->loaded = loaded;
    checker->end = end;
    pthread_cond_signal(&checker->changed);
    pthread_mutex_unlock(&checker->mutex);
}

/* --- loading --- */

/* checker: NULL if nothing is compared. */
static enum status store_load_images(struct dataset_store *store,
                                     const struct dataset_info *info,
                                     enum dataset_split split,
                                     struct store_checker *checker)
{
    size_t count = info->count[split];
    for (size_t i = 0, n; i < count; i += n) {
        n = dataset_block(store->extent, i, count, LOAD_BYTES);
        where_mark(WHERE_LOAD); /* shows the waiting ranks that this one advances */
        TRY(dataset_read_bytes(store->file, split, store->extent, i, n,
                               store->images + dataset_at(store->extent, i)));
        if (checker)
            store_checker_tell(checker, i + n, false);
    }
    return ST_OK;
}

static enum status store_load_compared(struct dataset_store *store,
                                       const struct dataset_info *info,
                                       enum dataset_split split)
{
    struct store_checker checker;
    size_t count = info->count[split];
    uint64_t *hashes = mem_zeroed(count, sizeof *hashes);
    const struct dataset_rows all = {.extent = store->extent,
                                     .images = store->images,
                                     .labels = store->labels,
                                     .hashes = hashes};
    enum status st;
    TRY_TO(out, h5file_read(store->file, dataset_hashes_name[split], H5FILE_U64, count,
                            hashes));
    store_checker_start(&checker, &all);
    st = store_load_images(store, info, split, &checker);
    store_checker_tell(&checker, st == ST_OK ? count : 0, true);
    pthread_join(checker.thread, NULL);
    if (st == ST_OK)
        st = dataset_damage_check(&checker.damage, info, split, count);
out:
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
        TRY(dataset_read_labels(store->file, info, split, store->labels));
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

/* Labels, hashes and offsets are small: where the ranks of a node cannot share memory
   each one has its own. */

void dataset_store_open_labels(struct dataset_store *store, struct comm *comm,
                               size_t count)
{
    void *data;
    store->label_window = comm_shared_create(comm, count * sizeof *store->labels, &data);
    if (!store->label_window)
        data = store->private_labels = mem_zeroed(count + 1, sizeof *store->labels);
    store->labels = data;
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

enum status dataset_store_load(struct dataset_store *store, struct comm *comm,
                               const struct dataset_info *info, enum dataset_split split)
{
    TRY(comm_agree(comm, store_load(store, comm, info, split)));
    if (store->label_window)
        comm_shared_sync(store->label_window);
    if (store->image_window)
        comm_shared_sync(store->image_window);
    if (store->hash_window)
        comm_shared_sync(store->hash_window);
    if (store->offset_window)
        comm_shared_sync(store->offset_window);
    return ST_OK;
}

void dataset_store_close(struct dataset_store *store)
{
    if (!store)
        return;
    dataset_store_close_images(store);
    comm_shared_free(store->label_window);
    comm_shared_free(store->hash_window);
    comm_shared_free(store->offset_window);
    free(store->private_labels);
    free(store->private_hashes);
    free(store->private_offsets);
    h5file_close(store->file);
    free(store->pick);
    free(store->run);
    free(store);
}
