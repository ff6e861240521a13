/* JPEG, by libjpeg-turbo. JDCT_ISLOW and fancy upsampling give the same bytes on every
   machine (libjpeg-turbo's SIMD code equals its C code). */
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
/* after jpeglib.h */
#include <jerror.h>

#include "base/mem.h"
#include "image_impl.h"

#define JPEG_AREA_PER_BYTE 512 /* pixels: at least one bit for a block of 8 x 8 */
#define JPEG_SHRINK_MOST   8

/* Each scan of a progressive file costs time for all pixels, but hardly any bytes. */
#define JPEG_SCANS_LEAST 32 /* allowed for any size */
#define JPEG_SCANS_MOST  100
#define JPEG_SCANS_WORK  ((size_t)1 << 31) /* pixels times scans */

static const char jpeg_exif_head[6] = "Exif\0";

/* What is needed after a longjmp is kept here. */
struct jpeg_input {
    struct jpeg_decompress_struct codec;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    int scans_most;
    uint8_t *row;  /* owned: (codec.output_width, 4), CMYK only */
    bool short_of; /* the file ended too soon */
    char reason[JMSG_LENGTH_MAX];
};

static _Noreturn void jpeg_input_on_error(j_common_ptr codec)
{
    struct jpeg_input *input = codec->client_data;
    codec->err->format_message(codec, input->reason);
    longjmp(input->escape, 1);
}

static _Noreturn void jpeg_input_refuse(struct jpeg_input *input, const char *reason)
{
    snprintf(input->reason, sizeof input->reason, "%s", reason);
    longjmp(input->escape, 1);
}

/* Warnings (level -1): libjpeg would go on with grey in place of what is missing. Bytes
   that are too many between two segments do no harm. */
static void jpeg_input_on_message(j_common_ptr codec, int level)
{
    struct jpeg_input *input = codec->client_data;
    if (level >= 0)
        return;
    switch (codec->err->msg_code) {
    case JWRN_JPEG_EOF:
        input->short_of = true;
        jpeg_input_on_error(codec);
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
        jpeg_input_on_error(codec);
    default:
        return;
    }
}

static void jpeg_input_on_progress(j_common_ptr common)
{
    struct jpeg_input *input = common->client_data;
    if (input->codec.input_scan_number > input->scans_most)
        jpeg_input_refuse(input, "too many scans");
}

static int jpeg_input_orientation(const struct jpeg_input *input)
{
    size_t head = sizeof jpeg_exif_head;
    for (jpeg_saved_marker_ptr m = input->codec.marker_list; m; m = m->next)
        if (m->data_length > head && memcmp(m->data, jpeg_exif_head, head) == 0)
            return image_exif_orientation(m->data + head, m->data_length - head);
    return 1;
}

static void jpeg_input_check_size(struct jpeg_input *input, size_t bytes)
{
    size_t h = input->codec.image_height, w = input->codec.image_width;
    const char *wrong = image_check_size(h, w, bytes);
    if (!wrong && !input->codec.arith_code && h * w / JPEG_AREA_PER_BYTE > bytes)
        wrong = "too short for its size";
    if (wrong)
        jpeg_input_refuse(input, wrong);
    size_t scans = JPEG_SCANS_WORK / (h * w);
    input->scans_most = scans < JPEG_SCANS_LEAST  ? JPEG_SCANS_LEAST
                        : scans > JPEG_SCANS_MOST ? JPEG_SCANS_MOST
                                                  : (int)scans;
}

/* The largest of 8, 4, 2 and 1 at which both sides stay long enough. */
static unsigned jpeg_shrink(const struct jpeg_input *input, int orientation,
                            const struct image_options *options)
{
    bool turned = orientation >= 5;
    unsigned least_h = (unsigned)(turned ? options->least_w : options->least_h);
    unsigned least_w = (unsigned)(turned ? options->least_h : options->least_w);
    unsigned shrink = JPEG_SHRINK_MOST;
    if (least_h == 0 && least_w == 0)
        return 1;
    while (shrink > 1 && ((input->codec.image_height + shrink - 1) / shrink < least_h ||
                          (input->codec.image_width + shrink - 1) / shrink < least_w))
        shrink /= 2;
    return shrink;
}

static void jpeg_input_read_header(struct jpeg_input *input,
                                   const struct image_source *source,
                                   struct image_raster *raster, struct image_facts *facts)
{
    struct jpeg_decompress_struct *codec = &input->codec;
    jpeg_save_markers(codec, JPEG_APP0 + 1, 0xffff);
    (void)jpeg_read_header(codec, TRUE);
    facts->bits = codec->data_precision;
    facts->file_h = (int)codec->image_height;
    facts->file_w = (int)codec->image_width;
    jpeg_input_check_size(input, source->bytes);
    if (codec->num_components == 1)
        codec->out_color_space = JCS_GRAYSCALE;
    else if (codec->num_components == 3)
        codec->out_color_space = JCS_RGB;
    else if (codec->num_components == 4)
        codec->out_color_space = JCS_CMYK;
    else
        jpeg_input_refuse(input, "not grey, RGB or CMYK");
    raster->c = codec->num_components == 1 ? 1 : 3;
    raster->orientation = jpeg_input_orientation(input);
    codec->dct_method = JDCT_ISLOW;
    codec->do_fancy_upsampling = TRUE;
    codec->scale_num = 1;
    codec->scale_denom = jpeg_shrink(input, raster->orientation, source->options);
}

static void jpeg_input_read_pixels(struct jpeg_input *input, struct image_raster *raster)
{
    struct jpeg_decompress_struct *codec = &input->codec;
    size_t w = codec->output_width, c = (size_t)raster->c;
    bool cmyk = codec->out_color_space == JCS_CMYK;
    raster->h = (int)codec->output_height;
    raster->w = (int)w;
    raster->byte = mem_resize(NULL, (size_t)raster->h * w * c, 1);
    if (cmyk)
        input->row = mem_zeroed(w, 4);
    while (codec->output_scanline < codec->output_height) {
        uint8_t *out = raster->byte + codec->output_scanline * w * c;
        JSAMPROW row = cmyk ? input->row : out;
        if (jpeg_read_scanlines(codec, &row, 1) == 1 && cmyk)
            image_cmyk_to_rgb(out, row, w, codec->saw_Adobe_marker);
    }
}

/* false: input->reason says why. */
static bool jpeg_input_decode(struct jpeg_input *input, const struct image_source *source,
                              struct image_raster *raster, struct image_facts *facts)
{
    if (setjmp(input->escape))
        return false;
    jpeg_create_decompress(&input->codec);
    input->codec.progress = &input->progress;
    jpeg_mem_src(&input->codec, source->data, source->bytes);
    jpeg_input_read_header(input, source, raster, facts);
    (void)jpeg_start_decompress(&input->codec);
    jpeg_input_read_pixels(input, raster);
    (void)jpeg_finish_decompress(&input->codec);
    return true;
}

static enum status image_read_jpeg(struct image_raster *raster,
                                   const struct image_source *source,
                                   struct image_facts *facts)
{
    struct jpeg_input input = {.progress.progress_monitor = jpeg_input_on_progress};
    input.codec.err = jpeg_std_error(&input.errors);
    input.codec.client_data = &input;
    input.errors.error_exit = jpeg_input_on_error;
    input.errors.emit_message = jpeg_input_on_message;
    enum status st = ST_OK;
    if (!jpeg_input_decode(&input, source, raster, facts))
        st = input.short_of ? image_fail_short(source, "JPEG")
                            : image_fail(source, "JPEG", input.reason);
    jpeg_destroy_decompress(&input.codec);
    free(input.row);
    return st;
}

static void image_decoder_jpeg(char *text, size_t room)
{
    int version = LIBJPEG_TURBO_VERSION_NUMBER; /* 2001005: 2.1.5 */
    snprintf(text, room, "libjpeg-turbo %d.%d.%d", version / 1000000,
             version / 1000 % 1000, version % 1000);
}

const struct image_reader image_reader_jpeg = {
    .name = "JPEG",
    .magic = {{"\xff\xd8\xff", 3}},
    .read = image_read_jpeg,
    .decoder = image_decoder_jpeg,
};
