/* dataset: images are read from the file as they are needed. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dataset_store.h"
#include "io/h5file.h"

#define RUN_BYTES ((size_t)8 << 20)  /* read at once, at most */
#define GAP_BYTES ((size_t)16 << 10) /* a gap this small is read, not skipped */

/* A sample to fetch: a row of the file, and its place in the result. */
struct dataset_pick {
    uint64_t row;
    size_t place; /* in bytes */
};

static int dataset_pick_by_row(const void *a, const void *b)
{
    const struct dataset_pick *x = a, *y = b;
    return (x->row > y->row) - (x->row < y->row);
}

/* Picks [0, n) are close together in the file: one read, then a copy to each place. */
static enum status store_fetch_run(struct dataset_store *store, enum dataset_split split,
                                   const struct dataset_pick *pick, size_t n,
                                   uint8_t *images)
{
    uint64_t first = pick[0].row, rows = pick[n - 1].row - first + 1;
    struct dataset_extent extent = store->extent;
    size_t bytes = dataset_extent_bytes(extent, first, rows);
    if (n == 1)
        return dataset_read_bytes(store->file, split, extent, first, 1,
                                  images + pick[0].place);
    if (bytes > store->run_room)
        store->run = mem_resize(store->run, store->run_room = bytes, 1);
    TRY(dataset_read_bytes(store->file, split, extent, first, rows, store->run));
    for (size_t i = 0; i < n; i++)
        memcpy(images + pick[i].place,
               store->run + (dataset_at(extent, pick[i].row) - dataset_at(extent, first)),
               dataset_extent_bytes(extent, pick[i].row, 1));
    return ST_OK;
}

/* Picks [0, n) have been read. */
static void store_compare(const struct dataset_store *store,
                          const struct dataset_pick *pick, size_t n,
                          const uint8_t *images, struct dataset_damage *damage)
{
    for (size_t i = 0; store->hashes && i < n; i++) {
        const struct dataset_rows row = {
            .first = pick[i].row,
            .rows = 1,
            .extent = dataset_extent_from(store->extent, pick[i].row),
            .images = images + pick[i].place,
            .labels = dataset_labels_from(store->labels, pick[i].row),
            .hashes = store->hashes + pick[i].row,
        };
        dataset_damage_add(damage, &row);
    }
}

void dataset_reserve(struct dataset *dataset, enum dataset_split split, size_t n)
{
    struct dataset_store *store = dataset->store[split];
    size_t all = dataset->info.bytes[split];
    if (!store->run) {
        store->run_room = all < 2 * RUN_BYTES ? all : 2 * RUN_BYTES;
        store->run = mem_resize(NULL, store->run_room + 1, 1);
    }
    if (n > store->picks) {
        store->picks = n;
        store->pick = mem_resize(store->pick, n, sizeof *store->pick);
    }
}

/* The end of the run that begins with pick[begin]: small gaps, about RUN_BYTES at
   most. */
static size_t store_run_end(const struct dataset_store *store, size_t begin, size_t n)
{
    const struct dataset_pick *pick = store->pick;
    struct dataset_extent extent = store->extent;
    size_t end = begin + 1;
    for (; end < n; end++) {
        uint64_t after = dataset_at(extent, pick[end - 1].row + 1);
        uint64_t next = dataset_at(extent, pick[end].row);
        if ((next > after && next - after > GAP_BYTES) ||
            next - dataset_at(extent, pick[begin].row) >= RUN_BYTES)
            break;
    }
    return end;
}

enum status dataset_fetch(struct dataset *dataset, enum dataset_split split,
                          const uint64_t *index, size_t n, uint8_t *images,
                          struct dataset_reading *reading)
{
    struct dataset_store *store = dataset->store[split];
    struct dataset_damage damage = {0};
    size_t place = 0;
    if (n == 0)
        return ST_OK;
    dataset_reserve(dataset, split, n);
    for (size_t i = 0; i < n; i++) {
        store->pick[i] = (struct dataset_pick){index[i], place};
        place += dataset_extent_bytes(store->extent, index[i], 1);
    }
    qsort(store->pick, n, sizeof *store->pick, dataset_pick_by_row);
    for (size_t i = 0, end; i < n; i = end) {
        end = store_run_end(store, i, n);
        TRY(store_fetch_run(store, split, store->pick + i, end - i, images));
        store_compare(store, store->pick + i, end - i, images, &damage);
        if (!reading)
            continue;
        atomic_fetch_add_explicit(&reading->rows, end - i, memory_order_relaxed);
        if (atomic_load_explicit(&reading->quit, memory_order_relaxed))
            return ST_AGAIN;
    }
    return dataset_damage_check(&damage, &dataset->info, split, n);
}
