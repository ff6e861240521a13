/* WebP, by libwebp. The container is RIFF: chunks of a name, a length and the content,
   which is padded to an even length. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <webp/decode.h>

#include "base/mem.h"
#include "image_impl.h"

#define WEBP_HEAD  12 /* bytes: "RIFF", length, "WEBP" */
#define WEBP_CHUNK 8  /* bytes: name, length */

static const char webp_exif_head[6] = "Exif\0"; /* some writers keep JPEG's */

static size_t webp_length(const uint8_t *data)
{
    return (size_t)data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16 |
           (size_t)data[3] << 24;
}

static int webp_orientation(const struct image_source *source)
{
    const uint8_t *data = source->data;
    size_t at = WEBP_HEAD, head = sizeof webp_exif_head;
    while (at <= source->bytes && source->bytes - at >= WEBP_CHUNK) {
        size_t left = source->bytes - at - WEBP_CHUNK,
               length = webp_length(data + at + 4);
        if (length > left)
            break;
        const uint8_t *content = data + at + WEBP_CHUNK;
        if (memcmp(data + at, "EXIF", 4) == 0) {
            bool skip = length > head && memcmp(content, webp_exif_head, head) == 0;
            return image_exif_orientation(content + (skip ? head : 0),
                                          length - (skip ? head : 0));
        }
        at += WEBP_CHUNK + length + length % 2;
    }
    return 1;
}

static const char *webp_reason(VP8StatusCode code)
{
    if (code == VP8_STATUS_UNSUPPORTED_FEATURE)
        return "it has a feature that libwebp does not know";
    if (code == VP8_STATUS_OUT_OF_MEMORY)
        return "libwebp is out of memory";
    return "it is damaged";
}

static bool webp_is_short(const struct image_source *source, VP8StatusCode code)
{
    return code == VP8_STATUS_NOT_ENOUGH_DATA || code == VP8_STATUS_SUSPENDED ||
           webp_length(source->data + 4) > source->bytes - 8;
}

/* Into raster->byte. */
static VP8StatusCode webp_decode(WebPDecoderConfig *config, struct image_raster *raster,
                                 const struct image_source *source)
{
    size_t row = (size_t)raster->w * (raster->alpha ? 4 : 3);
    size_t bytes = (size_t)raster->h * row;
    raster->byte = mem_zeroed(bytes, 1);
    config->output.colorspace = raster->alpha ? MODE_RGBA : MODE_RGB;
    config->output.is_external_memory = 1;
    config->output.u.RGBA.rgba = raster->byte;
    config->output.u.RGBA.stride = (int)row;
    config->output.u.RGBA.size = bytes;
    VP8StatusCode code = WebPDecode(source->data, source->bytes, config);
    WebPFreeDecBuffer(&config->output);
    return code;
}

static enum status image_read_webp(struct image_raster *raster,
                                   const struct image_source *source,
                                   struct image_facts *facts)
{
    WebPDecoderConfig config;
    ASSERT(WebPInitDecoderConfig(&config));
    VP8StatusCode code = WebPGetFeatures(source->data, source->bytes, &config.input);
    if (code == VP8_STATUS_OK) {
        facts->bits = 8;
        facts->file_h = raster->h = config.input.height;
        facts->file_w = raster->w = config.input.width;
        const char *wrong =
            image_check_size((size_t)raster->h, (size_t)raster->w, source->bytes);
        if (config.input.has_animation)
            wrong = "it is an animation";
        if (wrong)
            return image_fail(source, "WebP", wrong);
        raster->c = 3;
        raster->maybe_grey = true;
        raster->alpha = config.input.has_alpha;
        raster->orientation = webp_orientation(source);
        code = webp_decode(&config, raster, source);
    }
    if (code == VP8_STATUS_OK)
        return ST_OK;
    return webp_is_short(source, code) ? image_fail_short(source, "WebP")
                                       : image_fail(source, "WebP", webp_reason(code));
}

static void image_decoder_webp(char *text, size_t room)
{
    int version = WebPGetDecoderVersion(); /* 0x010204: 1.2.4 */
    snprintf(text, room, "libwebp %d.%d.%d", version >> 16, version >> 8 & 255,
             version & 255);
}

const struct image_reader image_reader_webp = {
    .name = "WebP",
    .magic = {{"RIFF????WEBP", 12}},
    .read = image_read_webp,
    .decoder = image_decoder_webp,
};
