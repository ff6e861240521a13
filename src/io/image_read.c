#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/mem.h"
#include "image_impl.h"

#define LENGTH(a)        (sizeof(a) / sizeof((a)[0]))
#define IMAGE_LOAD_FIRST ((size_t)1 << 16) /* bytes */

static const struct image_reader *const image_readers[] = {
    &image_reader_png, &image_reader_jpeg, &image_reader_webp, &image_reader_tiff};
#define IMAGE_READABLE "PNG, JPEG, WebP and TIFF"

/* Recognised only so that the message can name them. */
static const struct image_reader image_unreadable[] = {
    {.name = "GIF", .magic = {{"GIF8", 4}}},
    {.name = "BMP", .magic = {{"BM????\0\0\0\0", 10}}},
    {.name = "HEIF",
     .magic = {{"????ftypheic", 12}, {"????ftypmif1", 12}, {"????ftypavif", 12}}},
};

static bool image_magic_fits(const struct image_magic *magic, const uint8_t *data,
                             size_t bytes)
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

/* NULL: none reads a file that begins so. */
static const struct image_reader *image_find_reader(const uint8_t *data, size_t bytes)
{
    for (size_t i = 0; i < LENGTH(image_readers); i++)
        if (image_reader_fits(image_readers[i], data, bytes))
            return image_readers[i];
    return NULL;
}

static enum status image_refuse(const char *name, const uint8_t *data, size_t bytes)
{
    for (size_t i = 0; i < LENGTH(image_unreadable); i++)
        if (image_reader_fits(&image_unreadable[i], data, bytes))
            FAIL(ST_FAIL,
                 "'%s' is a %s image, which lockstep cannot read yet: convert it to PNG",
                 name, image_unreadable[i].name);
    if (bytes == 0)
        FAIL(ST_FAIL, "'%s' is an empty file, not an image", name);
    FAIL(ST_FAIL, "'%s' is not an image: lockstep reads " IMAGE_READABLE, name);
}

enum status image_decode(struct image *image, const uint8_t *data, size_t bytes,
                         const char *name, const struct image_options *options,
                         struct image_facts *facts)
{
    struct image_options standard = {0};
    struct image_facts unasked;
    const struct image_source source = {data, bytes, name, options ? options : &standard};
    facts = facts ? facts : &unasked;
    *image = (struct image){0};
    *facts = (struct image_facts){0};
    const struct image_reader *reader = image_find_reader(data, bytes);
    if (!reader)
        return image_refuse(name, data, bytes);
    facts->kind = reader->name;
    struct image_raster raster = {.orientation = 1};
    enum status st = reader->read(&raster, &source, facts);
    if (st == ST_OK)
        image_from_raster(image, &raster, source.options, facts);
    free(raster.byte);
    free(raster.word);
    return st;
}

/* At most `most` bytes, and one more if there are more. Of what is no image, the
   beginning is enough. */
static uint8_t *image_load_from(FILE *file, size_t most, size_t *bytes)
{
    struct stat s;
    size_t room = IMAGE_LOAD_FIRST; /* a pipe has no size beforehand */
    if (fstat(fileno(file), &s) == 0 && S_ISREG(s.st_mode) && (size_t)s.st_size <= most)
        room = (size_t)s.st_size + IMAGE_MAGIC_BYTES + 1;
    uint8_t *data = mem_resize(NULL, room, 1);
    *bytes = fread(data, 1, IMAGE_MAGIC_BYTES, file);
    if (!image_find_reader(data, *bytes))
        return data;
    *bytes += fread(data + *bytes, 1, room - *bytes, file);
    while (*bytes == room && room <= most) {
        room = 2 * room <= most ? 2 * room : most + 1;
        data = mem_resize(data, room, 1);
        *bytes += fread(data + *bytes, 1, room - *bytes, file);
    }
    return data;
}

static enum status image_open(const char *path, FILE **file)
{
    if (fs_is_folder(path))
        FAIL(ST_FAIL, "cannot read '%s': it is a folder, not an image", path);
    *file = fopen(path, "rb");
    if (!*file)
        FAIL(ST_FAIL, "cannot open '%s': %s", path, strerror(errno));
    setvbuf(*file, NULL, _IONBF, 0);
    return ST_OK;
}

static enum status image_refuse_length(const char *path)
{
    FAIL(ST_FAIL, "'%s' is too large for an image: lockstep reads up to %zu MB", path,
         IMAGE_BYTES_MAX >> 20);
}

enum status image_load(const char *path, uint8_t **data, size_t *bytes)
{
    FILE *file;
    *data = NULL;
    if (fs_bytes(path) > IMAGE_BYTES_MAX)
        return image_refuse_length(path);
    TRY(image_open(path, &file));
    *data = image_load_from(file, IMAGE_BYTES_MAX, bytes);
    enum status st = ST_OK;
    if (ferror(file))
        st = status_fail(ST_FAIL, "cannot read '%s': %s", path, strerror(errno));
    else if (*bytes > IMAGE_BYTES_MAX)
        st = image_refuse_length(path);
    fclose(file);
    return st;
}

enum status image_read_file(struct image *image, const char *path,
                            const struct image_options *options,
                            struct image_facts *facts)
{
    uint8_t *data;
    size_t bytes;
    *image = (struct image){0};
    if (facts)
        *facts = (struct image_facts){0};
    enum status st = image_load(path, &data, &bytes);
    if (st == ST_OK)
        st = image_decode(image, data, bytes, path, options, facts);
    free(data);
    return st;
}

enum status image_read(struct image *image, const char *path)
{
    return image_read_file(image, path, NULL, NULL);
}

const char *image_kind_of(const uint8_t *data, size_t bytes)
{
    const struct image_reader *reader = image_find_reader(data, bytes);
    return reader ? reader->name : NULL;
}

const char *image_kind(const char *path)
{
    uint8_t head[IMAGE_MAGIC_BYTES];
    FILE *file = fs_is_folder(path) ? NULL : fopen(path, "rb");
    if (!file)
        return NULL;
    setvbuf(file, NULL, _IONBF, 0);
    size_t bytes = fread(head, 1, sizeof head, file);
    fclose(file);
    return image_kind_of(head, bytes);
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
