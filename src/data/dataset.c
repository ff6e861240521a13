#include "data/dataset.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/where.h"
#include "comm/comm.h"
#include "dataset_impl.h"
#include "io/h5file.h"

#define LOAD_BYTES ((size_t)8 << 20)  /* read at once, at most */
#define GAP_BYTES  ((size_t)16 << 10) /* a gap this small is read, not skipped */

/* One split on one rank. */
struct dataset_store {
    struct comm_shared *image_window; /* NULL: not resident */
    struct comm_shared *label_window;
    uint8_t *images;
    uint16_t *labels;
    struct h5file *file;       /* not resident: images are fetched from it */
    struct dataset_pick *pick; /* owned: (picks); used by a fetch */
    size_t picks;              /* capacity */
    uint8_t *run;              /* owned: rows read at once; used by a fetch */
};

/* A sample to fetch: a row of the file, and its place in the result. */
struct dataset_pick {
    uint64_t row;
    size_t place;
};

/* The broadcast form of a dataset_info: this, then its texts one after the other. */
struct dataset_info_head {
    struct dataset_info info; /* its pointers are valid on rank 0 only */
    size_t text_bytes;
};

static char *dataset_pack_texts(const struct dataset_info *info, size_t *bytes)
{
    size_t n = strlen(info->source) + 1;
    for (int i = 0; i < info->classes; i++)
        n += strlen(info->class_name[i]) + 1;
    char *block = mem_zeroed(n, 1), *p = stpcpy(block, info->source) + 1;
    for (int i = 0; i < info->classes; i++)
        p = stpcpy(p, info->class_name[i]) + 1;
    *bytes = n;
    return block;
}

static void dataset_unpack_texts(struct dataset_info *info, const char *block)
{
    info->source = mem_strdup(block);
    info->class_name = mem_zeroed((size_t)info->classes, sizeof *info->class_name);
    const char *p = block;
    for (int i = 0; i < info->classes; i++) {
        p += strlen(p) + 1;
        info->class_name[i] = mem_strdup(p);
    }
}

/* Rank 0 reads and broadcasts: one reader, and one message when it fails. */
static enum status dataset_share_info(struct dataset_info *info, struct comm *comm,
                                      const char *path)
{
    bool reader = comm_rank(comm) == 0;
    struct dataset_info_head head = {0};
    char *block = NULL;
    enum status st = ST_OK;
    if (reader)
        st = dataset_info_read(info, path);
    TRY(comm_agree(comm, st));
    if (reader) {
        block = dataset_pack_texts(info, &head.text_bytes);
        head.info = *info;
    }
    comm_bcast(comm, &head, sizeof head, 0);
    if (!reader)
        block = mem_zeroed(head.text_bytes, 1);
    comm_bcast(comm, block, head.text_bytes, 0);
    if (!reader) {
        *info = head.info;
        info->path = mem_strdup(path);
        dataset_unpack_texts(info, block);
    }
    free(block);
    return ST_OK;
}

/* Bytes that images may use on each node: the least over all ranks. Collective. */
static size_t dataset_memory_allowed(struct comm *comm, size_t memory_limit)
{
    double limit = (double)memory_limit;
    if (memory_limit == 0)
        limit = 0.5 * (double)mem_shared_limit();
    struct statvfs shm; /* home of the shared windows; often small in containers */
    if (comm_node_size(comm) > 1 && statvfs("/dev/shm", &shm) == 0) {
        double room = 0.9 * (double)shm.f_bavail * (double)shm.f_frsize;
        if (room < limit)
            limit = room;
    }
    double least = -limit;
    comm_max_f64(comm, &least, 1);
    return (size_t)-least;
}

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

static enum status store_load_images(struct dataset_store *store, struct h5file *file,
                                     const struct dataset_info *info,
                                     enum dataset_split split)
{
    size_t image = dataset_image_bytes(info->shape), step = LOAD_BYTES / image + 1;
    for (size_t i = 0; i < info->count[split]; i += step) {
        size_t rows = info->count[split] - i < step ? info->count[split] - i : step;
        where_mark(WHERE_LOAD); /* shows the waiting ranks that this one advances */
        TRY(h5file_read_rows(file, dataset_images_name[split], H5FILE_U8, i, rows, image,
                             store->images + i * image));
    }
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
    if (first)
        TRY(dataset_read_labels(store->file, info, split, store->labels));
    if (!resident)
        return ST_OK;
    TRY(store_load_images(store, store->file, info, split));
    h5file_close(store->file);
    store->file = NULL;
    return ST_OK;
}

static enum status store_open(struct dataset_store **out, struct comm *comm,
                              const struct dataset_info *info, enum dataset_split split,
                              bool resident)
{
    struct dataset_store *store = *out = mem_zeroed(1, sizeof *store);
    size_t image = dataset_image_bytes(info->shape), count = info->count[split];
    void *data;
    /* One element more: a window of no bytes has no address. */
    store->label_window =
        comm_shared_create(comm, (count + 1) * sizeof *store->labels, &data);
    store->labels = data;
    if (resident) {
        store->image_window = comm_shared_create(comm, count * image + 1, &data);
        store->images = data;
    }
    TRY(comm_agree(comm, store_load(store, comm, info, split)));
    comm_shared_sync(store->label_window);
    if (resident)
        comm_shared_sync(store->image_window);
    return ST_OK;
}

static void store_close(struct dataset_store *store)
{
    if (!store)
        return;
    comm_shared_free(store->image_window);
    comm_shared_free(store->label_window);
    h5file_close(store->file);
    free(store->pick);
    free(store->run);
    free(store);
}

/* The description has been read. */
static enum status dataset_open_splits(struct dataset *dataset, struct comm *comm,
                                       const bool want[DATASET_SPLITS],
                                       size_t memory_limit)
{
    const struct dataset_info *info = &dataset->info;
    double bytes = 0;
    size_t image = dataset_image_bytes(info->shape);
    for (int s = 0; s < DATASET_SPLITS; s++)
        bytes += want[s] ? (double)info->count[s] * (double)image : 0;
    size_t allowed = dataset_memory_allowed(comm, memory_limit);
    bool resident = bytes <= (double)allowed;
    dataset->memory_left = allowed - (resident ? (size_t)bytes : 0);
    if (!resident)
        log_note("the images of '%s' (%.0f MB) do not fit into memory: reading them from "
                 "the file batch by batch",
                 info->path, bytes / 1e6);
    enum status st = ST_OK;
    for (int s = 0; s < DATASET_SPLITS && st == ST_OK; s++) {
        if (want[s])
            st = store_open(&dataset->store[s], comm, info, s, resident);
    }
    if (st != ST_OK)
        dataset_close(dataset);
    return st;
}

enum status dataset_open(struct dataset *dataset, struct comm *comm, const char *path,
                         const bool want[DATASET_SPLITS], size_t memory_limit)
{
    *dataset = (struct dataset){0};
    TRY(dataset_share_info(&dataset->info, comm, path));
    return dataset_open_splits(dataset, comm, want, memory_limit);
}

enum status dataset_open_training(struct dataset *dataset, struct comm *comm,
                                  const char *path, size_t memory_limit)
{
    bool want[DATASET_SPLITS] = {[DATASET_TRAIN] = true};
    *dataset = (struct dataset){0};
    TRY(dataset_share_info(&dataset->info, comm, path));
    want[dataset_choosing(&dataset->info)] = true;
    return dataset_open_splits(dataset, comm, want, memory_limit);
}

void dataset_close(struct dataset *dataset)
{
    for (int s = 0; s < DATASET_SPLITS; s++)
        store_close(dataset->store[s]);
    dataset_info_release(&dataset->info);
    *dataset = (struct dataset){0};
}

bool dataset_resident(const struct dataset *dataset, enum dataset_split split)
{
    return dataset->store[split]->images != NULL;
}

const uint8_t *dataset_image(const struct dataset *dataset, enum dataset_split split,
                             size_t i)
{
    size_t image = dataset_image_bytes(dataset->info.shape);
    return dataset->store[split]->images + i * image;
}

int dataset_label(const struct dataset *dataset, enum dataset_split split, size_t i)
{
    return dataset->store[split]->labels[i];
}

static int dataset_pick_by_row(const void *a, const void *b)
{
    const struct dataset_pick *x = a, *y = b;
    return (x->row > y->row) - (x->row < y->row);
}

/* Picks [0, n) are close together in the file: one read, then a copy to each place. */
static enum status store_fetch_run(struct dataset_store *store, size_t image,
                                   enum dataset_split split,
                                   const struct dataset_pick *pick, size_t n,
                                   uint8_t *images)
{
    size_t rows = (size_t)(pick[n - 1].row - pick[0].row) + 1;
    if (n == 1)
        return h5file_read_rows(store->file, dataset_images_name[split], H5FILE_U8,
                                pick[0].row, 1, image, images + pick[0].place * image);
    TRY(h5file_read_rows(store->file, dataset_images_name[split], H5FILE_U8, pick[0].row,
                         rows, image, store->run));
    for (size_t i = 0; i < n; i++)
        memcpy(images + pick[i].place * image,
               store->run + (pick[i].row - pick[0].row) * image, image);
    return ST_OK;
}

void dataset_reserve(struct dataset *dataset, enum dataset_split split, size_t n)
{
    struct dataset_store *store = dataset->store[split];
    size_t image = dataset_image_bytes(dataset->info.shape);
    size_t count = dataset->info.count[split];
    size_t rows = LOAD_BYTES / image + 1; /* of a run */
    if (!store->run)
        store->run = mem_resize(NULL, rows < count ? rows : count, image);
    if (n > store->picks) {
        store->picks = n;
        store->pick = mem_resize(store->pick, n, sizeof *store->pick);
    }
}

/* The end of the run that begins with pick[begin]: small gaps, at most LOAD_BYTES. */
static size_t dataset_run_end(const struct dataset_pick *pick, size_t begin, size_t n,
                              size_t image)
{
    size_t gap = GAP_BYTES / image, end = begin + 1;
    while (end < n && pick[end].row - pick[end - 1].row <= gap + 1 &&
           (pick[end].row - pick[begin].row) * image < LOAD_BYTES)
        end++;
    return end;
}

enum status dataset_fetch(struct dataset *dataset, enum dataset_split split,
                          const uint64_t *index, size_t n, uint8_t *images,
                          struct dataset_reading *reading)
{
    struct dataset_store *store = dataset->store[split];
    size_t image = dataset_image_bytes(dataset->info.shape);
    if (n == 0)
        return ST_OK;
    dataset_reserve(dataset, split, n);
    for (size_t i = 0; i < n; i++)
        store->pick[i] = (struct dataset_pick){index[i], i};
    qsort(store->pick, n, sizeof *store->pick, dataset_pick_by_row);
    for (size_t i = 0, end; i < n; i = end) {
        end = dataset_run_end(store->pick, i, n, image);
        TRY(store_fetch_run(store, image, split, store->pick + i, end - i, images));
        if (!reading)
            continue;
        atomic_fetch_add_explicit(&reading->rows, end - i, memory_order_relaxed);
        if (atomic_load_explicit(&reading->quit, memory_order_relaxed))
            return ST_AGAIN;
    }
    return ST_OK;
}

int dataset_only_class(const struct dataset *dataset, enum dataset_split split)
{
    for (size_t i = 1; i < dataset->info.count[split]; i++)
        if (dataset_label(dataset, split, i) != dataset_label(dataset, split, 0))
            return -1;
    return dataset->info.count[split] > 0 ? dataset_label(dataset, split, 0) : -1;
}
