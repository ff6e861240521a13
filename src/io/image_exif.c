/* The orientation in EXIF data (TIFF 6.0, section 2; EXIF 2.32, tag 0x0112). */
#include "image_impl.h"

#define EXIF_ORIENTATION 0x0112
#define EXIF_SHORT       3
#define EXIF_HEAD        8  /* bytes: byte order, 42, where the first directory is */
#define EXIF_ENTRY       12 /* bytes: tag, type, count, value */

struct exif {
    const uint8_t *data;
    bool big_endian;
};

static uint32_t exif_number(const struct exif *exif, size_t at, int bytes)
{
    uint32_t x = 0;
    for (int i = 0; i < bytes; i++)
        x = x << 8 | exif->data[at + (size_t)(exif->big_endian ? i : bytes - 1 - i)];
    return x;
}

int image_exif_orientation(const uint8_t *data, size_t bytes)
{
    if (bytes < EXIF_HEAD || data[0] != data[1] || (data[0] != 'I' && data[0] != 'M'))
        return 1;
    const struct exif exif = {data, data[0] == 'M'};
    size_t at = exif_number(&exif, 4, 4);
    if (exif_number(&exif, 2, 2) != 42 || at > bytes || bytes - at < 2)
        return 1;
    uint32_t entries = exif_number(&exif, at, 2);
    at += 2;
    for (; entries > 0 && bytes - at >= EXIF_ENTRY; entries--, at += EXIF_ENTRY) {
        if (exif_number(&exif, at, 2) != EXIF_ORIENTATION)
            continue;
        uint32_t value = exif_number(&exif, at + 8, 2);
        bool sound =
            exif_number(&exif, at + 2, 2) == EXIF_SHORT && value >= 1 && value <= 8;
        return sound ? (int)value : 1;
    }
    return 1;
}
