/* Folders of PNG images: flags, height and width, an image with its length before it, and
   another, each in a class of its own. Checksums are set right after every mutation, or
   hardly any input would get past them. */
#include <string.h>
#include <zlib.h>

#include "data/import.h"
#include "fuzz.h"

static const uint8_t signature[8] = "\x89PNG\r\n\x1a\n";

static uint32_t big_endian(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Of the chunks from `at`, as far as they go. */
static void mend_chunks(uint8_t *data, size_t size, size_t at)
{
    while (size - at >= 12) {
        size_t length = big_endian(data + at);
        if (length > size - at - 12)
            return;
        uint8_t *sum = data + at + 8 + length;
        uint32_t crc = (uint32_t)crc32(0, data + at + 4, (uInt)length + 4);
        for (int i = 0; i < 4; i++)
            sum[i] = (uint8_t)(crc >> (24 - 8 * i));
        at += 12 + length;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
    size = LLVMFuzzerMutate(data, size, room);
    if (seed % 8 == 0)
        return size;
    for (size_t i = 0; i + sizeof signature <= size; i++)
        if (memcmp(data + i, signature, sizeof signature) == 0)
            mend_chunks(data, size, i + sizeof signature);
    return size;
}

static void put_image(const char *class, struct fuzz_bytes image)
{
    char name[64];
    FUZZ_CHECK(fs_make_folder(fuzz_path("png")) == ST_OK);
    snprintf(name, sizeof name, "png/%s", class);
    FUZZ_CHECK(fs_make_folder(fuzz_path(name)) == ST_OK);
    snprintf(name, sizeof name, "png/%s/1.png", class);
    fuzz_file(name, image.data, image.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_bytes bytes = {data, size};
    uint8_t flags = fuzz_byte(&bytes);
    const struct import_dir_options options = {
        .folder = {fuzz_path("png"), flags & 4 ? fuzz_path("png") : NULL},
        .test_share = 0.5,
        .seed = 1,
        .h = 1 + fuzz_byte(&bytes),
        .w = 1 + fuzz_byte(&bytes),
        .invert = flags % 4 - 1,
    };
    put_image("1", fuzz_part(&bytes));
    put_image("2", bytes);
    struct dataset_builder builder;
    if (import_dir(&options, &builder) != ST_OK)
        return 0;
    (void)!dataset_write(&builder, fuzz_path("out.h5"), false);
    dataset_builder_release(&builder);
    return 0;
}
