/* Data sets and metrics, as `show`, `data info --verify` and training read them. */
#include "app/cli/commands.h"
#include "data/dataset_verify.h"
#include "fuzz_h5.h"

static void read_first(const struct dataset_info *info, enum dataset_split split)
{
    size_t n = info->count[split] < 3 ? info->count[split] : 3;
    size_t image = dataset_image_bytes(info->shape);
    uint8_t *images = malloc(n * image + 1);
    struct dataset_labels labels;
    (void)!dataset_read_rows(info, split, 0, n, images, NULL);
    if (dataset_read_labels(info, split, 0, n, &labels) == ST_OK)
        for (size_t i = 0; i < n; i++) {
            int most = info->multi_label ? 8 * (int)labels.set_bytes : UINT16_MAX + 1;
            FUZZ_CHECK(dataset_labels_next(&labels, i, most, info->classes) < 0);
        }
    dataset_labels_release(&labels);
    free(images);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file("a.h5", data, size);
    struct dataset_info info;
    struct dataset_damage damage[DATASET_SPLITS];
    uint64_t hash;
    (void)!cmd_show(NULL, 1, (char *[]){(char *)(uintptr_t)path, NULL});
    if (dataset_info_read(&info, path) != ST_OK)
        return 0;
    (void)!dataset_hash_file(&info, &hash, damage);
    for (int trusted = 0; trusted < 2; trusted++) {
        info.trusted = trusted;
        for (int s = 0; s < DATASET_SPLITS; s++)
            read_first(&info, s);
    }
    dataset_info_release(&info);
    return 0;
}
