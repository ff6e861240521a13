#include "io/kind.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "image_impl.h"
#include "io/text.h"

#define TAR_OFFSET 257 /* of "ustar" */

static const char kind_unpack[] = "unpack it first";
static const char kind_convert[] = "convert it to PNG";
static const char kind_pytorch[] = "a pickle of PyTorch";
static const char kind_savetxt[] =
    "write it as text (numpy.savetxt), or as a data set (docs/files.md)";

/* Formats with a magic number that no reader of lockstep knows. The first that fits
   counts. */
static const struct kind_format {
    struct image_magic magic;
    enum kind_class class;
    const char *words, *advice;
} kind_formats[] = {
    {{"GIF8", 4}, KIND_IMAGE, "a GIF image", kind_convert},
    {{"BM????\0\0\0\0", 10}, KIND_IMAGE, "a BMP image", kind_convert},
    {{"????ftypheic", 12}, KIND_IMAGE, "a HEIF image", kind_convert},
    {{"????ftypmif1", 12}, KIND_IMAGE, "a HEIF image", kind_convert},
    {{"????ftypavif", 12}, KIND_IMAGE, "an AVIF image", kind_convert},
    {{"\211HDF\r\n\032\n", 8}, KIND_HDF5, "an HDF5 file", NULL},
    {{"PK\5\6", 4}, KIND_ARCHIVE, "an empty zip archive", NULL},
    {{"PK\3\4", 4}, KIND_ZIP, "a zip archive", kind_unpack},
    {{"7z\274\257\047\034", 6}, KIND_ARCHIVE, "a 7z archive", kind_unpack},
    {{"Rar!\032\7", 6}, KIND_ARCHIVE, "a RAR archive", kind_unpack},
    {{"\037\213", 2}, KIND_PACKED, "a gzip-compressed file", "unpack it first (gunzip)"},
    {{"BZh", 3}, KIND_PACKED, "a bzip2-compressed file", "unpack it first (bunzip2)"},
    {{"\3757zXZ", 6}, KIND_PACKED, "an xz-compressed file", "unpack it first (unxz)"},
    {{"(\265/\375", 4},
     KIND_PACKED,
     "a zstd-compressed file",
     "unpack it first (unzstd)"},
    {{"\223NUMPY", 6}, KIND_KNOWN, "a NumPy array", kind_savetxt},
    {{"PAR1", 4}, KIND_KNOWN, "a Parquet file", "write it as CSV (pandas.to_csv)"},
    {{"\200\2\212\nl\374\234F\371 j\250P\31", 14}, KIND_PICKLE, kind_pytorch, NULL},
    {{"\200\2", 2}, KIND_PICKLE, "a Python pickle", kind_savetxt},
    {{"\200\3", 2}, KIND_PICKLE, "a Python pickle", kind_savetxt},
    {{"\200\4", 2}, KIND_PICKLE, "a Python pickle", kind_savetxt},
    {{"\200\5", 2}, KIND_PICKLE, "a Python pickle", kind_savetxt},
    {{"MATLAB 5.0 MAT-file", 19}, KIND_KNOWN, "a MATLAB file", NULL},
    {{"SQLite format 3", 15}, KIND_KNOWN, "an SQLite database", NULL},
    {{"RIFF????WAVE", 12}, KIND_KNOWN, "a sound", NULL},
    {{"%PDF-", 5}, KIND_KNOWN, "a PDF document", NULL},
    {{"\177ELF", 4}, KIND_KNOWN, "a program", NULL},
    {{"\377\376\0\0", 4}, KIND_KNOWN, "a text file in UTF-32", "save it as UTF-8"},
    {{"\0\0\376\377", 4}, KIND_KNOWN, "a text file in UTF-32", "save it as UTF-8"},
    {{"\377\376", 2}, KIND_UTF16, "a text file in UTF-16", "save it as UTF-8"},
    {{"\376\377", 2}, KIND_UTF16, "a text file in UTF-16", "save it as UTF-8"},
};

static struct kind kind_make(enum kind_class class, const char *words, const char *advice)
{
    struct kind kind = {.class = class, .advice = advice};
    snprintf(kind.words, sizeof kind.words, "%s", words);
    return kind;
}

/* What the first file in a zip archive says about programs that use zip as a
   container. */
static struct kind kind_of_zip(const uint8_t *data, size_t bytes, const struct kind *zip)
{
    size_t length = bytes >= 30 ? data[26] + 256u * data[27] : 0;
    const char *name = (const char *)data + 30;
    if (length > 4 && 30 + length <= bytes) {
        if (memcmp(name + length - 4, ".npy", 4) == 0)
            return kind_make(KIND_NPZ, "a NumPy archive (.npz)", kind_savetxt);
        if (length >= 8 && memcmp(name + length - 8, "data.pkl", 8) == 0)
            return kind_make(KIND_PICKLE, kind_pytorch, NULL);
        if (length >= 19 && memcmp(name, "[Content_Types].xml", 19) == 0)
            return kind_make(KIND_KNOWN, "an Office document (.xlsx or the like)",
                             "save it as CSV");
    }
    return *zip;
}

/* The first file in a tar archive that PyTorch wrote before 0.1.10. */
static struct kind kind_of_tar(const char *name)
{
    static const char *const first[] = {"sys_info", "pickle", "tensors", "storages"};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        if (strcmp(name, first[i]) == 0)
            return kind_make(KIND_PICKLE, kind_pytorch, NULL);
    return kind_make(KIND_ARCHIVE, "a tar archive", kind_unpack);
}

/* The length of a header of JSON in 8 bytes, little-endian, and the header. Those longer
   than can be read are named, too. */
static bool kind_is_safetensors(const uint8_t *data, size_t bytes)
{
    return bytes >= 10 && memcmp(data + 5, "\0\0\0{", 4) == 0 &&
           (data[9] == '"' || data[9] == '}' || isspace(data[9]));
}

/* A protocol buffer whose first fields are those of onnx.proto: a small version of the
   format, then the name of the program that made it, a text, or the graph. */
static bool kind_is_onnx(const uint8_t *data, size_t bytes)
{
    if (bytes < 6 || data[0] != 0x08 || data[1] == 0 || data[1] > 0x20)
        return false;
    if (data[2] != 0x12)
        return data[2] == 0x3a && bytes > 32; /* a graph */
    size_t length = data[3];
    for (size_t i = 0; i < length && 4 + i < bytes; i++)
        if (!isprint(data[4 + i]))
            return false;
    return length < 0x80 && 4 + length < bytes && (data[4 + length] & 7) == 2;
}

/* UTF-8 without control characters that texts do not have. */
static bool kind_is_text(const uint8_t *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if ((data[i] < 32 && !isspace(data[i]) && data[i] != 27) || data[i] == 127)
            return false;
    return text_is_utf8((const char *)data, bytes);
}

/* Does the first line that is neither empty nor a comment begin a section, "[model]"? */
static bool kind_is_config(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (isspace((unsigned char)text[i]))
            continue;
        const char *end = memchr(text + i, '\n', bytes - i);
        size_t length = end ? (size_t)(end - text) - i : bytes - i;
        if (text[i] != '#')
            return text[i] == '[' && memchr(text + i, ']', length);
        i += length;
    }
    return false;
}

/* ASCII in UTF-16 or UTF-32, units of 2 or 4 bytes, without a byte order mark: one byte
   of each unit is not 0, in the same place. */
static bool kind_is_wide(const uint8_t *data, size_t bytes, size_t unit)
{
    size_t full[4] = {0}, units = bytes / unit;
    for (size_t i = 0; i < units * unit; i++) {
        if (data[i] != 0 && !isprint(data[i]) && !isspace(data[i]))
            return false;
        full[i % unit] += data[i] != 0;
    }
    size_t first = full[0], last = full[unit - 1],
           all = full[0] + full[1] + full[2] + full[3];
    return units >= 2 && all == units && (first == units || last == units);
}

struct kind kind_of_bytes(const uint8_t *data, size_t bytes)
{
    const char *image = image_kind_of(data, bytes);
    if (bytes == 0)
        return kind_make(KIND_EMPTY, "an empty file", NULL);
    if (kind_is_safetensors(data,
                            bytes)) /* first: a length may look like a magic number */
        return kind_make(KIND_SAFETENSORS, "a safetensors file", NULL);
    if (image) {
        struct kind kind = {.class = KIND_IMAGE};
        snprintf(kind.words, sizeof kind.words, "a %s image", image);
        return kind;
    }
    for (size_t i = 0; i < sizeof kind_formats / sizeof *kind_formats; i++) {
        const struct kind_format *format = &kind_formats[i];
        if (!image_magic_fits(&format->magic, data, bytes))
            continue;
        struct kind kind = kind_make(format->class, format->words, format->advice);
        return data[0] == 'P' && format->advice == kind_unpack
                   ? kind_of_zip(data, bytes, &kind)
                   : kind;
    }
    if (bytes >= TAR_OFFSET + 5 && memcmp(data + TAR_OFFSET, "ustar", 5) == 0)
        return kind_of_tar((const char *)data);
    if (kind_is_onnx(data, bytes))
        return kind_make(KIND_KNOWN, "an ONNX model", NULL);
    if (bytes >= 4 && data[0] == 0 && data[1] == 0 && data[2] >= 8 && data[2] <= 14 &&
        data[3] >= 1 && data[3] <= 4)
        return kind_make(KIND_IDX, data[3] == 1 ? "an IDX file of labels" : "an IDX file",
                         NULL);
    if (kind_is_wide(data, bytes, 4))
        return kind_make(KIND_UTF16, "a text file in UTF-32 without its mark",
                         "save it as UTF-8");
    if (kind_is_wide(data, bytes, 2))
        return kind_make(KIND_UTF16, "a text file in UTF-16 without its mark",
                         "save it as UTF-8");
    if (kind_is_text(data, bytes))
        return kind_make(
            KIND_TEXT,
            kind_is_config((const char *)data, bytes) ? "a config" : "a text file", NULL);
    return kind_make(KIND_OTHER, "of no kind that lockstep knows", NULL);
}

static enum status kind_read_head(const char *path, uint8_t head[KIND_HEAD_BYTES],
                                  size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        FAIL(ST_FAIL, "cannot open '%s': %s", path, strerror(errno));
    setvbuf(file, NULL, _IONBF, 0);
    *bytes = fread(head, 1, KIND_HEAD_BYTES, file);
    int error = ferror(file) ? errno : 0;
    fclose(file);
    if (error)
        FAIL(ST_FAIL, "cannot read '%s': %s", path, strerror(error));
    return ST_OK;
}

enum status kind_of_file(const char *path, struct kind *kind)
{
    uint8_t head[KIND_HEAD_BYTES];
    size_t bytes = 0;
    if (fs_is_folder(path))
        *kind = kind_make(KIND_FOLDER, "a folder", NULL);
    else if (access(path, F_OK) == 0 && !fs_is_file(path)) /* a pipe would be emptied */
        *kind = kind_make(KIND_SPECIAL, "neither a file nor a folder", NULL);
    else {
        TRY(kind_read_head(path, head, &bytes));
        *kind = kind_of_bytes(head, bytes);
    }
    return ST_OK;
}

enum status kind_refuse_as(const struct kind *kind, const char *path,
                           const char *expected)
{
    if (kind->class == KIND_OTHER)
        FAIL(ST_FAIL, "'%s' is not %s", path, expected);
    FAIL(ST_FAIL, "'%s' is %s, not %s%s%s", path, kind->words, expected,
         kind->advice ? ": " : "", kind->advice ? kind->advice : "");
}
