#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/mem.h"
#include "image_impl.h"
#include "io/kind.h"

#define IMAGE_LOAD_FIRST ((size_t)1 << 16) /* bytes */

#define IMAGE_READABLE "PNG, JPEG, WebP and TIFF"

static enum status image_refuse(const char *name, const uint8_t *data, size_t bytes)
{
    struct kind kind = kind_of_bytes(data, bytes);
    if (kind.class == KIND_IMAGE)
        FAIL(ST_FAIL, "'%s' is %s, which lockstep cannot read yet: %s", name, kind.words,
             kind.advice);
    if (kind.class == KIND_EMPTY)
        return kind_refuse_as(&kind, name, "an image");
    return kind_refuse_as(&kind, name, "an image: lockstep reads " IMAGE_READABLE);
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
    *facts = (struct image_facts){.bytes = bytes};
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
        room = (size_t)s.st_size + KIND_HEAD_BYTES + 1;
    uint8_t *data = mem_resize(NULL, room, 1);
    *bytes = fread(data, 1, KIND_HEAD_BYTES, file);
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
