#include "data/import.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/stop.h"
#include "import_impl.h"
#include "io/stream.h"

#define BLOCK_BYTES ((size_t)4 << 20)
#define LINE_BYTES  ((size_t)256 << 20) /* a longer line is not CSV */

/* Reads a stream block by block and yields its lines. */
struct csv_lines {
    struct stream *stream;
    const char *path;
    char *buffer; /* owned */
    size_t room, begin, end;
    bool finished; /* the stream has ended */
    size_t number; /* of the current line, from 1 */
};

static enum status csv_lines_refill(struct csv_lines *lines)
{
    size_t left = lines->end - lines->begin, got;
    if (lines->begin > 0)
        memmove(lines->buffer, lines->buffer + lines->begin, left);
    if (lines->room - left < BLOCK_BYTES) {
        if (left > LINE_BYTES)
            FAIL(ST_FAIL, "line %zu of '%s' has no end: this is not a CSV file",
                 lines->number + 1, lines->path);
        lines->room = left + 2 * BLOCK_BYTES;
        lines->buffer = mem_resize(lines->buffer, lines->room + 1, 1);
    }
    TRY(stream_read(lines->stream, lines->buffer + left, BLOCK_BYTES, &got));
    lines->begin = 0;
    lines->end = left + got;
    lines->finished = got == 0;
    return ST_OK;
}

/* The next line without its end, NUL-terminated; *line is NULL after the last. */
static enum status csv_lines_next(struct csv_lines *lines, char **line)
{
    for (size_t searched = 0;;) {
        char *start = lines->buffer + lines->begin;
        size_t left = lines->end - lines->begin;
        char *end =
            left > searched ? memchr(start + searched, '\n', left - searched) : NULL;
        if (end || (lines->finished && left > 0)) {
            size_t length = end ? (size_t)(end - start) : left;
            lines->begin += length + (end != NULL);
            lines->number++;
            start[length] = '\0';
            *line = start;
            return ST_OK;
        }
        *line = NULL;
        if (lines->finished)
            return ST_OK;
        searched = left;
        TRY(csv_lines_refill(lines));
    }
}

/* The state of reading one split. */
struct csv_reader {
    struct csv_lines lines;
    const struct import_csv_options *options;
    struct import_labels *labels;
    struct dataset_builder *builder;
    enum dataset_split split;
    size_t columns, columns_line; /* of every row, and the line that set the number */
    size_t room;                  /* images that fit into the arrays */
    uint8_t *row;                 /* owned: pixels of a line before it is transposed */
};

static bool csv_is_blank(const char *text)
{
    return text[strspn(text, " \t\r")] == '\0';
}

static size_t csv_count_columns(const char *line)
{
    size_t n = 1;
    for (; *line; line++)
        n += *line == ',';
    return n;
}

/* Reads a whole number at *p and moves *p past the comma that follows. */
static enum status csv_read_field(const struct csv_reader *reader, const char **p,
                                  size_t column, long long *value)
{
    const char *q = *p;
    while (*q == ' ' || *q == '\t')
        q++;
    bool minus = *q == '-';
    q += minus;
    const char *digits = q;
    long long v = 0;
    for (; *q >= '0' && *q <= '9' && q - digits < 10; q++)
        v = 10 * v + (*q - '0');
    bool good = q > digits;
    while (*q == ' ' || *q == '\t' || *q == '\r')
        q++;
    if (!good || (*q != ',' && *q != '\0')) {
        int length = (int)strcspn(*p, ",\r");
        FAIL(ST_FAIL, "line %zu of '%s': '%.*s' in column %zu is not a whole number",
             reader->lines.number, reader->lines.path, length < 40 ? length : 40, *p,
             column);
    }
    *value = minus ? -v : v;
    *p = q + (*q == ',');
    return ST_OK;
}

static enum status csv_read_pixels(const struct csv_reader *reader, const char *p,
                                   uint8_t *pixel)
{
    long long value;
    for (size_t i = 1; i < reader->columns; i++) {
        /* The fast path: one to three digits and a comma. */
        unsigned v = 0;
        const char *q = p;
        while (*q >= '0' && *q <= '9' && q - p < 4)
            v = 10 * v + (unsigned)(*q++ - '0');
        if (q > p && *q == ',' && v <= 255) {
            *pixel++ = (uint8_t)v;
            p = q + 1;
            continue;
        }
        TRY(csv_read_field(reader, &p, i + 1, &value));
        if (value < 0 || value > 255)
            FAIL(ST_FAIL,
                 "line %zu of '%s': pixel %lld in column %zu is not within 0..255",
                 reader->lines.number, reader->lines.path, value, i + 1);
        *pixel++ = (uint8_t)value;
    }
    return ST_OK;
}

/* The first row sets the number of columns and so the size of images. */
static enum status csv_set_shape(struct csv_reader *reader, const char *line)
{
    struct dataset_builder *builder = reader->builder;
    size_t pixels = csv_count_columns(line) - 1, side = (size_t)sqrt((double)pixels);
    size_t h = (size_t)reader->options->h, w = (size_t)reader->options->w;
    const char *path = reader->lines.path;
    reader->columns = pixels + 1;
    reader->columns_line = reader->lines.number;
    if (pixels == 0)
        FAIL(ST_FAIL,
             "line %zu of '%s' has one column; a label and pixels, separated by "
             "commas, are expected",
             reader->lines.number, path);
    if (h == 0 && (side * side != pixels || side > INT16_MAX))
        FAIL(ST_FAIL,
             "%zu pixels in '%s' do not make a square image; give the size with "
             "--size HEIGHTxWIDTH",
             pixels, path);
    if (h == 0)
        h = w = side;
    if (h * w != pixels)
        FAIL(ST_FAIL, "line %zu of '%s' has %zu pixels, but %zu x %zu are %zu",
             reader->lines.number, path, pixels, h, w, h * w);
    if (builder->h && ((size_t)builder->h != h || (size_t)builder->w != w))
        FAIL(ST_FAIL,
             "'%s' holds images of %zu x %zu pixels, but those for training have "
             "%d x %d",
             path, h, w, builder->h, builder->w);
    builder->h = (int)h;
    builder->w = (int)w;
    reader->row = mem_zeroed(pixels, 1);
    return ST_OK;
}

static enum status csv_read_row(struct csv_reader *reader, const char *line)
{
    struct dataset_builder *b = reader->builder;
    const char *path = reader->lines.path, *p = line;
    size_t n = b->count[reader->split], number = reader->lines.number;
    long long raw;
    if (!reader->columns)
        TRY(csv_set_shape(reader, line));
    import_make_room(b, reader->split, &reader->room);
    uint8_t *pixel = b->images[reader->split] + n * (reader->columns - 1);
    enum status st = csv_count_columns(line) == reader->columns ? ST_OK : ST_FAIL;
    if (st != ST_OK)
        FAIL(ST_FAIL, "line %zu of '%s' has %zu columns, but line %zu has %zu", number,
             path, csv_count_columns(line), reader->columns_line, reader->columns);
    TRY(csv_read_field(reader, &p, 1, &raw));
    TRY(import_label(reader->labels, raw, path, "line", number,
                     b->labels[reader->split] + n));
    TRY(csv_read_pixels(reader, p, reader->options->transpose ? reader->row : pixel));
    if (reader->options->transpose)
        import_transpose(b->w, b->h, reader->row, pixel);
    b->count[reader->split]++;
    return ST_OK;
}

static bool csv_is_heading(const char *line)
{
    line += strspn(line, " \t");
    return isalpha((unsigned char)*line) || *line == '"' || *line == '_';
}

static enum status csv_read_rows(struct csv_reader *reader)
{
    struct csv_lines *lines = &reader->lines;
    char *line;
    TRY(csv_lines_refill(lines));
    if (lines->end >= 3 && memcmp(lines->buffer, "\xef\xbb\xbf", 3) == 0)
        lines->begin = 3; /* a byte order mark */
    for (;;) {
        TRY(csv_lines_next(lines, &line));
        if (!line)
            break;
        if (csv_is_blank(line) || (lines->number == 1 && csv_is_heading(line)))
            continue;
        TRY(csv_read_row(reader, line));
        if (stop_requested())
            FAIL(ST_FAIL, "interrupted: nothing was written");
        if (lines->number % 4096 == 0)
            log_progress("%s: %zu images", lines->path,
                         reader->builder->count[reader->split]);
    }
    if (reader->builder->count[reader->split] == 0)
        FAIL(ST_FAIL, "'%s' holds no images", lines->path);
    return ST_OK;
}

static enum status csv_read_split(const struct import_csv_options *options,
                                  enum dataset_split split, struct import_labels *labels,
                                  struct dataset_builder *builder)
{
    struct csv_reader reader = {.options = options,
                                .labels = labels,
                                .builder = builder,
                                .split = split,
                                .lines.path = options->file[split]};
    TRY(stream_open(&reader.lines.stream, options->file[split]));
    enum status st = csv_read_rows(&reader);
    stream_close(reader.lines.stream);
    free(reader.lines.buffer);
    free(reader.row);
    return st;
}

static enum status csv_read_all(const struct import_csv_options *options,
                                struct dataset_builder *builder)
{
    struct import_labels labels = {.base = options->label_base};
    TRY(import_named_classes(options->classes, builder, &labels));
    for (int s = 0; s < DATASET_SPLITS; s++) {
        if (options->file[s])
            TRY(csv_read_split(options, s, &labels, builder));
    }
    import_number_classes(builder, &labels);
    const char *test = options->file[DATASET_TEST];
    builder->treatment = import_untreated();
    if (!test)
        import_take_share(builder, DATASET_TEST, options->test_share, options->seed);
    builder->source = mem_format("CSV file%s %s%s%s", test ? "s" : "",
                                 import_basename(options->file[DATASET_TRAIN]),
                                 test ? ", " : "", test ? import_basename(test) : "");
    return ST_OK;
}

enum status import_csv(const struct import_csv_options *options,
                       struct dataset_builder *builder)
{
    *builder = (struct dataset_builder){0};
    enum status st = csv_read_all(options, builder);
    if (st != ST_OK)
        dataset_builder_release(builder);
    return st;
}
