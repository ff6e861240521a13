/* Folders of images. Input: flags, height, width, the length of an image, that image,
   another image; each image has its own class. Checksums are corrected after most
   mutations: hardly any input would pass them otherwise. */
#include <string.h>
#include <zlib.h>

#include "data/import_pictures.h"
#include "fuzz.h"

static const uint8_t png_signature[8] = "\x89PNG\r\n\x1a\n";

static uint32_t png_read_u32(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Corrects the checksums of the complete chunks from `at` on. */
static void png_correct_checksums(uint8_t *data, size_t size, size_t at)
{
    while (size - at >= 12) {
        size_t length = png_read_u32(data + at);
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
    for (size_t i = 0; i + sizeof png_signature <= size; i++)
        if (memcmp(data + i, png_signature, sizeof png_signature) == 0)
            png_correct_checksums(data, size, i + sizeof png_signature);
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
    const struct import_options options = {
        .share = {-1, -1, 0.5},
        .seed = 1,
        .h = 1 + fuzz_byte(&bytes),
        .w = 1 + fuzz_byte(&bytes),
        .channels = 1,
        .strict = true,
        .threads = 1,
        .invert = flags % 4 ? (enum import_invert)(flags % 4) : IMPORT_INVERT_RECORDED,
        .treatment.invert = TREATMENT_INVERT_EACH,
    };
    struct import_set *set;
    put_image("1", fuzz_part(&bytes));
    put_image("2", bytes);
    enum status st =
        flags & 4 ? import_find_folders(&set, fuzz_path("png"), fuzz_path("png"))
                  : import_find(&set, fuzz_path("png"), IMPORT_FOLDER, IMPORT_LABEL_AUTO);
    if (st != ST_OK)
        return 0;
    (void)!import_write(set, fuzz_path("out.h5"), &options);
    import_set_free(set);
    return 0;
}
