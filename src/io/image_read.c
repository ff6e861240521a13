#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/fs.h"
#include "image_impl.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static const struct image_reader *const image_readers[] = {&image_reader_png};

/* Recognised only so that the message can name them. */
static const struct image_reader image_unreadable[] = {
    {.name = "JPEG", .magic = {{"\xff\xd8\xff", 3}}},
    {.name = "WebP", .magic = {{"RIFF????WEBP", 12}}},
    {.name = "TIFF", .magic = {{"II*\0", 4}, {"MM\0*", 4}}},
    {.name = "GIF", .magic = {{"GIF8", 4}}},
    {.name = "BMP", .magic = {{"BM????\0\0\0\0", 10}}},
    {.name = "HEIF",
     .magic = {{"????ftypheic", 12}, {"????ftypmif1", 12}, {"????ftypavif", 12}}},
};

static bool image_magic_fits(const struct image_magic *magic, const char *head,
                             size_t bytes)
{
    if (magic->length == 0 || (size_t)magic->length > bytes)
        return false;
    for (int i = 0; i < magic->length; i++)
        if (magic->pattern[i] != '?' && magic->pattern[i] != head[i])
            return false;
    return true;
}

static bool image_reader_fits(const struct image_reader *reader, const char *head,
                              size_t bytes)
{
    for (int i = 0; i < IMAGE_MAGICS; i++)
        if (image_magic_fits(&reader->magic[i], head, bytes))
            return true;
    return false;
}

/* NULL: none reads a file that begins so. */
static const struct image_reader *image_find_reader(const char *head, size_t bytes)
{
    for (size_t i = 0; i < LENGTH(image_readers); i++)
        if (image_reader_fits(image_readers[i], head, bytes))
            return image_readers[i];
    return NULL;
}

static enum status image_refuse(const char *path, const char *head, size_t bytes)
{
    for (size_t i = 0; i < LENGTH(image_unreadable); i++)
        if (image_reader_fits(&image_unreadable[i], head, bytes))
            FAIL(ST_FAIL,
                 "'%s' is a %s image, which lockstep cannot read yet: convert it to PNG",
                 path, image_unreadable[i].name);
    FAIL(ST_FAIL, "'%s' is not an image: lockstep reads PNG", path);
}

enum status image_read(struct image *image, const char *path)
{
    char head[IMAGE_MAGIC_BYTES];
    *image = (struct image){0};
    if (fs_is_folder(path))
        FAIL(ST_FAIL, "cannot read '%s': it is a folder, not an image", path);
    FILE *file = fopen(path, "rb");
    if (!file)
        FAIL(ST_FAIL, "cannot open '%s': %s", path, strerror(errno));
    size_t bytes = fread(head, 1, sizeof head, file);
    const struct image_reader *reader = image_find_reader(head, bytes);
    rewind(file);
    enum status st =
        reader ? reader->read(image, file, path) : image_refuse(path, head, bytes);
    fclose(file);
    return st;
}
