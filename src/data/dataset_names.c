/* dataset: the splits and what their arrays are called. */
#include <string.h>

#include "dataset_impl.h"

const char *const dataset_split_name[DATASET_SPLITS] = {"train", "val", "test"};
const char *const dataset_images_name[DATASET_SPLITS] = {"/train/images", "/val/images",
                                                         "/test/images"};
const char *const dataset_labels_name[DATASET_SPLITS] = {"/train/labels", "/val/labels",
                                                         "/test/labels"};
const char *const dataset_paths_name[DATASET_SPLITS] = {"/train/paths", "/val/paths",
                                                        "/test/paths"};
const char *const dataset_encoded_name[DATASET_SPLITS] = {
    "/train/encoded", "/val/encoded", "/test/encoded"};
const char *const dataset_offsets_name[DATASET_SPLITS] = {
    "/train/offsets", "/val/offsets", "/test/offsets"};
const char *const dataset_hashes_name[DATASET_SPLITS] = {"/train/hashes", "/val/hashes",
                                                         "/test/hashes"};

enum status dataset_split_named(const char *name, const char *option,
                                enum dataset_split *split)
{
    for (int s = 0; s < DATASET_SPLITS; s++) {
        if (strcmp(name, dataset_split_name[s]) != 0)
            continue;
        *split = s;
        return ST_OK;
    }
    FAIL(ST_USAGE, "'--%s %s': expected train, val or test", option, name);
}

enum dataset_split dataset_choosing(const struct dataset_info *info)
{
    return info->count[DATASET_VAL] > 0 ? DATASET_VAL : DATASET_TEST;
}
