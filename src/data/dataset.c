#include "data/dataset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "comm/comm.h"
#include "data/import_treatment.h"
#include "dataset_store.h"

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

static enum status dataset_open_info(struct dataset_info *info, const char *path,
                                     const struct dataset_use *use)
{
    TRY(dataset_info_read(info, path));
    info->trusted = use->trusted;
    enum status st = dataset_check_head(info);
    if (st != ST_OK)
        dataset_info_release(info);
    return st;
}

/* Rank 0 reads and broadcasts: one reader, and one message when it fails. */
static enum status dataset_share_info(struct dataset_info *info, struct comm *comm,
                                      const char *path, const struct dataset_use *use)
{
    bool reader = comm_rank(comm) == 0;
    struct dataset_info_head head = {0};
    char *block = NULL;
    enum status st = ST_OK;
    if (reader)
        st = dataset_open_info(info, path, use);
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
    double least = -limit;
    comm_max_f64(comm, &least, 1);
    return (size_t)-least;
}

/* Sets whose images have no hashes of their own. Collective. */
static enum status dataset_check_whole(const struct dataset *dataset, struct comm *comm,
                                       bool resident)
{
    const struct dataset_info *info = &dataset->info;
    struct dataset_content loaded = {0};
    enum status st = ST_OK;
    if (info->has_hashes || info->trusted)
        return ST_OK;
    if (!info->hash_known || !resident) {
        log_note(
            "'%s' holds no hashes of its images: damage to them would not be noticed%s",
            info->path,
            info->hash_known ? "; 'lockstep data info FILE --verify' looks for it" : "");
        return ST_OK;
    }
    for (int s = 0; s < DATASET_SPLITS; s++) {
        if (!dataset->store[s])
            continue;
        loaded.images[s] = dataset->store[s]->images;
        loaded.labels[s] = dataset->store[s]->labels;
    }
    if (comm_node_rank(comm) == 0)
        st = dataset_check_hash(info, &loaded);
    return comm_agree(comm, st);
}

/* Opens the memory of all splits that are wanted, for the images of all of them or of
   none. Returns whether they are resident. */
static bool dataset_open_memory(struct dataset *dataset, struct comm *comm, double bytes,
                                size_t allowed, const struct dataset_use *use)
{
    const struct dataset_info *info = &dataset->info;
    bool resident = !use->on_disk && bytes <= (double)allowed;
    const char *why = resident ? NULL : "";
    for (int s = 0; s < DATASET_SPLITS; s++) {
        struct dataset_store *store = dataset->store[s];
        if (!store)
            continue;
        store->extent.image = dataset_image_bytes(info->shape);
        dataset_store_open_labels(store, comm, info, info->count[s]);
        if (s == DATASET_TRAIN && use->weights && info->has_weights)
            dataset_store_open_weights(store, comm, info->count[s]);
        if (info->encoded)
            dataset_store_open_offsets(store, comm, info->count[s]);
        resident = resident && dataset_store_shares(store) &&
                   dataset_store_open_images(store, comm, info->bytes[s]);
        if (!resident && !why)
            why = strerror(errno);
    }
    if (resident)
        return true;
    if (!use->on_disk)
        log_note("the images of '%s' (%s) do not fit into memory%s%s: reading them from "
                 "the file batch by batch",
                 info->path, bytes_text(bytes).text,
                 *why ? " that the ranks of a node share: " : "", why);
    for (int s = 0; s < DATASET_SPLITS; s++) {
        if (!dataset->store[s])
            continue;
        dataset_store_close_images(dataset->store[s]);
        if (dataset_compares(info))
            dataset_store_open_hashes(dataset->store[s], comm, info->count[s]);
    }
    return false;
}

/* The description has been read. */
static enum status dataset_open_splits(struct dataset *dataset, struct comm *comm,
                                       const bool want[DATASET_SPLITS],
                                       const struct dataset_use *use)
{
    struct dataset_info *info = &dataset->info;
    double bytes = 0;
    for (int s = 0; s < DATASET_SPLITS; s++) {
        bytes += want[s] ? (double)info->bytes[s] : 0;
        dataset->store[s] = want[s] ? mem_zeroed(1, sizeof *dataset->store[s]) : NULL;
    }
    size_t allowed = dataset_memory_allowed(comm, use->memory_limit);
    bool resident = dataset_open_memory(dataset, comm, bytes, allowed, use);
    dataset->memory_left = allowed - (resident ? (size_t)bytes : 0);
    enum status st = ST_OK;
    for (int s = 0; s < DATASET_SPLITS && st == ST_OK; s++) {
        if (want[s])
            st = dataset_store_load(dataset->store[s], comm, info, s);
    }
    if (st == ST_OK)
        st = dataset_check_whole(dataset, comm, resident);
    if (st != ST_OK)
        dataset_close(dataset);
    return st;
}

enum status dataset_open(struct dataset *dataset, struct comm *comm, const char *path,
                         const bool want[DATASET_SPLITS], const struct dataset_use *use)
{
    *dataset = (struct dataset){0};
    TRY(dataset_share_info(&dataset->info, comm, path, use));
    return dataset_open_splits(dataset, comm, want, use);
}

enum status dataset_open_training(struct dataset *dataset, struct comm *comm,
                                  const char *path, const struct dataset_use *use)
{
    bool want[DATASET_SPLITS] = {[DATASET_TRAIN] = true};
    *dataset = (struct dataset){0};
    TRY(dataset_share_info(&dataset->info, comm, path, use));
    want[dataset_choosing(&dataset->info)] = true;
    return dataset_open_splits(dataset, comm, want, use);
}

void dataset_close(struct dataset *dataset)
{
    for (int s = 0; s < DATASET_SPLITS; s++)
        dataset_store_close(dataset->store[s]);
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
    const struct dataset_store *store = dataset->store[split];
    return store->images + dataset_at(store->extent, i);
}

size_t dataset_stored_bytes(const struct dataset *dataset, enum dataset_split split,
                            size_t i)
{
    return dataset_extent_bytes(dataset->store[split]->extent, i, 1);
}

int dataset_label(const struct dataset *dataset, enum dataset_split split, size_t i)
{
    const struct dataset_labels *labels = &dataset->store[split]->labels;
    return labels->one ? labels->one[i] : 0;
}

const uint16_t *dataset_labels(const struct dataset *dataset, enum dataset_split split)
{
    return dataset->store[split]->labels.one;
}

float dataset_weight(const struct dataset *dataset, size_t i)
{
    const float *weights = dataset->store[DATASET_TRAIN]->weights;
    return weights ? weights[i] : 1;
}

uint64_t dataset_weights_hash(const struct dataset *dataset)
{
    const struct dataset_store *store = dataset->store[DATASET_TRAIN];
    return store && store->weights
               ? dataset_hash_weights(store->weights, dataset->info.count[DATASET_TRAIN])
               : 0;
}

const uint8_t *dataset_label_set(const struct dataset *dataset, enum dataset_split split,
                                 size_t i)
{
    return dataset_labels_from(dataset->store[split]->labels, i).set;
}

bool dataset_is_uniform(const struct dataset *dataset, enum dataset_split split)
{
    const struct dataset_labels labels = dataset->store[split]->labels;
    size_t count = dataset->info.count[split];
    for (size_t i = 1; i < count; i++)
        if (labels.one ? labels.one[i] != labels.one[0]
                       : memcmp(labels.set, labels.set + i * labels.set_bytes,
                                labels.set_bytes) != 0)
            return false;
    return count > 0;
}

bool dataset_decode_sample(struct dataset *dataset, enum dataset_split split, size_t i,
                           const uint8_t *data, uint8_t *pixels)
{
    const struct dataset_info *info = &dataset->info;
    char unused[STATUS_TEXT];
    status_capture(unused);
    enum status st =
        treatment_decode(&info->treatment, data, dataset_stored_bytes(dataset, split, i),
                         "picture", info->shape, pixels);
    status_capture(NULL);
    return st == ST_OK;
}

void dataset_fail(struct dataset *dataset, enum dataset_split split, uint64_t i)
{
    atomic_store(&dataset->failed, i * DATASET_SPLITS + (uint64_t)split + 1);
}

bool dataset_failed(const struct dataset *dataset)
{
    return atomic_load_explicit(&dataset->failed, memory_order_relaxed) != 0;
}

/* Decodes the image again, now with the message. */
enum status dataset_failure(struct dataset *dataset)
{
    const struct dataset_info *info = &dataset->info;
    uint64_t failed = atomic_exchange(&dataset->failed, 0);
    if (failed == 0)
        return ST_OK;
    enum dataset_split split = (enum dataset_split)((failed - 1) % DATASET_SPLITS);
    size_t i = (size_t)((failed - 1) / DATASET_SPLITS);
    uint8_t *pixels = mem_zeroed(dataset_image_bytes(info->shape), 1);
    enum status st = dataset_read_rows(info, split, i, 1, pixels, NULL);
    free(pixels);
    TRY(st);
    FAIL(ST_FAIL, "%s image %zu of '%s' could not be decoded, but now it can",
         dataset_split_name[split], i, info->path);
}
