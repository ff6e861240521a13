/* Images to PNG files, by libpng. */
#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "io/image.h"

/* What is needed after libpng's longjmp. */
struct png_output {
    struct fs_writer writer;
    png_structp png;
    png_infop info;
    char reason[128];
};

static void png_output_on_error(png_structp png, png_const_charp text)
{
    struct png_output *output = png_get_error_ptr(png);
    snprintf(output->reason, sizeof output->reason, "%s", text);
    longjmp(png_jmpbuf(png), 1);
}

static void png_output_on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static bool png_output_encode(struct png_output *output, const struct image *image)
{
    if (setjmp(png_jmpbuf(output->png)))
        return false;
    png_init_io(output->png, output->writer.file);
    png_set_IHDR(output->png, output->info, (png_uint_32)image->w, (png_uint_32)image->h,
                 8, image->c == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(output->png, output->info);
    for (int y = 0; y < image->h; y++)
        png_write_row(output->png,
                      image->pixel + (size_t)y * (size_t)image->w * (size_t)image->c);
    png_write_end(output->png, NULL);
    return true;
}

enum status image_write_png(const struct image *image, const char *path)
{
    struct png_output output = {0};
    TRY(fs_write_begin(&output.writer, path));
    output.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &output,
                                         png_output_on_error, png_output_on_warning);
    ASSERT(output.png);
    output.info = png_create_info_struct(output.png);
    ASSERT(output.info);
    bool good = png_output_encode(&output, image);
    png_destroy_write_struct(&output.png, &output.info);
    if (good || output.writer.error)
        return fs_write_end(&output.writer);
    fs_write_drop(&output.writer);
    FAIL(ST_FAIL, "cannot write '%s': %s", path, output.reason);
}
