/*
 * import_csv: the parts of import_csv().
 *
 *   import_csv_lines.c   lines of a file
 *   import_csv_layout.c  fields, headings, which column is what
 *   import_csv_label.c   labels: numbers, words; the label's column if nothing names it
 *   import_csv.c         rows to images
 */
#ifndef LOCKSTEP_DATA_IMPORT_CSV_H
#define LOCKSTEP_DATA_IMPORT_CSV_H

#include "import_impl.h"
#include "import_names.h"

struct stream;

/* --- lines --- */

/* Reads a text block by block and yields its lines. */
struct csv_lines {
    struct stream *stream;
    const char *path;
    char *buffer; /* owned */
    size_t room, begin, end;
    bool finished; /* the stream has ended */
    size_t number; /* of the current line, from 1 */
};

/* Refuses what is no text by naming it. */
enum status csv_lines_open(struct csv_lines *lines, const char *path) MUST_CHECK;
void csv_lines_close(struct csv_lines *lines);
/* The next line without its end, NUL-terminated; *line is NULL after the last. */
enum status csv_lines_next(struct csv_lines *lines, char **line) MUST_CHECK;

/* --- fields --- */

/* , ; or a tab; a blank stands for any number of blanks and tabs. */
char csv_separator(const char *line);
/* If the separator is a blank: none at the ends, and one between two fields. */
void csv_squeeze(char *line, char separator);
size_t csv_count_fields(const char *line, char separator);

/* A field without blanks and quotes around it. */
struct csv_field {
    const char *text;
    size_t length;
};
/* The field at *p; moves *p past the separator after it. */
struct csv_field csv_next_field(const char **p, char separator);
/* A finite number as numpy and pandas write them; with semicolons also 0,5. */
bool csv_read_number(struct csv_field field, char separator, double *value);

/* --- layout --- */

#define CSV_LABEL_OPEN (-1) /* the first or the last column, which all rows decide */
#define CSV_LABEL_NONE (-2) /* not known */

struct csv_layout {
    char separator;
    size_t columns, line; /* of every row, and the line that set their number */
    bool index;           /* column 0 numbers the rows */
    bool guessed;         /* ... because the number of columns says so */
    double first;         /* number, if guessed */
    int label;            /* column from 0, or CSV_LABEL_OPEN */
    size_t pixels;
};

/* Is `first` a heading? `second`: the next line, or NULL. */
bool csv_is_heading(const char *first, const char *second, char separator);
/* A first row that pandas took for a heading, whose equal names it made differ: 0, 0.1,
   0.2, ... */
bool csv_is_mangled(const char *line, char separator);

/* Finds out what the columns are from the heading (or NULL) and the first row. `known`:
   the label's column in the file of the training images, or CSV_LABEL_NONE. */
enum status csv_layout_find(struct csv_layout *layout, const char *heading,
                            const char *row, const struct import_csv_options *options,
                            const char *path, int known) MUST_CHECK;

/* --- labels --- */

struct csv_labels {
    struct import_labels *labels;
    struct dataset_builder *builder; /* words become its class names */
    bool words;                      /* labels are words */
    struct import_names names;       /* of the words; owned */
};

/* The class of the label in a field. */
enum status csv_read_label(struct csv_labels *labels, struct csv_field field,
                           const struct csv_layout *layout, const struct csv_lines *lines,
                           uint16_t *label) MUST_CHECK;

/* Sorts classes that are words, and renumbers the labels. */
void csv_sort_words(struct dataset_builder *builder);

/* Which of two columns, of n values each, holds the labels? true: the last one. */
bool csv_label_is_last(const double *first, const double *last, size_t n);

#endif
