/* CSV files. Input: flags, then the file. */
#include "data/import.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_bytes bytes = {data, size};
    uint8_t flags = fuzz_byte(&bytes);
    const char *path = fuzz_file("a.csv", bytes.data, bytes.size);
    const struct import_csv_options options = {
        .file = {path, flags & 1 ? path : NULL},
        .table = {.classes = flags & 2 ? "cat,dog,mouse" : NULL,
                  .transpose = flags & 4,
                  .label_base = flags & 8 ? 1 : 0,
                  .max_value = flags & 64 ? 16 : 0,
                  .allow_empty = flags & 32},
        .label_column = flags & 128 ? "last" : NULL,
        .h = flags & 16 ? 2 : 0,
        .w = flags & 16 ? 3 : 0,
    };
    struct dataset_builder builder;
    if (import_csv(&options, &builder) != ST_OK)
        return 0;
    (void)!dataset_write(&builder, fuzz_path("out.h5"), flags & 32);
    dataset_builder_release(&builder);
    return 0;
}
