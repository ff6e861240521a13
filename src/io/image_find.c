/* Finds the reader of an image by the first bytes of its file. */
#include <stdio.h>
#include <string.h>

#include "image_impl.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static const struct image_reader *const image_readers[] = {
    &image_reader_png, &image_reader_jpeg, &image_reader_webp, &image_reader_tiff};

bool image_magic_fits(const struct image_magic *magic, const uint8_t *data, size_t bytes)
{
    if (magic->length == 0 || (size_t)magic->length > bytes)
        return false;
    for (int i = 0; i < magic->length; i++)
        if (magic->pattern[i] != '?' && (uint8_t)magic->pattern[i] != data[i])
            return false;
    return true;
}

static bool image_reader_fits(const struct image_reader *reader, const uint8_t *data,
                              size_t bytes)
{
    for (int i = 0; i < IMAGE_MAGICS; i++)
        if (image_magic_fits(&reader->magic[i], data, bytes))
            return true;
    return false;
}

const struct image_reader *image_find_reader(const uint8_t *data, size_t bytes)
{
    for (size_t i = 0; i < LENGTH(image_readers); i++)
        if (image_reader_fits(image_readers[i], data, bytes))
            return image_readers[i];
    return NULL;
}

const char *image_kind_of(const uint8_t *data, size_t bytes)
{
    const struct image_reader *reader = image_find_reader(data, bytes);
    return reader ? reader->name : NULL;
}

void image_decoders(char text[IMAGE_DECODERS])
{
    size_t used = 0;
    *text = '\0';
    for (size_t i = 0; i < LENGTH(image_readers); i++) {
        if (!image_readers[i]->decoder)
            continue;
        if (used > 0)
            used += (size_t)snprintf(text + used, IMAGE_DECODERS - used, ", ");
        image_readers[i]->decoder(text + used, IMAGE_DECODERS - used);
        used += strlen(text + used);
    }
}
