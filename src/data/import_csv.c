#include "data/import.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/stop.h"
#include "import_csv.h"

/* The state of reading one split. */
struct csv_reader {
    struct csv_lines lines;
    struct csv_layout layout;
    const struct import_csv_options *options;
    struct csv_labels *labels;
    struct dataset_builder *builder;
    enum dataset_split split;
    int known;             /* the label's column in the training file */
    char *heading, *first; /* owned: lines that wait for the next one */
    size_t first_line;
    size_t room; /* images that fit into the arrays */
    /* While the label's column is open, of each row: */
    double *cell[2]; /* owned: the first and the last value */
    size_t *line;    /* owned */
    size_t cells;    /* room */
};

static bool csv_is_blank(const char *text)
{
    return text[strspn(text, " \t\r")] == '\0';
}

/* --- cells --- */

static enum status csv_refuse_cell(const struct csv_reader *reader,
                                   struct csv_field field, size_t column)
{
    int length = field.length < 40 ? (int)field.length : 40;
    FAIL(ST_FAIL, "line %zu of '%s': '%.*s' in column %zu is not a number",
         reader->lines.number, reader->lines.path, length, field.text, column + 1);
}

static enum status csv_set_pixel(const struct csv_reader *reader, double value,
                                 size_t line, size_t column, uint8_t *pixel)
{
    double most = reader->options->table.max_value;
    const char *path = reader->lines.path;
    if (most <= 0 && value >= 0 && value <= 255 && value != floor(value))
        FAIL(ST_FAIL,
             "line %zu of '%s': pixel %g in column %zu is not a whole number; if all are "
             "within 0..1, give --max-value 1",
             line, path, value, column + 1);
    if (!import_scale(value, most > 0 ? most : 255, pixel))
        FAIL(ST_FAIL, "line %zu of '%s': pixel %.15g in column %zu is not within 0..%g",
             line, path, value, column + 1, most > 0 ? most : 255);
    return ST_OK;
}

/* n pixels from column `column` on; moves *text past them. */
static enum status csv_read_pixels(const struct csv_reader *reader, const char **text,
                                   size_t column, size_t n, uint8_t *pixel)
{
    const char *p = *text, separator = reader->layout.separator;
    const bool plain = reader->options->table.max_value <= 0;
    for (size_t i = 0; i < n; i++) {
        /* The fast path: one to three digits and a separator. */
        unsigned v = 0;
        const char *q = p;
        while (*q >= '0' && *q <= '9' && q - p < 4)
            v = 10 * v + (unsigned)(*q++ - '0');
        if (plain && q > p && *q == separator && v <= 255) {
            *pixel++ = (uint8_t)v;
            p = q + 1;
            continue;
        }
        double value;
        struct csv_field field = csv_next_field(&p, separator);
        if (!csv_read_number(field, separator, &value))
            return csv_refuse_cell(reader, field, column + i);
        TRY(csv_set_pixel(reader, value, reader->lines.number, column + i, pixel++));
    }
    *text = p;
    return ST_OK;
}

static enum status csv_read_cell(struct csv_reader *reader, const char **p, size_t column,
                                 double *value)
{
    struct csv_field field = csv_next_field(p, reader->layout.separator);
    if (!csv_read_number(field, reader->layout.separator, value))
        return csv_refuse_cell(reader, field, column);
    return ST_OK;
}

/* --- rows --- */

static enum status csv_set_shape(struct csv_reader *reader)
{
    struct dataset_builder *builder = reader->builder;
    size_t pixels = reader->layout.pixels, side = (size_t)sqrt((double)pixels);
    size_t h = (size_t)reader->options->h, w = (size_t)reader->options->w;
    const char *path = reader->lines.path;
    if (h == 0 && (side * side != pixels || side > INT16_MAX))
        FAIL(ST_FAIL,
             "%zu pixels in '%s' do not make a square image; give the size with "
             "--size HEIGHTxWIDTH",
             pixels, path);
    if (h == 0)
        h = w = side;
    if (h * w != pixels)
        FAIL(ST_FAIL, "line %zu of '%s' has %zu pixels, but %zu x %zu are %zu",
             reader->layout.line, path, pixels, h, w, h * w);
    if (builder->h && ((size_t)builder->h != h || (size_t)builder->w != w))
        FAIL(ST_FAIL,
             "'%s' holds images of %zu x %zu pixels, but those for training have "
             "%d x %d",
             path, h, w, builder->h, builder->w);
    builder->h = (int)h;
    builder->w = (int)w;
    return ST_OK;
}

static void csv_make_cells(struct csv_reader *reader, size_t n)
{
    if (n < reader->cells)
        return;
    reader->cells = 2 * n + 1024;
    for (int k = 0; k < 2; k++)
        reader->cell[k] = mem_resize(reader->cell[k], reader->cells, sizeof(double));
    reader->line = mem_resize(reader->line, reader->cells, sizeof *reader->line);
}

/* Image n of the split, from the text behind the index. */
static enum status csv_read_image(struct csv_reader *reader, const char *p, size_t n)
{
    const struct csv_layout *layout = &reader->layout;
    uint8_t *pixel = reader->builder->images[reader->split] + n * layout->pixels;
    size_t begin = layout->index;
    if (layout->label == CSV_LABEL_OPEN) {
        csv_make_cells(reader, n);
        reader->line[n] = reader->lines.number;
        TRY(csv_read_cell(reader, &p, begin, &reader->cell[0][n]));
        TRY(csv_read_pixels(reader, &p, begin + 1, layout->pixels - 1, pixel + 1));
        return csv_read_cell(reader, &p, layout->columns - 1, &reader->cell[1][n]);
    }
    size_t before = (size_t)layout->label - begin;
    TRY(csv_read_pixels(reader, &p, begin, before, pixel));
    TRY(csv_read_label(reader->labels, csv_next_field(&p, layout->separator), layout,
                       &reader->lines, &reader->builder->labels[reader->split][n]));
    return csv_read_pixels(reader, &p, (size_t)layout->label + 1, layout->pixels - before,
                           pixel + before);
}

/* Row n must have the next number, if nothing but the number of columns says so. */
static enum status csv_check_index(const struct csv_reader *reader,
                                   struct csv_field field, size_t n)
{
    const struct csv_layout *layout = &reader->layout;
    double value = 0;
    bool number = csv_read_number(field, layout->separator, &value);
    if (layout->guessed && (!number || value != layout->first + (double)n))
        FAIL(ST_FAIL,
             "line %zu of '%s': %zu columns are no label and the pixels of a square "
             "image, and the first one does not number the rows; give the size with "
             "--size HEIGHTxWIDTH",
             reader->lines.number, reader->lines.path, layout->columns);
    return ST_OK;
}

static enum status csv_read_row(struct csv_reader *reader, char *line)
{
    const struct csv_layout *layout = &reader->layout;
    struct dataset_builder *b = reader->builder;
    const char *p = line;
    csv_squeeze(line, layout->separator);
    size_t n = b->count[reader->split],
           columns = csv_count_fields(line, layout->separator);
    if (columns != layout->columns)
        FAIL(ST_FAIL, "line %zu of '%s' has %zu columns, but line %zu has %zu",
             reader->lines.number, reader->lines.path, columns, layout->line,
             layout->columns);
    import_make_room(b, reader->split, &reader->room);
    if (layout->index)
        TRY(csv_check_index(reader, csv_next_field(&p, layout->separator), n));
    TRY(csv_read_image(reader, p, n));
    b->count[reader->split]++;
    if (stop_requested())
        FAIL(ST_FAIL, "interrupted: nothing was written");
    if (n % 4096 == 4095)
        log_progress("%s: %zu images", reader->lines.path, n);
    return ST_OK;
}

/* --- lines --- */

/* Is the label in this row a word? */
static bool csv_has_word(const struct csv_layout *layout, const char *row)
{
    struct csv_field field = {0};
    double value;
    for (int i = 0; i <= layout->label; i++)
        field = csv_next_field(&row, layout->separator);
    return layout->label >= 0 && !csv_read_number(field, layout->separator, &value);
}

/* The layout is known from the first two lines; `row` is the first one that is not a
   heading. */
static enum status csv_begin(struct csv_reader *reader, const char *row, size_t line)
{
    reader->layout.line = line;
    TRY(csv_layout_find(&reader->layout, reader->heading, row, reader->options,
                        reader->lines.path, reader->known));
    if (reader->split == DATASET_TRAIN && !reader->labels->labels->classes)
        reader->labels->words = csv_has_word(&reader->layout, row);
    return csv_set_shape(reader);
}

/* The first line, when the second is known or there is none. */
static enum status csv_take_first(struct csv_reader *reader, const char *second)
{
    struct csv_layout *layout = &reader->layout;
    char *first = reader->first;
    enum status st = ST_OK;
    reader->first = NULL;
    layout->separator = csv_separator(first);
    csv_squeeze(first, layout->separator);
    if (csv_is_heading(first, second, layout->separator)) {
        if (csv_is_mangled(first, layout->separator))
            log_note("line %zu of '%s' is a heading that pandas made of an image, which "
                     "is lost: read the original with header=None",
                     reader->first_line, reader->lines.path);
        free(reader->heading);
        reader->heading = first;
        return ST_OK;
    }
    size_t now = reader->lines.number;
    reader->lines.number = reader->first_line;
    st = csv_begin(reader, first, reader->first_line);
    if (st == ST_OK)
        st = csv_read_row(reader, first);
    reader->lines.number = now;
    free(first);
    return st;
}

static enum status csv_take_line(struct csv_reader *reader, char *line)
{
    struct csv_layout *layout = &reader->layout;
    if (line[strspn(line, " \t\r")] == '#') {
        if (!reader->heading && !layout->columns) /* numpy.savetxt(header=...) */
            reader->heading = mem_strdup(line + strspn(line, " \t\r#"));
        return ST_OK;
    }
    if (!layout->separator && !reader->first) {
        reader->first = mem_strdup(line);
        reader->first_line = reader->lines.number;
        return ST_OK;
    }
    if (!layout->separator) {
        char *second = mem_strdup(line);
        csv_squeeze(second, csv_separator(reader->first));
        enum status st = csv_take_first(reader, second);
        free(second);
        TRY(st);
    }
    if (!layout->columns) {
        layout->separator = csv_separator(line); /* a heading may have others */
        csv_squeeze(line, layout->separator);
        TRY(csv_begin(reader, line, reader->lines.number));
    }
    return csv_read_row(reader, line);
}

static enum status csv_read_rows(struct csv_reader *reader)
{
    struct csv_lines *lines = &reader->lines;
    char *line;
    for (;;) {
        TRY(csv_lines_next(lines, &line));
        if (!line)
            break;
        if (!csv_is_blank(line))
            TRY(csv_take_line(reader, line));
    }
    if (reader->first)
        TRY(csv_take_first(reader, NULL));
    if (reader->layout.index)
        log_note("'%s': the first column numbers the rows, and is not used", lines->path);
    if (reader->builder->count[reader->split] == 0)
        FAIL(ST_FAIL, "'%s' holds no images", lines->path);
    return ST_OK;
}

/* --- the end of a file --- */

/* All rows are there: decides which column has the labels, and sorts the cells into
   labels and pixels. */
static enum status csv_decide_label(struct csv_reader *reader)
{
    struct dataset_builder *b = reader->builder;
    size_t n = b->count[reader->split], pixels = reader->layout.pixels;
    bool last = csv_label_is_last(reader->cell[0], reader->cell[1], n);
    size_t columns[] = {reader->layout.index, reader->layout.columns - 1};
    reader->layout.label = (int)columns[last];
    if (last)
        log_note("'%s': the labels are in the last column; --label-column first decides "
                 "otherwise",
                 reader->lines.path);
    for (size_t i = 0; i < n; i++) {
        uint8_t *image = b->images[reader->split] + i * pixels;
        double label = reader->cell[last][i];
        reader->lines.number = reader->line[i];
        if (!last)
            memmove(image, image + 1, pixels - 1);
        TRY(csv_set_pixel(reader, reader->cell[!last][i], reader->line[i], columns[!last],
                          image + (last ? 0 : pixels - 1)));
        if (label != floor(label) || fabs(label) > INT32_MAX)
            FAIL(ST_FAIL,
                 "line %zu of '%s': the label %.15g in column %d is not a whole number",
                 reader->line[i], reader->lines.path, label, reader->layout.label + 1);
        TRY(import_label(reader->labels->labels, (long long)label, reader->lines.path,
                         "line", reader->line[i], &b->labels[reader->split][i]));
    }
    return ST_OK;
}

static void csv_transpose(struct csv_reader *reader)
{
    struct dataset_builder *b = reader->builder;
    size_t pixels = reader->layout.pixels;
    uint8_t *one = mem_zeroed(pixels, 1);
    for (size_t i = 0; i < b->count[reader->split]; i++) {
        uint8_t *image = b->images[reader->split] + i * pixels;
        memcpy(one, image, pixels);
        import_transpose(b->w, b->h, one, image);
    }
    free(one);
}

static enum status csv_read_split(struct csv_reader *reader)
{
    TRY(csv_lines_open(&reader->lines, reader->options->file[reader->split]));
    enum status st = csv_read_rows(reader);
    if (st == ST_OK && reader->layout.label == CSV_LABEL_OPEN)
        st = csv_decide_label(reader);
    if (st == ST_OK && reader->options->table.transpose)
        csv_transpose(reader);
    csv_lines_close(&reader->lines);
    free(reader->heading);
    free(reader->first);
    free(reader->cell[0]);
    free(reader->cell[1]);
    free(reader->line);
    return st;
}

static enum status csv_read_all(const struct import_csv_options *options,
                                struct dataset_builder *builder,
                                struct csv_labels *labels)
{
    const char *train = options->file[DATASET_TRAIN], *test = options->file[DATASET_TEST];
    int known = CSV_LABEL_NONE;
    TRY(import_named_classes(&options->table, builder, labels->labels));
    for (int s = 0; s < DATASET_SPLITS; s++) {
        struct csv_reader reader = {.options = options,
                                    .labels = labels,
                                    .builder = builder,
                                    .split = s,
                                    .known = known};
        if (!options->file[s])
            continue;
        TRY(csv_read_split(&reader));
        known = reader.layout.label;
    }
    if (labels->words)
        csv_sort_words(builder);
    TRY(import_finish(builder, labels->labels, &options->table, train));
    builder->source =
        mem_format("CSV file%s %s%s%s", test ? "s" : "", import_basename(train),
                   test ? ", " : "", test ? import_basename(test) : "");
    return ST_OK;
}

enum status import_csv(const struct import_csv_options *options,
                       struct dataset_builder *builder)
{
    struct import_labels numbers;
    struct csv_labels labels = {.labels = &numbers, .builder = builder};
    *builder = (struct dataset_builder){0};
    enum status st = csv_read_all(options, builder, &labels);
    import_names_release(&labels.names);
    if (st != ST_OK)
        dataset_builder_release(builder);
    return st;
}
