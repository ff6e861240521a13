/* Reads a list of pictures: CSV with a heading (RFC 4180). */
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "import_impl.h"
#include "import_labels.h"

#define LIST_FIELDS 64 /* columns, at most */

enum list_column {
    LIST_PATH,
    LIST_LABEL,
    LIST_SPLIT,
    LIST_GROUP,
    LIST_WEIGHT,
    LIST_COLUMNS
};

/* The names of a column; the first one is documented. */
static const char *const list_names[LIST_COLUMNS][4] = {
    {"path", "file", "filename", "image"},
    {"label", "class"},
    {"split"},
    {"group"},
    {"weight"}};

struct list_reader {
    struct import_set *set;
    const char *path; /* of the list, for messages */
    char *next;       /* the rest of the text */
    char separator;
    size_t line, next_line; /* where the record and the next one begin */
    char *field[LIST_FIELDS];
    int fields;
    int place[LIST_COLUMNS]; /* of a column among the fields; -1: there is none */
    char **group;            /* owned: names of the groups that were seen */
    int room;                /* in group */
};

/* Reads a field in place and moves next to the separator or the line's end after it. */
static enum status list_read_field(struct list_reader *list, char **field)
{
    char *in = list->next, *out = in;
    *field = in;
    if (*in != '"') {
        while (*in && *in != list->separator && *in != '\n')
            in++;
        list->next = in;
        return ST_OK; /* ended by the caller, who still needs the separator */
    }
    for (in++; *in; in++) {
        if (*in == '"' && in[1] != '"')
            break;
        in += *in == '"'; /* "" stands for " */
        list->next_line += *in == '\n';
        *out++ = *in;
    }
    if (!*in)
        FAIL(ST_FAIL, "line %zu of '%s': a quoted field has no end", list->line,
             list->path);
    in++;
    if (*in && *in != list->separator && *in != '\n' && *in != '\r')
        FAIL(ST_FAIL, "line %zu of '%s': there is text after the end of a quoted field",
             list->line, list->path);
    if (*in == '\r')
        in++;
    *out = '\0';
    list->next = in;
    return ST_OK;
}

/* Reads the next line that is not empty; fields is 0 after the last one. */
static enum status list_read_record(struct list_reader *list)
{
    list->fields = 0;
    while (*list->next == '\n' || (*list->next == '\r' && list->next[1] == '\n')) {
        list->next_line += *list->next == '\n';
        list->next++;
    }
    if (!*list->next)
        return ST_OK;
    list->line = list->next_line;
    for (;;) {
        char *field;
        if (list->fields == LIST_FIELDS)
            FAIL(ST_FAIL, "line %zu of '%s' has more than %d columns", list->line,
                 list->path, LIST_FIELDS);
        TRY(list_read_field(list, &field));
        list->field[list->fields++] = field;
        char end = *list->next;
        *list->next = '\0';
        size_t length = strlen(field);
        if (end != list->separator && length > 0 && field[length - 1] == '\r')
            field[length - 1] = '\0';
        if (end)
            list->next++;
        list->next_line += end == '\n';
        if (end != list->separator)
            return ST_OK;
    }
}

static int list_column_of(const char *name)
{
    for (int c = 0; c < LIST_COLUMNS; c++)
        for (int i = 0; i < 4 && list_names[c][i]; i++)
            if (strcasecmp(name, list_names[c][i]) == 0)
                return c;
    return -1;
}

bool import_is_list_heading(const char *line)
{
    static const char separators[] = ",;\t";
    bool path = false, label = false;
    line += strspn(line, "\r\n");
    for (const char *separator = separators; *separator; separator++) {
        char copy[1024], *rest = copy, *word;
        const char between[] = {*separator, '\0'};
        snprintf(copy, sizeof copy, "%.*s", (int)strcspn(line, "\r\n"), line);
        path = label = false;
        while ((word = strsep(&rest, between)) != NULL) {
            word = parse_trim(word);
            size_t length = strlen(word);
            if (length >= 2 && word[0] == '"' && word[length - 1] == '"') {
                word[length - 1] = '\0';
                word++;
            }
            int column = list_column_of(word);
            path = path || column == LIST_PATH;
            label = label || column == LIST_LABEL;
        }
        if (path && label)
            return true;
    }
    return false;
}

static enum status list_read_heading(struct list_reader *list)
{
    size_t skip = strspn(list->next, "\r\n"), length = strcspn(list->next + skip, "\r\n");
    const char *heading = list->next + skip;
    list->separator = ',';
    for (const char *other = ";\t"; *other; other++)
        if (!memchr(heading, ',', length) && memchr(heading, *other, length))
            list->separator = *other;
    TRY(list_read_record(list));
    for (int c = 0; c < LIST_COLUMNS; c++)
        list->place[c] = -1;
    for (int i = 0; i < list->fields; i++) {
        const char *name = parse_trim(list->field[i]);
        int c = list_column_of(name);
        if (c >= 0 && list->place[c] >= 0)
            FAIL(ST_FAIL, "'%s' has two columns '%s'", list->path, name);
        if (c >= 0)
            list->place[c] = i;
        else
            log_note("'%s': column '%s' is not used", list->path, name);
    }
    if (list->place[LIST_PATH] < 0 || list->place[LIST_LABEL] < 0)
        FAIL(ST_FAIL,
             "'%s' has no column '%s': the first line must name the columns, like "
             "'path,label,split'",
             list->path, list->place[LIST_PATH] < 0 ? "path" : "label");
    list->set->weighted = list->place[LIST_WEIGHT] >= 0;
    return ST_OK;
}

static const char *list_cell(const struct list_reader *list, enum list_column column)
{
    return list->place[column] < 0 ? "" : parse_trim(list->field[list->place[column]]);
}

static int list_by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Groups are first kept in the order of the list, as one name for each picture ... */
static void list_add_group(struct list_reader *list, const char *name)
{
    size_t i = list->set->count - 1;
    if ((int)list->set->count > list->room) {
        list->room = list->room ? 2 * list->room : 256;
        list->group = mem_resize(list->group, (size_t)list->room, sizeof *list->group);
    }
    list->group[i] = mem_strdup(name);
}

/* ... and numbered in order of their names. Pictures without a group are on their own. */
void import_number_groups(struct import_set *set, char *const *name)
{
    char **sorted = mem_zeroed(set->count + 1, sizeof *sorted);
    size_t n = 0;
    memcpy(sorted, name, set->count * sizeof *sorted);
    qsort(sorted, set->count, sizeof *sorted, list_by_name);
    for (size_t i = 0; i < set->count; i++)
        if (*sorted[i] && (n == 0 || strcmp(sorted[n - 1], sorted[i]) != 0))
            sorted[n++] = sorted[i];
    for (size_t i = 0; i < set->count; i++) {
        char **found =
            *name[i] ? bsearch(&name[i], sorted, n, sizeof *sorted, list_by_name) : NULL;
        set->picture[i].group = found ? (int)(found - sorted) : IMPORT_NO_GROUP;
    }
    set->groups = (int)n;
    free(sorted);
}

static enum status list_read_split(const struct list_reader *list, int *split)
{
    const char *word = list_cell(list, LIST_SPLIT);
    *split = *word ? import_split_of(word) : IMPORT_SPLIT_OPEN;
    if (*word && *split == IMPORT_SPLIT_OPEN)
        FAIL(ST_FAIL, "line %zu of '%s': split '%s' is not train, val or test",
             list->line, list->path, word);
    return ST_OK;
}

/* --- several classes --- */

static bool list_holds_set(const char *label)
{
    return strchr(label, IMPORT_LABELS_BETWEEN) != NULL;
}

static void list_begin_sets(struct list_reader *list, size_t line, const char *label)
{
    import_labels_begin(list->set);
    log_note("'%s' has labels with '%c' (line %zu: '%s'): its pictures may have several "
             "classes, or none",
             list->path, IMPORT_LABELS_BETWEEN, line, label);
}

/* After the first empty label: does one of those behind make this a multi-label set? */
static void list_look_ahead(struct list_reader *list)
{
    struct list_reader ahead = *list;
    char *copy = mem_strdup(list->next), why[STATUS_TEXT];
    bool found = false;
    ahead.next = copy;
    status_capture(why); /* what is wrong with a line is said when it is read */
    while (!found && list_read_record(&ahead) == ST_OK && ahead.fields > 0)
        found = ahead.fields > ahead.place[LIST_LABEL] &&
                list_holds_set(list_cell(&ahead, LIST_LABEL));
    status_capture(NULL);
    if (found)
        list_begin_sets(list, ahead.line, list_cell(&ahead, LIST_LABEL));
    free(copy);
}

/* To the picture that was added last: "cat; dog". Empty names do not count. */
static void list_add_labels(struct list_reader *list, const char *label)
{
    const char between[] = {IMPORT_LABELS_BETWEEN, '\0'};
    char *copy = mem_strdup(label), *rest = copy, *word;
    while ((word = strsep(&rest, between)) != NULL) {
        word = parse_trim(word);
        if (*word)
            import_labels_add(list->set, import_set_class(list->set, word));
    }
    free(copy);
}

/* --- pictures --- */

static enum status list_check_fields(const struct list_reader *list)
{
    int least = 0;
    for (int c = 0; c < LIST_COLUMNS; c++)
        least = list->place[c] >= least ? list->place[c] + 1 : least;
    if (list->fields < least)
        FAIL(ST_FAIL, "line %zu of '%s' has %d columns, but %d are needed", list->line,
             list->path, list->fields, least);
    return ST_OK;
}

static enum status list_read_picture(struct list_reader *list)
{
    int split;
    double weight = 1;
    TRY(list_check_fields(list));
    const char *path = list->field[list->place[LIST_PATH]];
    const char *label = list_cell(list, LIST_LABEL);
    const char *heavy = list_cell(list, LIST_WEIGHT);
    if (!list->set->multi_label && list_holds_set(label))
        list_begin_sets(list, list->line, label);
    else if (!list->set->multi_label && *path && !*label)
        list_look_ahead(list);
    if (!*path || (!*label && !list->set->multi_label))
        FAIL(ST_FAIL, "line %zu of '%s' has no %s", list->line, list->path,
             *path ? "label" : "path");
    TRY(list_read_split(list, &split));
    if (*heavy && !parse_real(heavy, 0, FLT_MAX, &weight))
        FAIL(ST_FAIL, "line %zu of '%s': weight '%s' is not a number of 0 or more",
             list->line, list->path, heavy);
    if (list->set->count == INT32_MAX)
        FAIL(ST_FAIL, "'%s' has too many lines", list->path);
    bool sets = list->set->multi_label;
    int class = sets ? IMPORT_NO_CLASS : import_set_class(list->set, label);
    import_set_add(list->set, mem_strdup(path), class, split)->weight = (float)weight;
    if (sets)
        list_add_labels(list, label);
    list_add_group(list, list_cell(list, LIST_GROUP));
    return ST_OK;
}

static enum status list_read(struct list_reader *list)
{
    TRY(list_read_heading(list));
    for (;;) {
        TRY(list_read_record(list));
        if (list->fields == 0)
            break;
        TRY(list_read_picture(list));
    }
    if (list->set->count == 0)
        FAIL(ST_FAIL, "'%s' names no pictures", list->path);
    if (list->set->multi_label && list->set->classes == 0)
        FAIL(ST_FAIL, "no picture in '%s' has a class", list->path);
    if (list->set->classes < 2 && !list->set->multi_label)
        FAIL(ST_FAIL,
             "all pictures in '%s' have the label '%s': at least two classes are "
             "expected",
             list->path, list->set->class_name[0]);
    import_number_groups(list->set, list->group);
    import_set_sort(list->set);
    return ST_OK;
}

enum status import_list(struct import_set *set, const char *path, enum import_label label,
                        char *text)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    *set = (struct import_set){
        .root = slash ? mem_format("%.*s", (int)(length ? length : 1), path)
                      : mem_strdup("."),
        .multi_label = label == IMPORT_LABEL_SETS};
    struct list_reader list = {.set = set, .path = path, .next = text, .next_line = 1};
    enum status st = list_read(&list);
    for (size_t i = 0; i < set->count && list.group; i++)
        free(list.group[i]);
    free(list.group);
    if (st != ST_OK)
        import_set_release(set);
    return st;
}
