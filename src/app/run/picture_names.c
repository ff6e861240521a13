#include "app/run/picture_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "data/import_pictures.h"
#include "io/kind.h"

#define NAMES_MARK "\xef\xbb\xbf" /* a byte order mark, as some editors write it */

static enum status names_list_folder(struct picture_names *names, const char *folder)
{
    fs_free_list(names->listed, names->listed_count);
    names->listed = NULL;
    names->listed_count = names->listed_next = 0;
    return import_list_folder(folder, &names->listed, &names->listed_count);
}

static enum status names_open_lines(struct picture_names *names, const char *path)
{
    if (strcmp(path, "-") == 0) {
        names->lines = stdin;
        names->lines_name = "stdin";
        return ST_OK;
    }
    if (fs_is_folder(path)) {
        names->operand = &names->folder;
        names->operands = 1;
        return ST_OK;
    }
    struct kind kind;
    TRY(kind_of_file(path, &kind));
    if (kind.class == KIND_IMAGE)
        FAIL(ST_USAGE, "'%s' is %s, not a list of names: give it without --from", path,
             kind.words);
    if (kind.class != KIND_TEXT && kind.class != KIND_EMPTY && kind.class != KIND_OTHER &&
        kind.class != KIND_SPECIAL) /* a pipe */
        return kind_refuse_as(&kind, path, "a list of names");
    names->lines = fopen(path, "r");
    names->lines_name = path;
    if (!names->lines)
        FAIL(ST_FAIL, "cannot open '%s': %s", path, strerror(errno));
    return ST_OK;
}

enum status picture_names_open(struct picture_names *names, const char *const *operand,
                               int operands, const char *from)
{
    *names =
        (struct picture_names){.operand = operand, .operands = operands, .folder = from};
    if (from && operands > 0)
        FAIL(ST_USAGE, "give the names of pictures or --from, not both");
    return from ? names_open_lines(names, from) : ST_OK;
}

/* A line that is not empty, without its end; NULL at the end of the file. Names that end
   with NUL, as `find -print0` writes them, are lines, too. */
static enum status names_read_line(struct picture_names *names, char **line)
{
    char text[FS_PATH];
    size_t length = 0;
    int c;
    *line = NULL;
    while ((c = getc_unlocked(names->lines)) != EOF) {
        bool ends = c == '\n' || c == '\0';
        if (ends && length > 0)
            break;
        if (length == sizeof text - 1)
            FAIL(ST_FAIL, "a line of '%s' is too long for the name of a file",
                 names->lines_name);
        if (!ends)
            text[length++] = (char)c;
        if (length == strlen(NAMES_MARK) && memcmp(text, NAMES_MARK, length) == 0)
            length = 0;
    }
    if (c == EOF && ferror(names->lines))
        FAIL(ST_FAIL, "cannot read '%s': %s", names->lines_name, strerror(errno));
    if (length > 0 && text[length - 1] == '\r')
        length--;
    text[length] = '\0';
    if (length > 0)
        *line = mem_strdup(text);
    else if (c != EOF) /* a line of "\r" alone */
        return names_read_line(names, line);
    return ST_OK;
}

/* The next operand or line. */
static enum status names_next_given(struct picture_names *names, char **name)
{
    *name = NULL;
    if (names->operands > 0) {
        names->operands--;
        *name = mem_strdup(*names->operand++);
    } else if (names->lines) {
        return names_read_line(names, name);
    }
    return ST_OK;
}

enum status picture_names_next(struct picture_names *names, char **name)
{
    for (;;) {
        if (names->listed_next < names->listed_count) {
            *name = mem_strdup(names->listed[names->listed_next++]);
            return ST_OK;
        }
        TRY(names_next_given(names, name));
        if (!*name || !fs_is_folder(*name))
            return ST_OK;
        enum status st = names_list_folder(names, *name);
        free(*name);
        *name = NULL;
        TRY(st);
    }
}

void picture_names_close(struct picture_names *names)
{
    if (names->lines && names->lines != stdin)
        fclose(names->lines);
    fs_free_list(names->listed, names->listed_count);
    *names = (struct picture_names){0};
}
