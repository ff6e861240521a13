#include "weights_classes.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "io/stream.h"
#include "io/text.h"

#define CLASSES_BYTES (16u << 20) /* of the file */

struct classes_line {
    const char *name;
    int line;
};

static int classes_by_name(const void *a, const void *b)
{
    const struct classes_line *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : x->line - y->line;
}

/* Tells the first line whose name was there before. lines: (count), sorted here. */
static enum status classes_check_equal(const char *path, struct classes_line *lines,
                                       int count)
{
    const struct classes_line *twin = NULL;
    qsort(lines, (size_t)count, sizeof *lines, classes_by_name);
    for (int i = 1; i < count; i++)
        if (strcmp(lines[i - 1].name, lines[i].name) == 0 &&
            (!twin || lines[i].line < twin->line))
            twin = &lines[i];
    if (twin)
        FAIL(ST_USAGE,
             "'%s': lines %d and %d are both '%s', but classes are known by their names: "
             "make the names differ, e.g. 'crane bird' and 'crane machine'",
             path, twin[-1].line, twin->line, twin->name);
    return ST_OK;
}

/* The names of `text`, which is cut to pieces. *count: names that it has. */
static enum status classes_read_text(const char *path, char *text, int classes,
                                     char **name, struct classes_line *lines, int *count)
{
    int number = 0;
    *count = 0;
    for (char *line; (line = strsep(&text, "\n")) != NULL;) {
        char *trimmed = parse_trim(line);
        number++;
        if (!*trimmed)
            continue;
        if (!text_is_whole_utf8(trimmed))
            FAIL(ST_USAGE, "'%s': line %d is not UTF-8: save the file as UTF-8", path,
                 number);
        if (*count < classes) {
            name[*count] = text_nfc(trimmed);
            lines[*count] = (struct classes_line){name[*count], number};
        }
        (*count)++;
    }
    return ST_OK;
}

enum status weights_read_classes(const char *path, int classes, char **name)
{
    char *text;
    size_t bytes;
    int count;
    TRY(stream_read_text(path, CLASSES_BYTES, &text, &bytes));
    struct classes_line *lines = mem_zeroed((size_t)classes, sizeof *lines);
    enum status st = classes_read_text(path, text, classes, name, lines, &count);
    if (st == ST_OK && count != classes)
        st =
            status_fail(ST_USAGE, "'%s' has %d names, and the weights are for %d classes",
                        path, count, classes);
    if (st == ST_OK)
        st = classes_check_equal(path, lines, count);
    free(lines);
    free(text);
    return st;
}
