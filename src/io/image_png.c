/* PNG, by libpng. */
#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image_impl.h"

#define PNG_INFLATE_RATIO 1032      /* most bytes that a compressed byte yields (zlib) */
#define PNG_CHUNK_MAX     (1 << 20) /* bytes of a chunk that is not pixels */

/* libpng reports errors by longjmp, after which local variables that have changed are
   undefined: what is needed after a jump is kept here. */
struct png_input {
    png_structp png;
    png_infop info;
    const struct image_source *source;
    size_t at;      /* bytes read so far */
    bool short_of;  /* it asked for more than there is */
    png_bytepp row; /* owned: (h) pointers to where each row begins */
    char reason[128];
};

static void png_input_on_error(png_structp png, png_const_charp text)
{
    struct png_input *input = png_get_error_ptr(png);
    snprintf(input->reason, sizeof input->reason, "%s", text);
    longjmp(png_jmpbuf(png), 1);
}

static void png_input_on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void png_input_copy(png_structp png, png_bytep out, size_t bytes)
{
    struct png_input *input = png_get_io_ptr(png);
    if (bytes > input->source->bytes - input->at) {
        input->short_of = true;
        png_error(png, "the file ends too soon");
    }
    memcpy(out, input->source->data + input->at, bytes);
    input->at += bytes;
}

/* Refuses a header that announces more pixels than the file can hold. */
static void png_input_check_size(struct png_input *input, size_t h, size_t w)
{
    size_t row = png_get_rowbytes(input->png, input->info);
    const char *wrong = image_check_size(h, w, input->source->bytes);
    if (!wrong && h * row / PNG_INFLATE_RATIO > input->source->bytes)
        wrong = "too short for its size";
    if (wrong)
        png_error(input->png, wrong);
}

/* libpng expands every kind of pixel to 8- or 16-bit grey or RGB, with or without
   alpha. */
static void png_input_expand(struct png_input *input, struct image_raster *raster)
{
    const uint16_t one = 1;
    png_structp png = input->png;
    raster->maybe_grey = png_get_color_type(png, input->info) == PNG_COLOR_TYPE_PALETTE;
    png_set_expand(png); /* palettes, fewer than 8 bits, a transparent colour */
    if (*(const uint8_t *)&one == 1)
        png_set_swap(png); /* 16 bits to this machine's order */
    png_set_interlace_handling(png);
    png_read_update_info(png, input->info);
    int channels = png_get_channels(png, input->info);
    raster->alpha = channels % 2 == 0;
    raster->c = channels - raster->alpha;
}

static void png_input_read_pixels(struct png_input *input, struct image_raster *raster)
{
    size_t h = (size_t)raster->h, row = png_get_rowbytes(input->png, input->info);
    png_bytep pixels = mem_zeroed(h, row);
    if (png_get_bit_depth(input->png, input->info) == 16)
        raster->word = (uint16_t *)(void *)pixels;
    else
        raster->byte = pixels;
    input->row = mem_zeroed(h, sizeof *input->row);
    for (size_t y = 0; y < h; y++)
        input->row[y] = pixels + y * row;
    png_read_image(input->png, input->row);
}

static void png_input_read_exif(struct png_input *input, struct image_raster *raster)
{
    png_uint_32 bytes = 0;
    png_bytep exif = NULL;
    if (png_get_eXIf_1(input->png, input->info, &bytes, &exif) && exif)
        raster->orientation = image_exif_orientation(exif, bytes);
}

/* false: input->reason says why. */
static bool png_input_decode(struct png_input *input, struct image_raster *raster,
                             struct image_facts *facts)
{
    png_structp png = input->png;
    if (setjmp(png_jmpbuf(png)))
        return false;
    png_set_read_fn(png, input, png_input_copy);
    png_set_user_limits(png, IMAGE_SIDE_MAX, IMAGE_SIDE_MAX);
    png_set_chunk_malloc_max(png, PNG_CHUNK_MAX);
    /* Skip texts, colour profiles and the like, which may be of any length. */
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_AS_DEFAULT,
                                (png_const_bytep) "eXIf", 1);
    png_read_info(png, input->info);
    facts->bits = png_get_bit_depth(png, input->info);
    facts->file_h = raster->h = (int)png_get_image_height(png, input->info);
    facts->file_w = raster->w = (int)png_get_image_width(png, input->info);
    png_input_check_size(input, (size_t)raster->h, (size_t)raster->w);
    png_input_expand(input, raster);
    png_input_read_pixels(input, raster);
    png_read_end(png, input->info);
    png_input_read_exif(input, raster);
    return true;
}

static enum status image_read_png(struct image_raster *raster,
                                  const struct image_source *source,
                                  struct image_facts *facts)
{
    struct png_input input = {.source = source};
    input.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &input, png_input_on_error,
                                       png_input_on_warning);
    ASSERT(input.png);
    input.info = png_create_info_struct(input.png);
    ASSERT(input.info);
    enum status st = ST_OK;
    if (!png_input_decode(&input, raster, facts))
        st = input.short_of ? image_fail_short(source, "PNG")
                            : image_fail(source, "PNG", input.reason);
    png_destroy_read_struct(&input.png, &input.info, NULL);
    free(input.row);
    return st;
}

const struct image_reader image_reader_png = {
    .name = "PNG",
    .magic = {{"\x89PNG\r\n\x1a\n", 8}},
    .read = image_read_png,
};
