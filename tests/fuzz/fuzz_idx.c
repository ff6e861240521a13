/* IDX files. Input: flags, length of the images' file, that file, the labels' file. */
#include "data/import.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_bytes bytes = {data, size};
    uint8_t flags = fuzz_byte(&bytes);
    struct fuzz_bytes images = fuzz_part(&bytes);
    const struct import_idx_options options = {
        .images = {fuzz_file("images", images.data, images.size)},
        .labels = {fuzz_file("labels", bytes.data, bytes.size)},
        .table = {.classes = flags & 1 ? "digits" : NULL,
                  .transpose = flags & 2,
                  .label_base = flags & 4 ? 1 : 0,
                  .max_value = flags & 16 ? 20 : 0,
                  .allow_empty = flags & 8},
    };
    struct dataset_builder builder;
    if (import_idx(&options, &builder) != ST_OK)
        return 0;
    (void)!dataset_write(&builder, fuzz_path("out.h5"), flags & 8);
    dataset_builder_release(&builder);
    return 0;
}
