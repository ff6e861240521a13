/* Images to PNG files, by libpng. */
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "io/image.h"

struct png_output {
    uint8_t *data; /* owned */
    size_t bytes, room;
};

static void png_output_add(png_structp png, png_bytep data, size_t bytes)
{
    struct png_output *output = png_get_io_ptr(png);
    if (output->bytes + bytes > output->room) {
        output->room = 2 * output->room + bytes;
        output->data = mem_resize(output->data, output->room, 1);
    }
    memcpy(output->data + output->bytes, data, bytes);
    output->bytes += bytes;
}

static void png_output_flush(png_structp png)
{
    (void)png;
}

/* Only a bug: memory takes all, and the image is well formed. */
static void png_output_on_error(png_structp png, png_const_charp text)
{
    (void)text;
    longjmp(png_jmpbuf(png), 1);
}

static void png_output_on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void png_encode(png_structp png, png_infop info, const struct image *image)
{
    int error = setjmp(png_jmpbuf(png));
    ASSERT(error == 0);
    png_set_IHDR(png, info, (png_uint_32)image->w, (png_uint_32)image->h, 8,
                 image->c == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (int y = 0; y < image->h; y++)
        png_write_row(png,
                      image->pixel + (size_t)y * (size_t)image->w * (size_t)image->c);
    png_write_end(png, NULL);
}

uint8_t *image_png(const struct image *image, size_t *bytes)
{
    struct png_output output = {0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL,
                                              png_output_on_error, png_output_on_warning);
    ASSERT(png);
    png_infop info = png_create_info_struct(png);
    ASSERT(info);
    png_set_write_fn(png, &output, png_output_add, png_output_flush);
    png_encode(png, info, image);
    png_destroy_write_struct(&png, &info);
    *bytes = output.bytes;
    return output.data;
}

enum status image_write_png(const struct image *image, const char *path)
{
    struct fs_writer writer;
    size_t bytes;
    TRY(fs_write_begin(&writer, path));
    uint8_t *data = image_png(image, &bytes);
    fwrite(data, 1, bytes, writer.file); /* the writer remembers a failure */
    free(data);
    return fs_write_end(&writer);
}
