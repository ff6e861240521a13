/* Fields of a table, its heading, and what its columns are. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/parse.h"
#include "import_csv.h"

#define CSV_NUMBER    64 /* bytes of a number, at most */
#define CSV_COUNTING  10 /* columns of a heading 0,1,2,...: fewer may be pixels */
#define CSV_BASES     256
#define CSV_ROW_CELLS 4 /* numbers that make a line a row of a table */

/* --- fields --- */

char csv_separator(const char *line)
{
    for (const char *separator = "\t;,"; *separator; separator++)
        if (strchr(line, *separator))
            return *separator;
    return ' ';
}

void csv_squeeze(char *line, char separator)
{
    char *out = line;
    if (separator != ' ')
        return;
    for (const char *in = line; *in; in++) {
        bool blank = isspace((unsigned char)*in);
        if (!blank)
            *out++ = *in;
        else if (out > line && out[-1] != ' ')
            *out++ = ' ';
    }
    out -= out > line && out[-1] == ' ';
    *out = '\0';
}

size_t csv_count_fields(const char *line, char separator)
{
    /* Counted in bytes, 16 at a time: a loop up to the NUL takes ten times as long. */
    size_t n = 1, length = strlen(line);
    for (size_t i = 0; i < length;) {
        size_t end = length - i < UINT8_MAX ? length : i + UINT8_MAX;
        uint8_t few = 0;
        for (; i < end; i++)
            few = (uint8_t)(few + (line[i] == separator));
        n += few;
    }
    return n;
}

struct csv_field csv_next_field(const char **p, char separator)
{
    const char *begin = *p, *end = begin;
    while (*end && *end != separator)
        end++;
    *p = end + (*end != '\0');
    while (begin < end && isspace((unsigned char)*begin))
        begin++;
    while (end > begin && isspace((unsigned char)end[-1]))
        end--;
    if (end - begin >= 2 && *begin == '"' && end[-1] == '"') {
        begin++;
        end--;
    }
    return (struct csv_field){begin, (size_t)(end - begin)};
}

bool csv_read_number(struct csv_field field, char separator, double *value)
{
    char copy[CSV_NUMBER];
    if (field.length == 0 || field.length >= sizeof copy)
        return false;
    for (size_t i = 0; i < field.length; i++) {
        copy[i] = separator == ';' && field.text[i] == ',' ? '.' : field.text[i];
        if (!isdigit((unsigned char)copy[i]) && !strchr("+-.eE", copy[i]))
            return false;
    }
    copy[field.length] = '\0';
    return parse_real(copy, -1e300, 1e300, value);
}

/* --- headings --- */

/* How many fields are no numbers, and are the others i, i + 1, i + 2, ... from 0 or 1? */
static size_t csv_count_words(const char *line, char separator, bool *counting)
{
    size_t words = 0, numbers = 0;
    double value, next = 0;
    *counting = true;
    for (const char *p = line; *p;) {
        if (!csv_read_number(csv_next_field(&p, separator), separator, &value)) {
            words++;
            continue;
        }
        if (numbers++ == 0)
            *counting = value == 0 || value == 1;
        else
            *counting = *counting && value == next;
        next = value + 1;
    }
    *counting = *counting && numbers >= CSV_COUNTING;
    return words;
}

bool csv_is_mangled(const char *line, char separator)
{
    int seen[CSV_BASES] = {0}, changed = 0, columns = 0;
    for (const char *p = line; *p; columns++) {
        struct csv_field field = csv_next_field(&p, separator);
        char copy[CSV_NUMBER], *dot;
        long long base, times = 0;
        if (field.length >= sizeof copy)
            return false;
        memcpy(copy, field.text, field.length);
        copy[field.length] = '\0';
        dot = strchr(copy, '.');
        if (dot)
            *dot++ = '\0';
        if (!parse_int(copy, 0, CSV_BASES - 1, &base) ||
            (dot && !parse_int(dot, 1, INT32_MAX, &times)) || seen[base]++ != times)
            return false;
        changed += dot != NULL;
    }
    return columns >= CSV_ROW_CELLS && 2 * changed > columns;
}

bool csv_is_heading(const char *first, const char *second, char separator)
{
    bool counting;
    size_t words = csv_count_words(first, separator, &counting);
    if (counting || words >= 2)
        return true;
    if (words == 0)
        return csv_is_mangled(first, separator);
    /* One word: the name of the label's column, or a label that is a word. */
    const char *p = first, *q = second;
    size_t columns = csv_count_fields(first, separator);
    double value;
    if (!second || csv_count_fields(second, separator) != columns)
        return false;
    for (size_t i = 0; i < columns; i++) {
        struct csv_field above = csv_next_field(&p, separator);
        struct csv_field below = csv_next_field(&q, separator);
        if (!csv_read_number(above, separator, &value))
            return (i == 0 || i == columns - 1) &&
                   csv_read_number(below, separator, &value);
    }
    return false;
}

/* --- columns --- */

static bool csv_named(struct csv_field field, const char *const names[])
{
    for (; *names; names++)
        if (strlen(*names) == field.length &&
            strncasecmp(*names, field.text, field.length) == 0)
            return true;
    return false;
}

static bool csv_is_side(const struct import_csv_options *options, size_t pixels)
{
    size_t side = (size_t)sqrt((double)pixels);
    return options->h ? pixels == (size_t)options->h * (size_t)options->w
                      : pixels > 0 && side * side == pixels;
}

/* What the heading says. *extra: its names begin one column later, as R writes them. */
static void csv_read_heading(struct csv_layout *layout, const char *heading,
                             const char *wanted)
{
    static const char *const labels[] = {"label", "labels", "class",     "target", "y",
                                         "digit", "letter", "character", "labels", NULL};
    static const char *const indices[] = {"", "unnamed: 0", "index", "idx", NULL};
    const char *const own[] = {wanted, NULL};
    size_t names = csv_count_fields(heading, layout->separator);
    int column = 0;
    if (names + 1 == layout->columns) { /* the rows' own names have no heading, in R */
        layout->index = true;
        column = 1;
    } else if (names != layout->columns) {
        return;
    }
    for (const char *p = heading; column < (int)layout->columns; column++) {
        struct csv_field field = csv_next_field(&p, layout->separator);
        if (csv_named(field, wanted ? own : labels))
            layout->label = layout->label >= 0 ? layout->label : column;
        else if (column == 0 && csv_named(field, indices))
            layout->index = true;
    }
}

/* The column that --label-column names, unless it is that of a heading. */
static enum status csv_wanted_column(struct csv_layout *layout, const char *wanted,
                                     const char *path)
{
    long long number;
    if (strcmp(wanted, "first") == 0)
        layout->label = layout->index;
    else if (strcmp(wanted, "last") == 0)
        layout->label = (int)layout->columns - 1;
    else if (parse_int(wanted, 1, (long long)layout->columns, &number))
        layout->label = (int)number - 1;
    else if (layout->label < 0)
        FAIL(ST_USAGE,
             "'--label-column %s': '%s' has no such column; expected first, last, a name "
             "of its heading, or a number from 1 to %zu",
             wanted, path, layout->columns);
    return ST_OK;
}

/* Words in the row are labels; a number too many in front counts the rows. */
static void csv_read_first_row(struct csv_layout *layout, const char *row,
                               const struct import_csv_options *options)
{
    struct csv_field field = {0};
    double first = 0, last;
    const char *p = row;
    bool first_number =
        csv_read_number(csv_next_field(&p, layout->separator), layout->separator, &first);
    for (p = row; *p;)
        field = csv_next_field(&p, layout->separator);
    bool last_number = csv_read_number(field, layout->separator, &last);
    if (!layout->index && layout->columns > 2 &&
        csv_is_side(options, layout->columns - 2) &&
        !csv_is_side(options, layout->columns - 1) && first_number &&
        (first == 0 || first == 1) && layout->label != 0) {
        layout->index = layout->guessed = true;
        layout->first = first;
    }
    if (layout->label < 0 && !first_number && !layout->index)
        layout->label = 0;
    else if (layout->label < 0 && !last_number)
        layout->label = (int)layout->columns - 1;
}

static enum status csv_check_columns(const struct csv_layout *layout,
                                     const struct import_csv_options *options,
                                     const char *path)
{
    size_t all = layout->columns - layout->index;
    if (all < 2)
        FAIL(ST_FAIL,
             "line %zu of '%s' has one column; a label and pixels, separated by commas, "
             "semicolons, tabs or blanks, are expected",
             layout->line, path);
    if (layout->label < 0 && csv_is_side(options, all) && !csv_is_side(options, all - 1))
        FAIL(ST_FAIL,
             "'%s' has no labels: its %zu columns are the pixels of an image; images for "
             "training and testing need a column with their labels",
             path, all);
    return ST_OK;
}

enum status csv_layout_find(struct csv_layout *layout, const char *heading,
                            const char *row, const struct import_csv_options *options,
                            const char *path, int known)
{
    const char *wanted = options->label_column;
    layout->columns = csv_count_fields(row, layout->separator);
    layout->label = CSV_LABEL_OPEN;
    if (heading)
        csv_read_heading(layout, heading, wanted);
    csv_read_first_row(layout, row, options);
    if (wanted)
        TRY(csv_wanted_column(layout, wanted, path));
    TRY(csv_check_columns(layout, options, path));
    if (layout->label < 0 && known >= 0)
        layout->label = known;
    if (layout->label < 0 && layout->columns - layout->index == 2)
        layout->label = layout->index;
    if (layout->index && layout->label == 0)
        layout->index = layout->guessed = false;
    layout->pixels = layout->columns - layout->index - 1;
    if (layout->label >= (int)layout->columns)
        FAIL(ST_FAIL, "'%s' has %zu columns, and the labels are expected in column %d",
             path, layout->columns, layout->label + 1);
    return ST_OK;
}

/* --- recognition --- */

bool import_csv_is_table(const char *text, size_t bytes)
{
    const char *line = NULL;
    for (size_t i = 0, lines = 0; i < bytes && lines < 2;) {
        const char *end = memchr(text + i, '\n', bytes - i);
        size_t length = end ? (size_t)(end - text) - i : bytes - i;
        if (length > 1 && text[i] != '#') {
            line = text + i;
            lines++;
        }
        i += length + 1;
    }
    if (!line)
        return false;
    size_t length = strcspn(line, "\n"), numbers = 0, fields = 0;
    char *copy = mem_format("%.*s", (int)length, line), separator = csv_separator(copy);
    double value;
    csv_squeeze(copy, separator);
    for (const char *p = copy; *p; fields++)
        numbers += csv_read_number(csv_next_field(&p, separator), separator, &value);
    free(copy);
    return fields > (separator == ' ' ? CSV_ROW_CELLS : 1) && numbers > 0 &&
           numbers + 2 >= fields;
}
