/* PNG, by libpng. */
#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "image_impl.h"

#define PNG_SIDE_MAX  65535
#define AREA_MAX      ((size_t)1 << 26) /* pixels; decoding takes five bytes for each */
#define INFLATE_RATIO 1032 /* bytes that one compressed byte yields at most (zlib) */

/* libpng reports errors by longjmp, after which local variables that have changed are
   undefined: what is needed after a jump is kept here. */
struct png_codec {
    FILE *file; /* borrowed */
    png_structp png;
    png_infop info;
    png_bytep rgba; /* owned: (h, w, 4); reading only */
    png_bytepp row; /* owned: (h) pointers to where each row begins */
    char reason[128];
};

static void png_codec_on_error(png_structp png, png_const_charp text)
{
    struct png_codec *codec = png_get_error_ptr(png);
    snprintf(codec->reason, sizeof codec->reason, "%s", text);
    longjmp(png_jmpbuf(png), 1);
}

static void png_codec_on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void png_codec_set_rows(struct png_codec *codec, png_bytep bytes, size_t h,
                               size_t row_bytes)
{
    codec->row = mem_zeroed(h, sizeof *codec->row);
    for (size_t y = 0; y < h; y++)
        codec->row[y] = bytes + y * row_bytes;
}

static void png_codec_release(struct png_codec *codec)
{
    free(codec->row);
    free(codec->rgba);
}

/* libpng converts every kind of pixel to 8-bit RGBA. */
static void png_codec_convert_to_rgba(struct png_codec *codec)
{
    png_structp png = codec->png;
    int color = png_get_color_type(png, codec->info);
    png_set_expand(png); /* palettes, fewer than 8 bits, a transparent colour */
    png_set_scale_16(png);
    if (color == PNG_COLOR_TYPE_GRAY || color == PNG_COLOR_TYPE_GRAY_ALPHA)
        png_set_gray_to_rgb(png);
    png_set_add_alpha(png, 255, PNG_FILLER_AFTER);
    png_set_interlace_handling(png);
    png_read_update_info(png, codec->info);
}

/* Refuses a header that announces more pixels than the file can hold, before memory is
   allocated for them. */
static void png_codec_check_size(struct png_codec *codec, size_t h, size_t w)
{
    struct stat s;
    size_t row = png_get_rowbytes(codec->png, codec->info);
    if (h * w > AREA_MAX)
        png_error(codec->png, "too many pixels");
    if (fstat(fileno(codec->file), &s) != 0 ||
        h * row / INFLATE_RATIO > (uint64_t)s.st_size)
        png_error(codec->png, "too short for its size");
}

/* Into codec->rgba. false: codec->reason says why. */
static bool png_codec_decode(struct png_codec *codec, struct image *image)
{
    if (setjmp(png_jmpbuf(codec->png)))
        return false;
    png_init_io(codec->png, codec->file);
    png_set_user_limits(codec->png, PNG_SIDE_MAX, PNG_SIDE_MAX);
    /* Skip texts, colour profiles and the like, which may be of any length. */
    png_set_keep_unknown_chunks(codec->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_read_info(codec->png, codec->info);
    size_t h = png_get_image_height(codec->png, codec->info);
    size_t w = png_get_image_width(codec->png, codec->info);
    png_codec_check_size(codec, h, w);
    png_codec_convert_to_rgba(codec);
    codec->rgba = mem_zeroed(h * w, 4);
    png_codec_set_rows(codec, codec->rgba, h, 4 * w);
    png_read_image(codec->png, codec->row);
    png_read_end(codec->png, NULL);
    image->h = (int)h;
    image->w = (int)w;
    return true;
}

/* Luma by ITU-R BT.601, composed over white where transparent. */
static void image_from_rgba(struct image *image, const uint8_t *rgba)
{
    size_t n = (size_t)image->h * (size_t)image->w;
    image->pixel = mem_zeroed(n, 1);
    for (size_t i = 0; i < n; i++, rgba += 4) {
        unsigned luma = (299u * rgba[0] + 587u * rgba[1] + 114u * rgba[2] + 500) / 1000;
        unsigned on_white = luma * rgba[3] + 255u * (255u - rgba[3]);
        image->pixel[i] = (uint8_t)((on_white + 127) / 255);
    }
}

static enum status image_read_png(struct image *image, FILE *file, const char *path)
{
    struct png_codec codec = {.file = file};
    codec.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &codec, png_codec_on_error,
                                       png_codec_on_warning);
    ASSERT(codec.png);
    codec.info = png_create_info_struct(codec.png);
    ASSERT(codec.info);
    enum status st = ST_OK;
    if (png_codec_decode(&codec, image))
        image_from_rgba(image, codec.rgba);
    else
        st = status_fail(ST_FAIL, "cannot read PNG image '%s': %s", path, codec.reason);
    png_destroy_read_struct(&codec.png, &codec.info, NULL);
    png_codec_release(&codec);
    return st;
}

static bool png_codec_encode(struct png_codec *codec, const struct image *image)
{
    if (setjmp(png_jmpbuf(codec->png)))
        return false;
    png_init_io(codec->png, codec->file);
    png_set_IHDR(codec->png, codec->info, (png_uint_32)image->w, (png_uint_32)image->h, 8,
                 PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(codec->png, codec->info);
    png_codec_set_rows(codec, image->pixel, (size_t)image->h, (size_t)image->w);
    png_write_image(codec->png, codec->row);
    png_write_end(codec->png, NULL);
    return true;
}

enum status image_write_png(const struct image *image, const char *path)
{
    struct png_codec codec = {0};
    char temp[FS_PATH];
    TRY(fs_temp_name(temp, path));
    codec.file = fopen(temp, "wb");
    if (!codec.file)
        FAIL(ST_FAIL, "cannot write '%s': %s", path, strerror(errno));
    codec.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &codec, png_codec_on_error,
                                        png_codec_on_warning);
    ASSERT(codec.png);
    codec.info = png_create_info_struct(codec.png);
    ASSERT(codec.info);
    errno = 0;
    bool good = png_codec_encode(&codec, image) && fflush(codec.file) == 0;
    int error = errno;
    png_destroy_write_struct(&codec.png, &codec.info);
    png_codec_release(&codec);
    fclose(codec.file);
    if (good)
        return fs_commit(temp, path);
    unlink(temp);
    FAIL(ST_FAIL, "cannot write '%s': %s", path, error ? strerror(error) : codec.reason);
}

const struct image_reader image_reader_png = {
    .name = "PNG",
    .magic = {{"\x89PNG\r\n\x1a\n", 8}},
    .read = image_read_png,
};
