/*
 * fuzz_image: one image of one kind, decoded and scaled. Input: flags, height, width, the
 * file.
 */
#ifndef LOCKSTEP_TESTS_FUZZ_IMAGE_H
#define LOCKSTEP_TESTS_FUZZ_IMAGE_H

#include <string.h>

#include "fuzz.h"
#include "io/image.h"

static int fuzz_image(const char *kind, const uint8_t *data, size_t size)
{
    struct fuzz_bytes bytes = {data, size};
    uint8_t flags = fuzz_byte(&bytes), out[256 * 256 * 3];
    int h = 1 + fuzz_byte(&bytes), w = 1 + fuzz_byte(&bytes);
    const struct image_options options = {
        .range = (enum image_range)(flags / 16 % 3),
        .low = 100,
        .high = 4000,
        .least_h = flags & 4 ? h : 0,
        .least_w = flags & 4 ? w : 0,
    };
    struct image image;
    struct image_facts facts;
    const char *found = image_kind_of(bytes.data, bytes.size);
    if (!found || strcmp(found, kind) != 0)
        return 0;
    if (image_decode(&image, bytes.data, bytes.size, "input", &options, &facts) !=
        ST_OK) {
        FUZZ_CHECK(!image.pixel);
        return 0;
    }
    FUZZ_CHECK(image.h > 0 && image.w > 0 && (image.c == 1 || image.c == 3));
    FUZZ_CHECK(facts.file_h > 0 && facts.file_w > 0);
    if (flags & 8)
        image_to_channels(&image, 4 - image.c);
    image_fit(&image, (enum image_fit)(flags % 3), NULL, h, w, out);
    image_release(&image);
    return 0;
}

#endif
