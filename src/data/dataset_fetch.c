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
    size_t place;
};

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

/* Picks [0, n) have been read. */
static void store_compare(const struct dataset_store *store, size_t image,
                          const struct dataset_pick *pick, size_t n,
                          const uint8_t *images, struct dataset_damage *damage)
{
    for (size_t i = 0; store->hashes && i < n; i++) {
        const struct dataset_rows row = {
            .first = pick[i].row,
            .rows = 1,
            .image = image,
            .images = images + pick[i].place * image,
            .labels = store->labels + pick[i].row,
            .hashes = store->hashes + pick[i].row,
        };
        dataset_damage_add(damage, &row);
    }
}

void dataset_reserve(struct dataset *dataset, enum dataset_split split, size_t n)
{
    struct dataset_store *store = dataset->store[split];
    size_t image = dataset_image_bytes(dataset->info.shape);
    size_t count = dataset->info.count[split];
    size_t rows = RUN_BYTES / image + 1; /* of a run */
    if (!store->run)
        store->run = mem_resize(NULL, rows < count ? rows : count, image);
    if (n > store->picks) {
        store->picks = n;
        store->pick = mem_resize(store->pick, n, sizeof *store->pick);
    }
}

/* The end of the run that begins with pick[begin]: small gaps, at most RUN_BYTES.
 */
static size_t dataset_run_end(const struct dataset_pick *pick, size_t begin, size_t n,
                              size_t image)
{
    size_t gap = GAP_BYTES / image, end = begin + 1;
    while (end < n && pick[end].row - pick[end - 1].row <= gap + 1 &&
           (pick[end].row - pick[begin].row) * image < RUN_BYTES)
        end++;
    return end;
}

enum status dataset_fetch(struct dataset *dataset, enum dataset_split split,
                          const uint64_t *index, size_t n, uint8_t *images,
                          struct dataset_reading *reading)
{
    struct dataset_store *store = dataset->store[split];
    size_t image = dataset_image_bytes(dataset->info.shape);
    struct dataset_damage damage = {0};
    if (n == 0)
        return ST_OK;
    dataset_reserve(dataset, split, n);
    for (size_t i = 0; i < n; i++)
        store->pick[i] = (struct dataset_pick){index[i], i};
    qsort(store->pick, n, sizeof *store->pick, dataset_pick_by_row);
    for (size_t i = 0, end; i < n; i = end) {
        end = dataset_run_end(store->pick, i, n, image);
        TRY(store_fetch_run(store, image, split, store->pick + i, end - i, images));
        store_compare(store, image, store->pick + i, end - i, images, &damage);
        if (!reading)
            continue;
        atomic_fetch_add_explicit(&reading->rows, end - i, memory_order_relaxed);
        if (atomic_load_explicit(&reading->quit, memory_order_relaxed))
            return ST_AGAIN;
    }
    return dataset_damage_check(&damage, &dataset->info, split, n);
}
