#include "io/image.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

#define SIDE_MAX 65535
#define AREA_MAX ((size_t)1 << 26) /* pixels; decoding takes five bytes for each */
#define DEFLATE_MOST                                                  \
    1032 /* bytes that a compressed one can stand for (zlib's manual) \
          */

/* All that libpng's long jumps pass over lives here, not in local variables. */
struct codec {
    FILE *file;
    png_structp png;
    png_infop info;
    png_bytep bytes; /* owned */
    png_bytepp rows; /* owned: where each row of bytes begins */
    char reason[128];
};

static void on_error(png_structp png, png_const_charp text)
{
    struct codec *codec = png_get_error_ptr(png);
    snprintf(codec->reason, sizeof codec->reason, "%s", text);
    longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void set_rows(struct codec *codec, png_bytep bytes, size_t h, size_t row_bytes)
{
    codec->rows = mem_zeroed(h, sizeof *codec->rows);
    for (size_t y = 0; y < h; y++)
        codec->rows[y] = bytes + y * row_bytes;
}

/* Whatever it is becomes 8-bit RGBA. */
static void ask_for_rgba(struct codec *codec)
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

/* The header may lie: no memory is taken for more than the file can hold. */
static void check_size(struct codec *codec, size_t h, size_t w)
{
    struct stat s;
    size_t row = png_get_rowbytes(codec->png, codec->info);
    if (h * w > AREA_MAX)
        png_error(codec->png, "too many pixels");
    if (fstat(fileno(codec->file), &s) != 0 ||
        h * row / DEFLATE_MOST > (uint64_t)s.st_size)
        png_error(codec->png, "too short for its size");
}

static bool decode(struct codec *codec, struct image *image)
{
    if (setjmp(png_jmpbuf(codec->png)))
        return false;
    png_init_io(codec->png, codec->file);
    png_set_user_limits(codec->png, SIDE_MAX, SIDE_MAX);
    /* Texts, colour profiles and the like, of any length, are passed over. */
    png_set_keep_unknown_chunks(codec->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_read_info(codec->png, codec->info);
    size_t h = png_get_image_height(codec->png, codec->info);
    size_t w = png_get_image_width(codec->png, codec->info);
    check_size(codec, h, w);
    ask_for_rgba(codec);
    codec->bytes = mem_zeroed(h * w, 4);
    set_rows(codec, codec->bytes, h, 4 * w);
    png_read_image(codec->png, codec->rows);
    png_read_end(codec->png, NULL);
    image->h = (int)h;
    image->w = (int)w;
    return true;
}

/* Luma by ITU-R BT.601, laid on white where transparent. */
static void to_grey(struct image *image, const uint8_t *rgba)
{
    size_t n = (size_t)image->h * (size_t)image->w;
    image->pixel = mem_zeroed(n, 1);
    for (size_t i = 0; i < n; i++, rgba += 4) {
        unsigned luma = (299u * rgba[0] + 587u * rgba[1] + 114u * rgba[2] + 500) / 1000;
        unsigned on_white = luma * rgba[3] + 255u * (255u - rgba[3]);
        image->pixel[i] = (uint8_t)((on_white + 127) / 255);
    }
}

static void codec_release(struct codec *codec)
{
    free(codec->rows);
    free(codec->bytes);
    if (codec->file)
        fclose(codec->file);
}

enum status image_read_png(struct image *image, const char *path)
{
    *image = (struct image){0};
    struct codec codec = {0};
    uint8_t magic[8] = {0};
    if (fs_is_folder(path))
        FAIL(ST_FAIL, "cannot read '%s': it is a folder, not a PNG image", path);
    codec.file = fopen(path, "rb");
    if (!codec.file)
        FAIL(ST_FAIL, "cannot open '%s': %s", path, strerror(errno));
    if (fread(magic, 1, sizeof magic, codec.file) < sizeof magic ||
        png_sig_cmp(magic, 0, sizeof magic) != 0) {
        codec_release(&codec);
        FAIL(ST_FAIL, "'%s' is not a PNG image", path);
    }
    rewind(codec.file);
    codec.png =
        png_create_read_struct(PNG_LIBPNG_VER_STRING, &codec, on_error, on_warning);
    ASSERT(codec.png);
    codec.info = png_create_info_struct(codec.png);
    ASSERT(codec.info);
    enum status st = ST_OK;
    if (decode(&codec, image))
        to_grey(image, codec.bytes);
    else
        st = status_fail(ST_FAIL, "cannot read PNG image '%s': %s", path, codec.reason);
    png_destroy_read_struct(&codec.png, &codec.info, NULL);
    codec_release(&codec);
    return st;
}

static bool encode(struct codec *codec, const struct image *image)
{
    if (setjmp(png_jmpbuf(codec->png)))
        return false;
    png_init_io(codec->png, codec->file);
    png_set_IHDR(codec->png, codec->info, (png_uint_32)image->w, (png_uint_32)image->h, 8,
                 PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(codec->png, codec->info);
    set_rows(codec, image->pixel, (size_t)image->h, (size_t)image->w);
    png_write_image(codec->png, codec->rows);
    png_write_end(codec->png, NULL);
    return true;
}

enum status image_write_png(const struct image *image, const char *path)
{
    struct codec codec = {0};
    char temp[FS_PATH];
    TRY(fs_temp_name(temp, path));
    codec.file = fopen(temp, "wb");
    if (!codec.file)
        FAIL(ST_FAIL, "cannot write '%s': %s", path, strerror(errno));
    codec.png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, &codec, on_error, on_warning);
    ASSERT(codec.png);
    codec.info = png_create_info_struct(codec.png);
    ASSERT(codec.info);
    errno = 0;
    bool good = encode(&codec, image) && fflush(codec.file) == 0;
    int error = errno;
    png_destroy_write_struct(&codec.png, &codec.info);
    codec_release(&codec);
    if (good)
        return fs_commit(temp, path);
    unlink(temp);
    FAIL(ST_FAIL, "cannot write '%s': %s", path, error ? strerror(error) : codec.reason);
}
