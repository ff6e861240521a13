/* TIFF, by libtiff: the first page. A block is a strip or a tile. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

#include "base/mem.h"
#include "image_impl.h"

#define TIFF_COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define TIFF_SHARED    16 /* blocks may share bytes of the file: how often, on average */
#define TIFF_BLOCK_MAX (IMAGE_AREA_MAX * 8) /* bytes of one allocation of libtiff */

static const uint16_t tiff_compressions[] = {
    COMPRESSION_NONE,      COMPRESSION_CCITTRLE, COMPRESSION_CCITTFAX3,
    COMPRESSION_CCITTFAX4, COMPRESSION_LZW,      COMPRESSION_JPEG,
    COMPRESSION_DEFLATE,   COMPRESSION_PACKBITS, COMPRESSION_ADOBE_DEFLATE,
    COMPRESSION_ZSTD,
};

struct tiff_input {
    const struct image_source *source;
    size_t at;     /* bytes */
    bool short_of; /* libtiff asked for bytes behind the end */
    TIFF *tiff;
    char reason[256]; /* what was wrong first */

    uint32_t h, w;
    uint16_t bits, samples; /* of a sample; of a pixel */
    uint16_t photometric, compression;
    int inks;         /* samples that make the colour: 1, 3, or 4 for CMYK */
    bool separate;    /* planes of one sample each */
    uint16_t *map[3]; /* libtiff's: a palette's colours; NULL: no palette */
    unsigned map_shift;
    bool tiled;
    uint32_t block_h, block_w;
    size_t row_bytes; /* of a block */
};

static int tiff_on_error(TIFF *tiff, void *user, const char *where, const char *format,
                         va_list args)
{
    struct tiff_input *input = user;
    (void)tiff;
    (void)where;
    if (!*input->reason)
        vsnprintf(input->reason, sizeof input->reason, format, args);
    return 1; /* nobody else prints it */
}

static int tiff_on_warning(TIFF *tiff, void *user, const char *where, const char *format,
                           va_list args)
{
    (void)tiff;
    (void)user;
    (void)where;
    (void)format;
    (void)args;
    return 1;
}

static tmsize_t tiff_on_read(thandle_t handle, void *out, tmsize_t bytes)
{
    struct tiff_input *input = handle;
    size_t left = input->at < input->source->bytes ? input->source->bytes - input->at : 0;
    if ((size_t)bytes > left) {
        input->short_of = true;
        bytes = (tmsize_t)left;
    }
    if (bytes > 0)
        memcpy(out, input->source->data + input->at, (size_t)bytes);
    input->at += (size_t)bytes;
    return bytes;
}

static tmsize_t tiff_on_write(thandle_t handle, void *data, tmsize_t bytes)
{
    (void)handle;
    (void)data;
    (void)bytes;
    return 0;
}

static toff_t tiff_on_seek(thandle_t handle, toff_t offset, int whence)
{
    struct tiff_input *input = handle;
    size_t base = whence == SEEK_CUR   ? input->at
                  : whence == SEEK_END ? input->source->bytes
                                       : 0;
    input->at = base + (size_t)offset;
    return input->at;
}

static int tiff_on_close(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t tiff_on_size(thandle_t handle)
{
    const struct tiff_input *input = handle;
    return input->source->bytes;
}

static bool tiff_open(struct tiff_input *input)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    ASSERT(options);
    TIFFOpenOptionsSetErrorHandlerExtR(options, tiff_on_error, input);
    TIFFOpenOptionsSetWarningHandlerExtR(options, tiff_on_warning, input);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)TIFF_BLOCK_MAX);
    input->tiff =
        TIFFClientOpenExt("file", "rm", input, tiff_on_read, tiff_on_write, tiff_on_seek,
                          tiff_on_close, tiff_on_size, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return input->tiff;
}

/* false, with the reason. */
static bool tiff_refuse(struct tiff_input *input, const char *reason)
{
    snprintf(input->reason, sizeof input->reason, "%s", reason);
    return false;
}

static bool tiff_check_compression(struct tiff_input *input)
{
    for (size_t i = 0; i < TIFF_COUNT(tiff_compressions); i++)
        if (tiff_compressions[i] == input->compression &&
            TIFFIsCODECConfigured(input->compression))
            return true;
    snprintf(input->reason, sizeof input->reason,
             "its compression %d is not one that lockstep reads", input->compression);
    return false;
}

/* A palette's colours have 16 bits, of which some writers use the lower 8 only. */
static unsigned tiff_map_shift(const struct tiff_input *input)
{
    for (int k = 0; k < 3; k++)
        for (unsigned i = 0; i < 1u << input->bits; i++)
            if (input->map[k][i] > 255)
                return 8;
    return 0;
}

/* How many samples make the colour of a pixel, and whether they come as lockstep reads
   them. */
static bool tiff_check_kind(struct tiff_input *input)
{
    uint16_t bits = input->bits, format = SAMPLEFORMAT_UINT;
    TIFFGetFieldDefaulted(input->tiff, TIFFTAG_SAMPLEFORMAT, &format);
    if (format != SAMPLEFORMAT_UINT && format != SAMPLEFORMAT_VOID)
        return tiff_refuse(input, "its samples are not unsigned integers");
    if (bits != 1 && bits != 2 && bits != 4 && bits != 8 && bits != 16) {
        snprintf(input->reason, sizeof input->reason,
                 "its samples have %d bits: lockstep reads 1, 2, 4, 8 and 16", bits);
        return false;
    }
    switch (input->photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK:
        input->inks = 1;
        break;
    case PHOTOMETRIC_RGB:
        input->inks = 3;
        break;
    case PHOTOMETRIC_YCBCR: /* the JPEG decoder makes RGB of it */
        if (input->compression != COMPRESSION_JPEG || input->separate || bits != 8)
            return tiff_refuse(input, "its colours are YCbCr");
        TIFFSetField(input->tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
        input->inks = 3;
        break;
    case PHOTOMETRIC_SEPARATED:
        if (bits != 8 || input->separate)
            return tiff_refuse(input, "it is CMYK, but not of 8 bits");
        input->inks = 4;
        break;
    case PHOTOMETRIC_PALETTE:
        if (bits > 8 || !TIFFGetField(input->tiff, TIFFTAG_COLORMAP, &input->map[0],
                                      &input->map[1], &input->map[2]))
            return tiff_refuse(input, "its palette is missing or too large");
        input->map_shift = tiff_map_shift(input);
        input->inks = 1;
        break;
    default:
        return tiff_refuse(input, "it is not grey, RGB, palette or CMYK");
    }
    if (input->samples != input->inks && input->samples != input->inks + 1) {
        snprintf(input->reason, sizeof input->reason,
                 "its pixels have %d samples: lockstep reads grey and RGB",
                 input->samples);
        return false;
    }
    return true;
}

/* The size of blocks, before memory is taken for one. */
static bool tiff_check_blocks(struct tiff_input *input)
{
    TIFF *tiff = input->tiff;
    size_t bytes = input->source->bytes, used = 0;
    size_t in_row = input->separate ? 1 : input->samples;
    input->tiled = TIFFIsTiled(tiff);
    input->block_w = input->w;
    input->block_h = input->h;
    if (input->tiled) {
        TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &input->block_w);
        TIFFGetField(tiff, TIFFTAG_TILELENGTH, &input->block_h);
    } else {
        uint32_t rows = input->h;
        TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &rows);
        input->block_h = rows < input->h ? rows : input->h;
    }
    const char *wrong = image_check_size(input->block_h, input->block_w, bytes);
    if (wrong)
        return tiff_refuse(input, wrong);
    input->row_bytes = ((size_t)input->block_w * in_row * input->bits + 7) / 8;
    if ((uint64_t)(input->tiled ? TIFFTileRowSize(tiff) : TIFFScanlineSize(tiff)) !=
        input->row_bytes)
        return tiff_refuse(input, "its rows have an unknown form");
    uint32_t n = input->tiled ? TIFFNumberOfTiles(tiff) : TIFFNumberOfStrips(tiff);
    if (n > bytes)
        return tiff_refuse(input, "too short for its size");
    for (uint32_t i = 0; i < n; i++) {
        uint64_t count = TIFFGetStrileByteCount(tiff, i);
        if (count > bytes) {
            input->short_of = true;
            return tiff_refuse(input, "a block is longer than the file");
        }
        used += count;
    }
    if (used / TIFF_SHARED > bytes)
        return tiff_refuse(input, "its blocks overlap");
    return true;
}

static bool tiff_read_header(struct tiff_input *input, struct image_raster *raster,
                             struct image_facts *facts)
{
    TIFF *tiff = input->tiff;
    uint16_t planar = PLANARCONFIG_CONTIG, orientation = 1, *extra, extras = 0;
    if (!TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &input->h) ||
        !TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &input->w))
        return tiff_refuse(input, "it has no size");
    const char *wrong = image_check_size(input->h, input->w, input->source->bytes);
    if (wrong)
        return tiff_refuse(input, wrong);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &input->bits);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &input->samples);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &input->compression);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &planar);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &orientation);
    if (!TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &input->photometric))
        input->photometric =
            input->samples < 3 ? PHOTOMETRIC_MINISBLACK : PHOTOMETRIC_RGB;
    input->separate = planar == PLANARCONFIG_SEPARATE && input->samples > 1;
    facts->bits = input->bits;
    facts->file_h = raster->h = (int)input->h;
    facts->file_w = raster->w = (int)input->w;
    facts->first_of_several = !TIFFLastDirectory(tiff);
    raster->orientation = orientation >= 1 && orientation <= 8 ? orientation : 1;
    if (!tiff_check_compression(input) || !tiff_check_kind(input))
        return false;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &extras, &extra);
    bool extra_alpha = input->samples > input->inks && input->inks != 4 && extras > 0 &&
                       input->photometric != PHOTOMETRIC_PALETTE;
    raster->alpha = extra_alpha && extra[0] != EXTRASAMPLE_UNSPECIFIED;
    raster->premultiplied = raster->alpha && extra[0] == EXTRASAMPLE_ASSOCALPHA;
    raster->maybe_grey = input->photometric == PHOTOMETRIC_PALETTE;
    raster->c = input->inks == 1 && !raster->maybe_grey ? 1 : 3;
    return tiff_check_blocks(input);
}

/* Sample i of a block's row. */
static inline unsigned tiff_sample(const uint8_t *row, size_t i, unsigned bits)
{
    if (bits == 8)
        return row[i];
    if (bits == 16)
        return ((const uint16_t *)(const void *)row)[i];
    size_t bit = i * bits;
    return (unsigned)row[bit / 8] >> (8 - bits - bit % 8) & ((1u << bits) - 1);
}

/* Pixel x of a block's row as pixel `at` of the raster; of separate planes, one
   sample. */
static inline void tiff_copy_pixel(const struct tiff_input *input,
                                   struct image_raster *raster, size_t at,
                                   const uint8_t *row, size_t x, int plane)
{
    size_t stride = (size_t)(raster->c + raster->alpha);
    bool inverted = input->photometric == PHOTOMETRIC_MINISWHITE;
    unsigned scale = input->bits < 8 ? 255 / ((1u << input->bits) - 1) : 1;
    unsigned most = input->bits == 16 ? 65535 : 255;
    size_t from = input->separate ? x : x * input->samples;
    int begin = input->separate ? plane : 0,
        end = input->separate ? plane + 1 : (int)stride;
    for (int k = begin; k < end; k++, from++) {
        unsigned value = tiff_sample(row, from, input->bits) * scale;
        value = inverted && k == 0 ? most - value : value;
        if (raster->word)
            raster->word[at * stride + (size_t)k] = (uint16_t)value;
        else
            raster->byte[at * stride + (size_t)k] = (uint8_t)value;
    }
}

static void tiff_copy_row(const struct tiff_input *input, struct image_raster *raster,
                          size_t at, const uint8_t *row, size_t count, int plane)
{
    if (input->inks == 4) {
        for (size_t x = 0; x < count; x++)
            image_cmyk_to_rgb(raster->byte + 3 * (at + x), row + x * input->samples, 1,
                              false);
    } else if (input->map[0]) {
        size_t step = input->separate ? 1 : input->samples;
        for (size_t x = 0; x < count; x++) {
            unsigned i = tiff_sample(row, x * step, input->bits);
            for (int k = 0; k < 3; k++)
                raster->byte[3 * (at + x) + (size_t)k] =
                    (uint8_t)(input->map[k][i] >> input->map_shift);
        }
    } else {
        for (size_t x = 0; x < count; x++)
            tiff_copy_pixel(input, raster, at + x, row, x, plane);
    }
}

static bool tiff_read_block(struct tiff_input *input, struct image_raster *raster,
                            uint8_t *block, uint32_t top, uint32_t left, int plane)
{
    TIFF *tiff = input->tiff;
    uint32_t rows = input->h - top < input->block_h ? input->h - top : input->block_h;
    uint32_t columns =
        input->w - left < input->block_w ? input->w - left : input->block_w;
    tmsize_t got,
        want = (tmsize_t)((input->tiled ? input->block_h : rows) * input->row_bytes);
    if (input->tiled)
        got = TIFFReadEncodedTile(
            tiff, TIFFComputeTile(tiff, left, top, 0, (uint16_t)plane), block, want);
    else
        got = TIFFReadEncodedStrip(tiff, TIFFComputeStrip(tiff, top, (uint16_t)plane),
                                   block, want);
    if (got != want)
        return false;
    for (uint32_t y = 0; y < rows; y++)
        tiff_copy_row(input, raster, (size_t)(top + y) * input->w + left,
                      block + y * input->row_bytes, columns, plane);
    return true;
}

static bool tiff_read_pixels(struct tiff_input *input, struct image_raster *raster)
{
    int planes = !input->separate ? 1 : input->map[0] ? 1 : raster->c + raster->alpha;
    size_t samples = (size_t)input->h * input->w * (size_t)(raster->c + raster->alpha);
    if (input->bits == 16)
        raster->word = mem_zeroed(samples, sizeof *raster->word);
    else
        raster->byte = mem_zeroed(samples, 1);
    uint8_t *block = mem_zeroed(input->block_h, input->row_bytes);
    bool good = true;
    for (int plane = 0; plane < planes; plane++)
        for (uint32_t top = 0; top < input->h; top += input->block_h)
            for (uint32_t left = 0; left < input->w && good; left += input->block_w)
                good = tiff_read_block(input, raster, block, top, left, plane);
    free(block);
    return good;
}

static enum status image_read_tiff(struct image_raster *raster,
                                   const struct image_source *source,
                                   struct image_facts *facts)
{
    struct tiff_input input = {.source = source};
    bool good = tiff_open(&input) && tiff_read_header(&input, raster, facts) &&
                tiff_read_pixels(&input, raster);
    if (input.tiff)
        TIFFClose(input.tiff);
    if (good)
        return ST_OK;
    return input.short_of ? image_fail_short(source, "TIFF")
                          : image_fail(source, "TIFF",
                                       *input.reason ? input.reason : "it is damaged");
}

static void image_decoder_tiff(char *text, size_t room)
{
    snprintf(text, room, "libtiff %d", TIFFLIB_VERSION);
}

const struct image_reader image_reader_tiff = {
    .name = "TIFF",
    .magic = {{"II*\0", 4}, {"MM\0*", 4}, {"II+\0", 4}, {"MM\0+", 4}},
    .read = image_read_tiff,
    .decoder = image_decoder_tiff,
};
